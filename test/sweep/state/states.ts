import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { finding, type Finding, type FindingCode } from "../../../src/archive/finding.ts";
import { fromUtf8, utf8 } from "../../../src/core/bytes.ts";
import { encodeCheckpoint, signCheckpoint } from "../../../src/core/checkpoint.ts";
import { signerFromSeed } from "../../../src/core/key.ts";
import { timestamp } from "../../../src/core/time.ts";
import type { Alarm } from "../../../src/sweep/alarm.ts";
import { parseSweepEntry, type SweepEntry } from "../../../src/sweep/report.ts";
import { DATABASE_NAME } from "../../../src/sweep/state/database.ts";
import type { RememberedLog } from "../../../src/sweep/state/remembered-logs.ts";
import type { RoundLog, RoundSummary } from "../../../src/sweep/state/round-summary.ts";
import { SweepState, type SweepStateOptions } from "../../../src/sweep/state/state.ts";

export const ORIGIN = "audit.example/prod";
export const PLACE = "memory:";
export const HOUR = 3_600_000;
export const DAY: number = 24 * HOUR;
export const START: number = Date.UTC(2026, 0, 2);

/** A clock that stands still, but where a test moves it. */
export class Clock {
  now: number = START;
  readonly read = (): number => this.now;
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "stele-sweep-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a state that is closed after the test. */
export function openState(folder: string, clock: Clock, options: Partial<SweepStateOptions> = {}): SweepState {
  const state = SweepState.open(folder, { origin: ORIGIN, place: PLACE, now: clock.read, ...options });
  onTestFinished(() => state.close());
  return state;
}

export function newState(clock: Clock = new Clock(), options: Partial<SweepStateOptions> = {}): SweepState {
  return openState(temporaryFolder(), clock, options);
}

/** What a kill at this moment would leave of a state. */
export function copyOf(folder: string): string {
  const copy = temporaryFolder();
  for (const end of ["", "-wal"]) {
    cpSync(join(folder, `${DATABASE_NAME}${end}`), join(copy, `${DATABASE_NAME}${end}`), { force: true });
  }
  return copy;
}

/** A finding of the log `app`, unless said otherwise. */
export function found(code: FindingCode, index: number | null = null, more: Partial<Finding> = {}): Finding {
  const object = index === null ? null : `app/manifests/${index}`;
  return { ...finding(code, "app", `${code} it is`, { index, object }), ...more };
}

/** All alarms that a state has made. */
export function alarmsOf(state: SweepState): Alarm[] {
  return state.alarms(0, 1_000_000).map(({ alarm }) => alarm);
}

/** Alarms in short: their kind and what they are of. */
export function toldBy(state: SweepState): string[] {
  return alarmsOf(state).map(({ kind, finding: of, log }) => `${kind} ${of === undefined ? `many in ${log}` : of.code}`);
}

const SIGNER = signerFromSeed(`${ORIGIN}/app`, new Uint8Array(32).fill(1));

/** A log as the head round remembers it, with `size` manifests. */
export async function remembered(size: number, more: Partial<RememberedLog> = {}): Promise<RememberedLog> {
  const name = more.name ?? "app";
  const signer = SIGNER.rename(`${ORIGIN}/${name}`);
  const root = new Uint8Array(32).fill(size % 256);
  return {
    name,
    checkpoint: await signCheckpoint({ origin: `${ORIGIN}/${name}`, size, root }, [signer]),
    keys: [signer.key],
    sealed: timestamp(START - 1000),
    nextBy: null,
    closed: false,
    seenAt: timestamp(START),
    ...more,
  };
}

/** A remembered log as plain text. */
export function plain({ checkpoint, keys, ...rest }: RememberedLog): object {
  return { ...rest, checkpoint: fromUtf8(encodeCheckpoint(checkpoint)), keys: keys.map(({ vkey }) => vkey) };
}

/** What a round says it did. */
export function summary(more: Partial<RoundSummary> = {}): RoundSummary {
  return {
    sweeper: "host/1",
    round: "head",
    shard: "1/1",
    started: timestamp(START),
    ended: timestamp(START + 1000),
    verdict: "sound",
    logs: [],
    requests: 7,
    bytes: 4711,
    notObservable: [],
    ...more,
  };
}

/** What a round says of one log. */
export function roundLog(head: RememberedLog | null, more: Partial<RoundLog> = {}): RoundLog {
  const what = { blocks: null, manifests: { first: 0, end: 5 }, entries: 12, bytes: 345, complete: true, why: null, pass: null };
  return { log: head?.name ?? "app", head, ...what, ...more };
}

/** The lines that a state would append to the log of sweeps, read as they will be. */
export function pendingIn(state: SweepState): SweepEntry[] {
  return state.reports.pending().map(({ line }) => parseSweepEntry(utf8(line)));
}
