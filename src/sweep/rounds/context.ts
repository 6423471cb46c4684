import type { AnchorPolicy } from "../../archive/anchor/anchoring.ts";
import type { Archive } from "../../archive/archive.ts";
import type { Finding } from "../../archive/finding.ts";
import type { SegmentPool } from "../../archive/segment/pool.ts";
import type { SignedCheckpoint } from "../../core/checkpoint.ts";
import type { LockPolicy } from "../config.ts";
import type { MeteredStore } from "../metered-store.ts";
import type { EntryObserver } from "../observer.ts";
import type { RoundName } from "../place.ts";
import type { Shard } from "../shard.ts";
import type { SweepState } from "../state/state.ts";

/** The rounds that go over a log block by block. */
export type BlockRoundName = "locks" | "content";

/** How far a round has come in a log. */
export interface RoundProgress {
  readonly round: RoundName;
  readonly log: string;
  /** Looked at by this sweep. */
  readonly manifests: number;
  readonly entries: number;
  readonly bytes: number;
  /** Manifests that the round has to look at; null while that is not known. */
  readonly totalManifests: number | null;
}

/** What every round works with. */
export interface RoundContext {
  /** Its store is {@link store}. */
  readonly archive: Archive;
  readonly store: MeteredStore;
  readonly state: SweepState;
  readonly pool: SegmentPool;
  readonly shard: Shard;
  readonly observers: readonly EntryObserver[];
  readonly checkpoints: readonly SignedCheckpoint[];
  readonly policy: LockPolicy;
  readonly anchors: AnchorPolicy;
  readonly graceMillis: number;
  readonly allowEmpty: boolean;
  /** A segment that no manifest names yet and that is younger than this is a writer's at work. */
  readonly freshMillis: number;
  readonly connections: number | undefined;
  /** Within how many milliseconds every byte is to be read again, where the content round goes at its own pace; null: all at once. */
  readonly paceMillis: number | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Whether to begin nothing new. */
  readonly stopped: () => boolean;
  /** Whether the budget is used up, which binds the rounds over blocks. */
  readonly spent: () => boolean;
  readonly signal: AbortSignal | undefined;
  readonly onFinding: (finding: Finding) => void;
  /** Takes what can't be seen here, or was not asked. */
  readonly notObservable: (what: readonly string[]) => void;
  readonly onProgress: (progress: RoundProgress) => void;
}
