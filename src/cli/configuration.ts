import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { type AlarmsConfig, alarmsConfigSchema } from "../alert/config.ts";
import { type AnomaliesConfig, anomaliesConfigSchema } from "../alert/anomaly/config.ts";
import { type RulesConfig, rulesConfigSchema } from "../alert/rules/config.ts";
import { type AnchorsConfig, anchorsConfigSchema } from "../archive/anchor/config.ts";
import { SteleError } from "../core/error.ts";
import { parseVerifierKey } from "../core/key.ts";
import { type SweepConfig, sweepConfigSchema } from "../sweep/config.ts";
import { lineOf } from "../alert/rules/strict-yaml.ts";
import { readTextFile } from "./files.ts";
import { type WatchConfig, watchConfigSchema } from "./watch/config.ts";

/** What `--config FILE` may hold. Every key is optional; any other is an error. */
export interface Configuration {
  /** Verifier keys to believe. */
  readonly keys?: readonly string[] | undefined;
  /** The signing key's file, relative to the configuration's folder. */
  readonly keyFile?: string | undefined;
  /** The folder of all spools, relative to the configuration's folder. */
  readonly spool?: string | undefined;
  readonly s3?:
    | {
        readonly endpoint?: string | undefined;
        readonly region?: string | undefined;
        readonly pathStyle?: boolean | undefined;
        readonly checksum?: "auto" | "sha256" | "md5" | undefined;
      }
    | undefined;
  readonly limits?:
    | {
        readonly maxEventBytes?: number | undefined;
        readonly segmentBytes?: number | undefined;
        readonly segmentEntries?: number | undefined;
        readonly threads?: number | undefined;
      }
    | undefined;
  /** How the rounds of a sweep are done. */
  readonly sweep?: SweepConfig | undefined;
  /** When `stele watch` does them, and where it answers. */
  readonly watch?: WatchConfig | undefined;
  /** Where alarms go. */
  readonly alarms?: AlarmsConfig | undefined;
  /** Rules on events. */
  readonly rules?: RulesConfig | undefined;
  /** What departs from a stream's own past. */
  readonly anomalies?: AnomaliesConfig | undefined;
  /** Whose word is taken for what a log's head was. */
  readonly anchors?: AnchorsConfig | undefined;
}

const MAX_BYTES = 1 << 20;
const positive = z.int().min(1);

const schema: z.ZodType<Configuration> = z.strictObject({
  keys: z.array(z.string().refine(isVkey, "expected a verifier key: NAME+8 hex digits+base64")).min(1).optional(),
  keyFile: z.string().min(1).optional(),
  spool: z.string().min(1).optional(),
  s3: z
    .strictObject({
      endpoint: z.url({ protocol: /^https?$/ }).optional(),
      region: z.string().min(1).optional(),
      pathStyle: z.boolean().optional(),
      checksum: z.enum(["auto", "sha256", "md5"]).optional(),
    })
    .optional(),
  limits: z
    .strictObject({
      maxEventBytes: positive.optional(),
      segmentBytes: positive.optional(),
      segmentEntries: positive.optional(),
      threads: positive.optional(),
    })
    .optional(),
  sweep: sweepConfigSchema.optional(),
  watch: watchConfigSchema.optional(),
  alarms: alarmsConfigSchema.optional(),
  rules: rulesConfigSchema.optional(),
  anomalies: anomaliesConfigSchema.optional(),
  anchors: anchorsConfigSchema.optional(),
});

/** @throws SteleError `input.unreadable`; `input.invalid`, naming each line that is wrong */
export async function readConfiguration(path: string): Promise<Configuration> {
  return parseConfiguration(await readTextFile(path, MAX_BYTES), path);
}

/** @throws SteleError `input.invalid`, naming each line that is wrong */
export function parseConfiguration(text: string, path: string): Configuration {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, strict: true });
  const wrong = [...document.errors, ...document.warnings];
  if (wrong.length > 0) {
    throw invalid(wrong.map(({ pos, message }) => `${path}:${lines.linePos(pos[0]).line}: ${message}`));
  }
  // An empty file, or one of comments only, configures nothing.
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 10 }) ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => {
    const at = issue.path.map(String);
    if (issue.code !== "unrecognized_keys")
      return [{ line: lineOf(document, lines, at), text: `${at.join(".")}: ${issue.message}` }];
    return issue.keys.map((key) => ({
      line: lineOf(document, lines, [...at, key]),
      text: `unknown key ${JSON.stringify([...at, key].join("."))}`,
    }));
  });
  throw invalid(problems.map((problem) => `${path}:${problem.line}: ${problem.text}`));
}

function isVkey(value: string): boolean {
  try {
    parseVerifierKey(value);
    return true;
  } catch {
    return false;
  }
}

function invalid(problems: readonly string[]): SteleError {
  return new SteleError("input.invalid", `configuration: ${problems.join("\n")}`);
}
