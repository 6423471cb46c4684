import { toBase64 } from "../core/bytes.ts";
import type { Commit } from "../core/commit.ts";
import { SteleError } from "../core/error.ts";
import type { Append, SegmentReference } from "../core/manifest.ts";
import type { Retention } from "../core/retention.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { Orphans } from "./orphans.ts";
import { putSegment } from "./put-segment.ts";
import { MAX_RAW_BYTES } from "./segment/open.ts";
import type { SealedSegment } from "./segment/seal.ts";

interface Uploaded {
  /** Index of its first entry. */
  readonly first: number;
  readonly entries: Pick<SealedSegment, "count" | "leaves" | "root">;
  readonly appends: readonly Append[];
  /** What its manifest will say of it, but for its place. */
  readonly reference: Omit<SegmentReference, "key" | "versionId">;
}

/** A segment that lies in the store, its lock read back, and that no manifest names yet. */
export interface StoredSegment extends Uploaded {
  readonly kind: "stored";
  readonly place: Pick<SegmentReference, "key" | "versionId">;
  /** What it is locked with at least. */
  readonly retention: Retention;
}

/** A segment of a log that has no manifest yet, and not its first one: it is put when its turn to be committed comes. */
export interface KeptSegment extends Uploaded {
  readonly kind: "kept";
  readonly sealed: SealedSegment;
}

/** A segment that is to be put. */
export interface Upload extends Pick<StoredSegment, "first" | "appends" | "retention"> {
  readonly sealed: SealedSegment;
  /** UTC day of the first entry's arrival. */
  readonly day: string;
}

/** The segments that one writer puts. Each is looked for first where it may have been put before. */
export class Uploads {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #signal: AbortSignal | undefined;
  /** What may have been put before, by another writer or by an upload that failed; null: not looked for yet. */
  #orphans: Orphans | null = null;

  constructor(store: Store, log: LogIdentity, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#log = log;
    this.#signal = signal;
  }

  /** @param next index of the first entry that no manifest up to `head` holds */
  async put({ sealed, day, first, appends, retention }: Upload, head: Commit | null, next: number): Promise<StoredSegment> {
    this.#orphans ??= new Orphans(this.#store, this.#log, head, next, this.#signal);
    try {
      const orphans = await this.#orphans.at(day, first);
      const put = { sealed, day, first, retention, orphans, signal: this.#signal };
      const place = await putSegment(this.#store, this.#log, put);
      return { kind: "stored", place, retention, ...described(sealed, appends, first) };
    } catch (error) {
      // It may have been kept all the same: the next upload looks again.
      this.#orphans = null;
      throw error;
    }
  }
}

/** The copy that the segment's own bytes may be given up for. */
export function kept(sealed: SealedSegment, appends: readonly Append[], first: number): KeptSegment {
  return { kind: "kept", sealed: { ...sealed, stored: sealed.stored.slice() }, ...described(sealed, appends, first) };
}

function described(sealed: SealedSegment, appends: readonly Append[], first: number): Uploaded {
  const { stored, sha256, rawBytes, count, leaves, root } = sealed;
  const reference = { encoding: "zstd", bytes: stored.length, sha256: toBase64(sha256), rawBytes } as const;
  return { first, entries: { count, leaves, root }, appends, reference };
}

/** @throws SteleError `input.invalid` when no manifest could name the segment */
export function requireSealed({ count, rawBytes }: SealedSegment): void {
  if (count > 0 && rawBytes <= MAX_RAW_BYTES) return;
  throw new SteleError(
    "input.invalid",
    `segment: expected 1 entry or more, and at most ${MAX_RAW_BYTES} bytes, got ${count} entries and ${rawBytes} bytes`,
  );
}
