import type { Verdict } from "../archive/finding.ts";
import type { Timestamp } from "../core/time.ts";
import type { KnownFinding } from "./alarm.ts";
import type { Cost } from "./cost.ts";
import type { Acknowledgement } from "./finding-record.ts";
import type { RoundName } from "./place.ts";
import type { RoundLog } from "./state/round-summary.ts";

/**
 * `new`: found by this sweep for the first time, or again after it was gone. `open`: was open before, and was not found to be
 * gone. `gone`: was open before, and is not there any more.
 */
export type Standing = "new" | "open" | "gone";

/** A finding as a sweep leaves it. */
export interface SweptFinding extends KnownFinding {
  readonly standing: Standing;
  /** Whether this sweep found it. If not, and it is open, its place was not looked at, or could not be read. */
  readonly seen: boolean;
  /** Who answers for it; null: nobody. */
  readonly acknowledged: Acknowledgement | null;
}

/** What one round did in one log. */
export interface RoundLogResult extends RoundLog {
  /** Manifests that this sweep checked. */
  readonly checked: number;
}

/** What one round did. */
export interface RoundResult {
  readonly round: RoundName;
  readonly started: Timestamp;
  readonly ended: Timestamp;
  readonly cost: Cost;
  readonly logs: readonly RoundLogResult[];
}

/** A log as far as all rounds of a sweep together saw it. */
export interface SweptLog {
  readonly log: string;
  readonly origin: string;
  /** Checked by this sweep. */
  readonly manifests: number;
  readonly entries: number;
  readonly bytes: number;
  readonly head: { readonly size: number; readonly root: string } | null;
  readonly keyPinned: boolean;
}

/** What a sweep saw, and what of it stands. */
export interface SweepResult {
  /** Of all that is open and that nobody answers for, whether this sweep looked at it or not. */
  readonly verdict: Verdict;
  /** Whether everything was looked at that the rounds were to look at. */
  readonly complete: boolean;
  readonly origin: string;
  readonly shard: string;
  readonly started: Timestamp;
  readonly ended: Timestamp;
  readonly logs: readonly SweptLog[];
  readonly rounds: readonly RoundResult[];
  readonly findings: readonly SweptFinding[];
  /** What this store can't show, or was not asked: never counted as passed. */
  readonly notObservable: readonly string[];
  readonly cost: Cost;
}
