import { z } from "zod";
import { counter, text, time } from "../core/canonical-json.ts";
import type { FindingCode } from "../archive/finding.ts";
import type { Timestamp } from "../core/time.ts";
import type { KnownFinding } from "./alarm.ts";
import { ROUNDS, type RoundName } from "./place.ts";

/** That someone looked at a finding and answers for it. */
export interface Acknowledgement {
  readonly by: string;
  readonly why: string;
  readonly at: Timestamp;
  /** When it opens again; null: never, as long as it stays the same episode. */
  readonly until: Timestamp | null;
}

/** Where a finding was seen, and by which rounds. */
export interface SeenAt {
  readonly log: string;
  readonly block: number | null;
  readonly rounds: readonly RoundName[];
}

/** A finding with all that a ledger knows of it. */
export interface FindingRecord extends KnownFinding {
  readonly places: readonly SeenAt[];
  /** The subject of the alarm that told of it: its own id or that of an alarm for many; null where none did. */
  readonly told: string | null;
  /** The number of its last reminder. */
  readonly reminded: number;
  readonly acknowledged: Acknowledgement | null;
}

export const MAX_TEXT = 2000;
/** Keys in S3 have up to 1,024 bytes, paths up to 4,096. */
const MAX_KEY = 4096;

export const id: z.ZodString = z.string().regex(/^[0-9a-f]{32}$/, "expected 32 hexadecimal digits");
export const round: z.ZodType<RoundName> = z.enum(ROUNDS);
const line = text(MAX_TEXT);
const severity = z.enum(["critical", "warning", "info"]);
const code = z.custom<FindingCode>((value) => typeof value === "string" && /^[a-z]+\.[a-z-]+$/.test(value), "expected a code");

/** The fields of a finding itself: see {@link tidy}. */
export const findingFields: {
  readonly [Name in Exclude<keyof KnownFinding, "id" | "firstSeen" | "lastSeen">]: z.ZodType<KnownFinding[Name]>;
} = {
  code,
  severity,
  log: text(256),
  object: text(MAX_KEY).nullable(),
  versionId: text(MAX_KEY).nullable(),
  index: counter.nullable(),
  message: line,
  expected: line.nullable(),
  actual: line.nullable(),
  entries: z
    .strictObject({ first: counter, end: counter })
    .refine(({ first, end }) => first <= end, "expected an end that is not before its beginning")
    .nullable(),
};

export const acknowledgement: z.ZodType<Acknowledgement> = z.strictObject({
  by: line,
  why: line,
  at: time,
  until: time.nullable(),
});

export const findingRecord: z.ZodType<FindingRecord> = z.strictObject({
  id,
  ...findingFields,
  firstSeen: time,
  lastSeen: time,
  places: z.array(z.strictObject({ log: text(256), block: counter.nullable(), rounds: z.array(round).min(1).max(3) })),
  told: id.nullable(),
  reminded: counter,
  acknowledged: acknowledgement.nullable(),
});

/** A record's fields in their order. */
export function spellFinding(record: FindingRecord): object {
  return {
    id: record.id,
    code: record.code,
    severity: record.severity,
    log: record.log,
    object: record.object,
    versionId: record.versionId,
    index: record.index,
    message: record.message,
    expected: record.expected,
    actual: record.actual,
    entries: record.entries === null ? null : { first: record.entries.first, end: record.entries.end },
    firstSeen: record.firstSeen,
    lastSeen: record.lastSeen,
    places: record.places.map(({ log, block, rounds }) => ({ log, block, rounds })),
    told: record.told,
    reminded: record.reminded,
    acknowledged: record.acknowledged === null ? null : spellAcknowledgement(record.acknowledged),
  };
}

export function spellAcknowledgement({ by, why, at, until }: Acknowledgement): object {
  return { by, why, at, until };
}

/**
 * One line of bounded length. What findings say may come from whoever wrote into the store: no control character, no
 * direction mark and no half of a character gets from there to a terminal or a chat.
 */
export function tidy(said: string): string {
  const plain = said.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
  return plain.length <= MAX_TEXT ? plain : `${plain.slice(0, MAX_TEXT - 3).toWellFormed()}...`;
}

/** A key or version as a JSON line can carry it. */
export function tidyKey(key: string): string {
  return key.toWellFormed().slice(0, MAX_KEY).toWellFormed();
}
