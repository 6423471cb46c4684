import type { Timestamp } from "../../core/time.ts";

/** Entries that arrived together and stay together. */
export interface Delivery {
  readonly source: string;
  /** Idempotency key within the source. */
  readonly id?: string | undefined;
  /** How far the source has been read with this delivery. */
  readonly cursor?: string | undefined;
  readonly count: number;
  /** `count` entries, each followed by a line feed. Must not be changed until the append is settled. */
  readonly bytes: Uint8Array;
}

export interface Spooled {
  /** Index of the delivery's first entry in the log. */
  readonly first: number;
  readonly count: number;
  /** Whether the id was accepted before; `first` and `count` are then those of that time. */
  readonly duplicate: boolean;
}

/** A file that nothing is added to any more: exactly one segment's entries. */
export interface ClosedFile {
  readonly path: string;
  readonly first: number;
  readonly count: number;
  /** Bytes of the entries, each with its line feed. */
  readonly rawBytes: number;
  /** Bytes on disk. */
  readonly fileBytes: number;
  /** When its first entry arrived. */
  readonly since: Timestamp;
}

/** What a manifest committed of a file. */
export interface CommittedFile {
  /** Index of the manifest. */
  readonly manifest: number;
  /** Leaf hash of the manifest. */
  readonly leaf: Uint8Array;
  /** The signed note. */
  readonly checkpoint: string;
}
