import type { Commit } from "../core/commit.ts";
import type { SteleProof } from "../core/stele-proof.ts";
import type { Timestamp } from "../core/time.ts";
import type { LogIdentity } from "../archive/archive.ts";
import type { OpenedSegment } from "../archive/segment/open.ts";
import type { Alarm } from "./alarm.ts";

/** A manifest that the head round met for the first time, with its entries, verified up to the signed head. */
export interface MetManifest {
  readonly log: LogIdentity;
  /** The archive's origin. */
  readonly origin: string;
  readonly commit: Commit;
  /** Its entries; null for a heartbeat or a rotation. */
  readonly segment: OpenedSegment | null;
  /** Proves an entry of this manifest, by its index in the log. */
  readonly prove: (index: number) => Promise<SteleProof>;
}

/**
 * Looks at events as the head round meets them: rules, and what departs from a stream's past. What it returns is kept in one
 * transaction with the head round's progress: nothing is seen twice or passed over, however the process ends.
 */
export interface EntryObserver {
  /** Under which its notes are kept. */
  readonly name: string;
  wants(log: string): boolean;
  /**
   * @param notes what it returned the last time for this log; null the first time, or when it can't be read any more
   */
  observe(met: MetManifest, notes: string | null): Promise<Observation>;
  /** Called at the end of each head round for each log it wants, also when nothing came. */
  idle?(log: LogIdentity, origin: string, now: Timestamp, notes: string | null): Promise<Observation>;
}

export interface Observation {
  readonly alarms: readonly Alarm[];
  /** Kept, and given back the next time; undefined leaves them as they are. At most a few hundred kB. */
  readonly notes?: string | undefined;
}
