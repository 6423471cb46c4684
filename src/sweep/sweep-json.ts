import { z } from "zod";
import { SteleError } from "../core/error.ts";
import type { Timestamp } from "../core/time.ts";
import { isTimestamp } from "../core/time.ts";
import type { Cost } from "./cost.ts";
import { acknowledgement, findingFields, id, round } from "./finding-record.ts";
import type { RoundName } from "./place.ts";
import type { RoundLogResult, SweepResult, SweptFinding, SweptLog } from "./result.ts";

/** What one round did in one log, as it is written down. */
export type RoundLogJson = Pick<
  RoundLogResult,
  "log" | "blocks" | "manifests" | "checked" | "entries" | "bytes" | "complete" | "why"
>;

export interface RoundJson {
  readonly round: RoundName;
  readonly started: Timestamp;
  readonly ended: Timestamp;
  readonly cost: Cost;
  readonly logs: readonly RoundLogJson[];
}

/** What a sweep saw, as one JSON object: what scripts get, and what results of shards are merged from. */
export interface SweepJson {
  readonly ok: boolean;
  readonly verdict: SweepResult["verdict"];
  readonly complete: boolean;
  readonly origin: string;
  /** The shard; of a merged result all those in it, such as `1/3,2/3,3/3`. */
  readonly shard: string;
  readonly started: Timestamp;
  readonly ended: Timestamp;
  readonly logs: readonly SweptLog[];
  readonly findings: readonly SweptFinding[];
  readonly notObservable: readonly string[];
  readonly rounds: readonly RoundJson[];
  readonly cost: Cost;
}

export function sweepAsJson(result: SweepResult): SweepJson {
  const { verdict, complete, origin, shard, started, ended, logs, findings, notObservable, cost } = result;
  const rounds = result.rounds.map((one) => ({ ...one, logs: one.logs.map(logAsJson) }));
  return {
    ok: verdict === "sound",
    verdict,
    complete,
    origin,
    shard,
    started,
    ended,
    logs,
    findings,
    notObservable,
    rounds,
    cost,
  };
}

function logAsJson({ log, blocks, manifests, checked, entries, bytes, complete, why }: RoundLogResult): RoundLogJson {
  return { log, blocks, manifests, checked, entries, bytes, complete, why };
}

const counter = z.int().min(0);
const time = z.custom<Timestamp>((value) => typeof value === "string" && isTimestamp(value), "expected a time");
const range = z.strictObject({ first: counter, end: counter }).nullable();
const cost: z.ZodType<Cost> = z.strictObject({
  gets: counter,
  heads: counter,
  lists: counter,
  locks: counter,
  puts: counter,
  bytesRead: counter,
  bytesWritten: counter,
});

const schema: z.ZodType<SweepJson> = z.strictObject({
  ok: z.boolean(),
  verdict: z.enum(["sound", "unsound", "unknown"]),
  complete: z.boolean(),
  origin: z.string(),
  shard: z.string().regex(/^\d+\/\d+(?:,\d+\/\d+)*$/, "expected shards such as 2/4"),
  started: time,
  ended: time,
  logs: z.array(
    z.strictObject({
      log: z.string(),
      origin: z.string(),
      manifests: counter,
      entries: counter,
      bytes: counter,
      head: z.strictObject({ size: counter, root: z.string() }).nullable(),
      keyPinned: z.boolean(),
    }),
  ),
  findings: z.array(
    z.strictObject({
      id,
      ...findingFields,
      firstSeen: time,
      lastSeen: time,
      standing: z.enum(["new", "open", "gone"]),
      seen: z.boolean(),
      acknowledged: acknowledgement.nullable(),
    }),
  ),
  notObservable: z.array(z.string()),
  rounds: z.array(
    z.strictObject({
      round,
      started: time,
      ended: time,
      cost,
      logs: z.array(
        z.strictObject({
          log: z.string(),
          blocks: range,
          manifests: range,
          checked: counter,
          entries: counter,
          bytes: counter,
          complete: z.boolean(),
          why: z.string().nullable(),
        }),
      ),
    }),
  ),
  cost,
});

/**
 * Reads what {@link sweepAsJson} gave.
 * @param what stands in messages: the file's name
 * @throws SteleError `input.invalid`
 */
export function parseSweepJson(text: string, what: string): SweepJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SteleError("input.invalid", `${what}: expected the output of stele sweep --json, got no JSON`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new SteleError(
    "input.invalid",
    `${what}: expected the output of stele sweep --json: ${first?.path.join(".") ?? ""}: ${first?.message ?? ""}`,
  );
}
