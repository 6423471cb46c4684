import type { Verdict } from "../../archive/finding.ts";
import type { Timestamp } from "../../core/time.ts";
import type { RoundName } from "../place.ts";
import type { PassProgress } from "../report.ts";
import type { RememberedLog } from "./remembered-logs.ts";

/** What a round did in one log. */
export interface RoundLog {
  readonly log: string;
  /** Blocks looked at, end exclusive; null where the round does not go by blocks, or looked at none. */
  readonly blocks: { readonly first: number; readonly end: number } | null;
  /** Manifests looked at, end exclusive; null where none was. */
  readonly manifests: { readonly first: number; readonly end: number } | null;
  readonly entries: number;
  readonly bytes: number;
  /** The log as it is remembered after the round; null where no good head is known. */
  readonly head: RememberedLog | null;
  /** Whether everything was looked at that the round was to look at. */
  readonly complete: boolean;
  /** Why not; null where complete. */
  readonly why: string | null;
  /** Where the round over blocks stands; null for the head round. */
  readonly pass: PassProgress | null;
}

/** What a round did; what it found is in the ledger. */
export interface RoundSummary {
  /** Which process on which machine. */
  readonly sweeper: string;
  readonly round: RoundName;
  /** Such as `1/1` or `2/4`. */
  readonly shard: string;
  readonly started: Timestamp;
  readonly ended: Timestamp;
  readonly verdict: Verdict;
  readonly logs: readonly RoundLog[];
  /** Made of the store. */
  readonly requests: number;
  /** Read from the store. */
  readonly bytes: number;
  /** What this store can't show, or was not asked. */
  readonly notObservable: readonly string[];
}
