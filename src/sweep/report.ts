import { z } from "zod";
import { fromUtf8, utf8 } from "../core/bytes.ts";
import { counter, parseCanonical, text, time } from "../core/canonical-json.ts";
import { SteleError } from "../core/error.ts";
import { isKeyName } from "../core/key.ts";
import type { Timestamp } from "../core/time.ts";
import type { Verdict } from "../archive/finding.ts";
import {
  type Acknowledgement,
  acknowledgement,
  type FindingRecord,
  findingRecord,
  id,
  round,
  spellAcknowledgement,
  spellFinding,
} from "./finding-record.ts";
import type { RoundName } from "./place.ts";

/** The log that reports go to. */
export const SWEEPS_LOG = "_sweeps";

export const REPORT_FORMAT = "stele-sweep/1";

/** No line is longer, so that each is an entry of a log with the usual limits. */
export const MAX_REPORT_BYTES: number = 1 << 20;

/** What all lines begin with. */
interface Heading {
  readonly format: typeof REPORT_FORMAT;
  /** The same in all parts of one report. */
  readonly id: string;
  /** Of many lines that belong together, from 1. */
  readonly part: { readonly number: number; readonly of: number };
  /** The archive's. */
  readonly origin: string;
  readonly sweeper: string;
  readonly at: Timestamp;
}

/** A log's good head, as the head round saw it. */
export interface ReportedHead {
  readonly log: string;
  readonly size: number;
  readonly root: string;
  /** The signed note. */
  readonly checkpoint: string;
  /** Verifier keys in force after it. */
  readonly keys: readonly string[];
  readonly sealed: Timestamp;
  readonly nextBy: Timestamp | null;
  readonly closed: boolean;
  readonly seenAt: Timestamp;
}

/** How far a pass over a log's blocks is. */
export interface PassProgress {
  readonly started: Timestamp;
  /** null: under way. */
  readonly finished: Timestamp | null;
  /** All blocks of the shard before this one are done. */
  readonly nextBlock: number;
}

/** What a round did in one log. */
export interface ReportedLog {
  readonly log: string;
  readonly blocks: Range | null;
  readonly manifests: Range | null;
  readonly entries: number;
  readonly bytes: number;
  readonly head: ReportedHead | null;
  readonly complete: boolean;
  readonly why: string | null;
  readonly pass: PassProgress | null;
}

interface Range {
  readonly first: number;
  readonly end: number;
}

/** The end of an episode of a finding. */
export interface Closing {
  readonly id: string;
  readonly firstSeen: Timestamp;
  readonly at: Timestamp;
}

/** What a round saw, and what it changed in the ledger. */
export interface RoundReport extends Heading {
  readonly kind: "report";
  readonly round: RoundName;
  readonly shard: string;
  readonly started: Timestamp;
  readonly ended: Timestamp;
  readonly verdict: Verdict;
  readonly requests: number;
  readonly bytes: number;
  readonly logs: readonly ReportedLog[];
  readonly opened: readonly FindingRecord[];
  readonly closed: readonly Closing[];
  /** Of all that is open, how many, and as many ids as there is room for. */
  readonly open: { readonly count: number; readonly ids: readonly string[] };
  readonly notObservable: readonly string[];
}

/** That someone answers for a finding. */
export interface AcknowledgementEntry extends Heading {
  readonly kind: "acknowledgement";
  readonly finding: string;
  readonly firstSeen: Timestamp;
  readonly code: string;
  readonly log: string;
  readonly acknowledgement: Acknowledgement;
}

/** A pass as a `state` line carries it. */
export interface ReportedPass extends PassProgress {
  readonly round: RoundName;
  readonly log: string;
  readonly shard: string;
}

/** Everything that a machine needs to go on. */
export interface StateEntry extends Heading {
  readonly kind: "state";
  readonly logs: readonly ReportedHead[];
  readonly passes: readonly ReportedPass[];
  readonly findings: readonly FindingRecord[];
}

/** One line of the log `_sweeps`. */
export type SweepEntry = RoundReport | AcknowledgementEntry | StateEntry;

const origin = text(512).refine(isKeyName, "expected an origin");
const logName = text(256);
const shard = z.string().regex(/^[1-9]\d{0,4}\/[1-9]\d{0,4}$/, "expected a shard such as 2/4");
const range = z.strictObject({ first: counter, end: counter });
const remark = text(4000);

const heading = {
  id,
  part: z
    .strictObject({ number: z.int().min(1), of: z.int().min(1).max(1_000_000) })
    .refine(({ number, of }) => number <= of, "expected a part of those there are"),
  origin,
  sweeper: text(256),
  at: time,
};
const format = z.literal(REPORT_FORMAT);

