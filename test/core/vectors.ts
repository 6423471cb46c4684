import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";

const folder = new URL("../../../shared/vectors/", import.meta.url);

/** Whether the vectors of transparency-dev/merkle lie beside the checkout. Says so when they do not. */
export const haveVectors: boolean = existsSync(folder);
if (!haveVectors) console.warn("../shared/vectors is absent: the known-answer vectors of RFC 6962 proofs are skipped");

const hash = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const proof = z
  .array(hash)
  .nullable()
  .transform((hashes) => hashes ?? []);
// Mutated indexes and sizes reach 2^64 - 1, which JSON.parse rounds: they stay far outside of what is allowed.
const number = z.number();

export interface InclusionVector {
  readonly name: string;
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: Uint8Array | null;
  readonly leafHash: Uint8Array | null;
  readonly proof: readonly Uint8Array[];
  readonly wantErr?: boolean | undefined;
}

export interface ConsistencyVector {
  readonly name: string;
  readonly size1: number;
  readonly size2: number;
  readonly root1: Uint8Array | null;
  readonly root2: Uint8Array | null;
  readonly proof: readonly Uint8Array[];
  readonly wantErr?: boolean | undefined;
}

const inclusionCase: z.ZodType<InclusionVector> = z.object({
  name: z.string(),
  leafIdx: number,
  treeSize: number,
  root: hash.nullable(),
  leafHash: hash.nullable(),
  proof,
  wantErr: z.boolean().optional(),
});

const consistencyCase: z.ZodType<ConsistencyVector> = z.object({
  name: z.string(),
  size1: number,
  size2: number,
  root1: hash.nullable(),
  root2: hash.nullable(),
  proof,
  wantErr: z.boolean().optional(),
});

export const inclusionVectors: readonly InclusionVector[] = load("rfc6962-inclusion.json", z.array(inclusionCase));
export const consistencyVectors: readonly ConsistencyVector[] = load("rfc6962-consistency.json", z.array(consistencyCase));

function load<T>(name: string, schema: z.ZodType<T[]>): T[] {
  return haveVectors ? schema.parse(JSON.parse(readFileSync(new URL(name, folder), "utf8"))) : [];
}
