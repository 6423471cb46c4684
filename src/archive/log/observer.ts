import type { Commit } from "../../core/commit.ts";
import type { ErrorCode, SteleError } from "../../core/error.ts";

/** What an append waits for: `spooled` (safe on the local disk) or `archived` (locked in the store, its manifest committed). */
export type AckLevel = "spooled" | "archived";

/** Told what a log does, as it does it. Must not throw, and must not wait. Times are in milliseconds. */
export interface LogObserver {
  /** Entries became durable in the spool; `bytes` with their line feeds. */
  appended?(entries: number, bytes: number): void;
  /** An append was answered, `millis` after it was asked. */
  acked?(level: AckLevel, millis: number): void;
  /** An append was refused. */
  refused?(code: ErrorCode): void;
  /** A spool file was read back, hashed and compressed. */
  sealed?(millis: number, rawBytes: number, storedBytes: number): void;
  /** A segment was put, and its lock read back. */
  uploaded?(millis: number, storedBytes: number): void;
  /** A manifest was committed: a segment's, a heartbeat's, or the last one. */
  committed?(commit: Commit): void;
  /** The store failed for a moment; it is tried again after a wait. */
  retried?(error: SteleError, waitMillis: number): void;
  /** The log takes nothing more until it is opened again; what is spooled is kept. */
  stopped?(error: Error): void;
}
