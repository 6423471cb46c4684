import { sha256 } from "#sha256";
import { z } from "zod";
import { toHex, utf8 } from "../core/bytes.ts";
import type { Timestamp } from "../core/time.ts";
import type { Finding, Severity } from "../archive/finding.ts";

/** What an alarm says has happened. */
export type AlarmKind =
  | "finding.opened"
  | "finding.reminder"
  | "finding.cleared"
  | "finding.acknowledged"
  | "findings.many"
  | "event.matched"
  | "stream.anomaly"
  | "stream.recovered"
  | "sweep.overdue"
  | "sweep.recovered"
  | "test";

/** A finding as it is remembered from sweep to sweep. */
export interface KnownFinding extends Finding {
  /** The same thing found again has the same id: see {@link findingId}. */
  readonly id: string;
  readonly firstSeen: Timestamp;
  readonly lastSeen: Timestamp;
  /** Entry indexes that it affects, end exclusive; null where it is of none, or they are not known. */
  readonly entries: { readonly first: number; readonly end: number } | null;
}

/** An event that a rule matched, with the proof that it is in the archive. */
export interface MatchedEvent {
  readonly rule: string;
  /** The entry's index in its log. */
  readonly index: number;
  readonly arrived: Timestamp;
  readonly source: string;
  /** The entry as text; bytes that are no UTF-8 are replaced. The proof holds it byte for byte. */
  readonly text: string;
  /** A `stele-proof/1`: one line of JSON. */
  readonly proof: string;
}

/** A departure of a stream from its own past, in words and numbers. */
export interface Anomaly {
  /** Such as `source.silent` or `rate.high`. */
  readonly detector: string;
  readonly source: string;
  readonly expected: string;
  readonly actual: string;
  /** Entry indexes that it was seen in, end exclusive; null where nothing came at all. */
  readonly entries: { readonly first: number; readonly end: number } | null;
}

/** What people and playbooks are told, once. */
export interface Alarm {
  /** The same alarm has the same id, whoever makes it and however often: receivers drop repetitions by it. */
  readonly id: string;
  readonly kind: AlarmKind;
  readonly severity: Severity;
  readonly at: Timestamp;
  /** The archive's origin. */
  readonly origin: string;
  /** "" for the archive as a whole. */
  readonly log: string;
  /** One line. */
  readonly title: string;
  /** What it means, and what to do now. */
  readonly message: string;
  /** Alarms of one matter share it: a finding's id, so that an all-clear closes what its alarm opened. */
  readonly subject: string;
  readonly finding?: KnownFinding | undefined;
  readonly event?: MatchedEvent | undefined;
  readonly anomaly?: Anomaly | undefined;
}

/** An alarm's id: 32 hex digits over what makes it this alarm and no other. */
export function alarmId(kind: AlarmKind, subject: string, episode: string): string {
  return digest(`stele-alarm\n${kind}\n${subject}\n${episode}`);
}

/** A finding's id: the same for the same thing found by another sweep, another round or another machine. */
export function findingId(origin: string, found: Pick<Finding, "code" | "log" | "object" | "versionId" | "index">): string {
  const { code, log, object, versionId, index } = found;
  return digest(`stele-finding\n${JSON.stringify([origin, code, log, object, versionId, index])}`);
}

function digest(text: string): string {
  return toHex(sha256(utf8(text))).slice(0, 32);
}

const entries = z.strictObject({ first: z.int().min(0), end: z.int().min(0) }).nullable();
const severity = z.enum(["critical", "warning", "info"]);

// Written by this program into its own database: the strings' types are as they were written.
const alarmSchema = z.custom<Alarm>((value) => shape.safeParse(value).success, "not an alarm");
const shape = z.looseObject({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  kind: z.string(),
  severity,
  at: z.string(),
  origin: z.string(),
  log: z.string(),
  title: z.string(),
  message: z.string(),
  subject: z.string(),
  finding: z.looseObject({ id: z.string(), code: z.string(), entries }).optional(),
  event: z.looseObject({ rule: z.string(), index: z.int(), proof: z.string() }).optional(),
  anomaly: z.looseObject({ detector: z.string(), source: z.string(), entries }).optional(),
});

/** Reads what {@link formatAlarm} wrote. @throws SyntaxError, ZodError */
export function parseAlarm(json: string): Alarm {
  return alarmSchema.parse(JSON.parse(json));
}

export function formatAlarm(alarm: Alarm): string {
  return JSON.stringify(alarm);
}
