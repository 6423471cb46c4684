import { z } from "zod";

/** What any JSON reader sees in a manifest object's first line. */
export interface ParsedCommit {
  readonly index: number;
  readonly segment: { readonly key: string; readonly versionId: string | null } | null;
  readonly entries: { readonly first: number; readonly count: number };
  readonly appends: readonly {
    readonly first: number;
    readonly count: number;
    readonly source: string;
    readonly id?: string | undefined;
  }[];
  readonly retention: { readonly mode: string; readonly until: string };
  readonly writer: { readonly id: string };
}

const schema: z.ZodType<ParsedCommit> = z.looseObject({
  index: z.number(),
  segment: z.looseObject({ key: z.string(), versionId: z.string().nullable() }).nullable(),
  entries: z.looseObject({ first: z.number(), count: z.number() }),
  appends: z.array(z.looseObject({ first: z.number(), count: z.number(), source: z.string(), id: z.string().optional() })),
  retention: z.object({ mode: z.string(), until: z.string() }),
  writer: z.looseObject({ id: z.string() }),
});

export function parseCommit(object: Uint8Array): ParsedCommit {
  const [line = ""] = Buffer.from(object).toString().split("\n");
  return schema.parse(JSON.parse(line));
}
