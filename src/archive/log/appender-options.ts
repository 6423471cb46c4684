import type { Commit } from "../../core/commit.ts";
import type { Timestamp } from "../../core/time.ts";
import type { SegmentPool } from "../segment/pool.ts";
import type { SpoolOptions } from "../spool/spool.ts";
import type { DrainOptions, DrainState } from "./drain.ts";
import type { LogObserver } from "./observer.ts";
import type { Sleep } from "../../store/sleep.ts";

export interface AppenderOptions
  extends
    Omit<DrainOptions, "spool" | "onArchived" | "files">,
    Pick<SpoolOptions, "limits" | "files" | "spareFrom" | "quarantine" | "window"> {
  /** The spool's folder: this log's alone. */
  readonly folder: string;
  readonly pool: SegmentPool;
  /** Bytes that may wait in the spool. */
  readonly maxSpoolBytes: number;
  /** What an append does when the spool is full. */
  readonly onFull: "wait" | "refuse";
  /** How long a segment waits for more once someone waits for it to be archived, in milliseconds. */
  readonly lingerMillis: number;
  readonly observer: LogObserver;
  readonly sleep: Sleep;
}

/** What the writing side of a log is at. */
export interface AppenderStatus {
  /**
   * `opening` until the log's head is found, `ready`, `retrying` while the store can't be reached, `stopped` by an error that does
   * not go away by itself, `closed`.
   */
  readonly state: DrainState | "closed";
  /** What is the matter, while `retrying` or `stopped`. */
  readonly error: Error | null;
  /** What is not archived yet. `oldest`: when the first of it arrived. */
  readonly spooled: { readonly entries: number; readonly bytes: number; readonly oldest: Timestamp | null };
  /** Index of the next entry; null while it is not known yet. */
  readonly next: number | null;
  /** The newest manifest committed; null while the log is empty, or its head not found yet. */
  readonly head: Commit | null;
}