const head: z.ZodType<ReportedHead> = z.strictObject({
  log: logName,
  size: counter,
  root: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  checkpoint: text(65_536),
  keys: z.array(text(512)).min(1).max(64),
  sealed: time,
  nextBy: time.nullable(),
  closed: z.boolean(),
  seenAt: time,
});
const progress = { started: time, finished: time.nullable(), nextBlock: counter };

const schema: z.ZodType<SweepEntry> = z.discriminatedUnion("kind", [
  z.strictObject({
    format,
    kind: z.literal("report"),
    ...heading,
    round,
    shard,
    started: time,
    ended: time,
    verdict: z.enum(["sound", "unsound", "unknown"]),
    requests: counter,
    bytes: counter,
    logs: z.array(
      z.strictObject({
        log: logName,
        blocks: range.nullable(),
        manifests: range.nullable(),
        entries: counter,
        bytes: counter,
        head: head.nullable(),
        complete: z.boolean(),
        why: remark.nullable(),
        pass: z.strictObject(progress).nullable(),
      }),
    ),
    opened: z.array(findingRecord),
    closed: z.array(z.strictObject({ id, firstSeen: time, at: time })),
    open: z.strictObject({ count: counter, ids: z.array(id) }),
    notObservable: z.array(remark),
  }),
  z.strictObject({
    format,
    kind: z.literal("acknowledgement"),
    ...heading,
    finding: id,
    firstSeen: time,
    code: text(64),
    log: logName,
    acknowledgement,
  }),
  z.strictObject({
    format,
    kind: z.literal("state"),
    ...heading,
    logs: z.array(head),
    passes: z.array(z.strictObject({ round, log: logName, shard, ...progress })),
    findings: z.array(findingRecord),
  }),
]);

/** The line, without a line feed. */
export function formatSweepEntry(entry: SweepEntry): Uint8Array<ArrayBuffer> {
  return utf8(spell(entry));
}

/** Reads a line in its one spelling. @throws SteleError `format.encoding` */
export function parseSweepEntry(bytes: Uint8Array): SweepEntry {
  if (bytes.length > MAX_REPORT_BYTES) {
    throw new SteleError(
      "format.encoding",
      `entry of ${SWEEPS_LOG}: expected at most ${MAX_REPORT_BYTES} bytes, got ${bytes.length}`,
    );
  }
  return parseCanonical(bytes, schema, spell, "format.encoding", `entry of ${SWEEPS_LOG}`);
}

/** Whether a line says that it is of a format that this program does not know; null where it is none at all. */
export function formatOf(bytes: Uint8Array): string | null {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes));
    const said: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "format") : null;
    return typeof said === "string" ? said : null;
  } catch {
    return null;
  }
}

function spell(entry: SweepEntry): string {
  const begin = {
    format: entry.format,
    kind: entry.kind,
    id: entry.id,
    part: { number: entry.part.number, of: entry.part.of },
    origin: entry.origin,
    sweeper: entry.sweeper,
    at: entry.at,
  };
  return JSON.stringify({ ...begin, ...spellRest(entry) });
}

function spellRest(entry: SweepEntry): object {
  switch (entry.kind) {
    case "report":
      return {
        round: entry.round,
        shard: entry.shard,
        started: entry.started,
        ended: entry.ended,
        verdict: entry.verdict,
        requests: entry.requests,
        bytes: entry.bytes,
        logs: entry.logs.map(spellLog),
        opened: entry.opened.map(spellFinding),
        closed: entry.closed.map(({ id: finding, firstSeen, at }) => ({ id: finding, firstSeen, at })),
        open: { count: entry.open.count, ids: entry.open.ids },
        notObservable: entry.notObservable,
      };
    case "acknowledgement":
      return {
        finding: entry.finding,
        firstSeen: entry.firstSeen,
        code: entry.code,
        log: entry.log,
        acknowledgement: spellAcknowledgement(entry.acknowledgement),
      };
    case "state":
      return {
        logs: entry.logs.map(spellHead),
        passes: entry.passes.map((pass) => ({
          round: pass.round,
          log: pass.log,
          shard: pass.shard,
          ...spellProgress(pass),
        })),
        findings: entry.findings.map(spellFinding),
      };
  }
}

function spellLog(log: ReportedLog): object {
  return {
    log: log.log,
    blocks: log.blocks === null ? null : { first: log.blocks.first, end: log.blocks.end },
    manifests: log.manifests === null ? null : { first: log.manifests.first, end: log.manifests.end },
    entries: log.entries,
    bytes: log.bytes,
    head: log.head === null ? null : spellHead(log.head),
    complete: log.complete,
    why: log.why,
    pass: log.pass === null ? null : spellProgress(log.pass),
  };
}

function spellHead(one: ReportedHead): object {
  const { log, size, root, checkpoint, keys, sealed, nextBy, closed, seenAt } = one;
  return { log, size, root, checkpoint, keys, sealed, nextBy, closed, seenAt };
}

function spellProgress({ started, finished, nextBlock }: PassProgress): object {
  return { started, finished, nextBlock };
}
