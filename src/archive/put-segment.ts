import { sha256 } from "#sha256";
import { equalBytes } from "../core/bytes.ts";
import { SteleError } from "../core/error.ts";
import { logKey, segmentKey } from "../core/layout.ts";
import type { Retention } from "../core/retention.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { ensureLock, lockedPut } from "./locked-put.ts";
import type { SealedSegment } from "./segment/seal.ts";
import { versionsOf } from "./versions-of.ts";

export interface SegmentPut {
  readonly sealed: SealedSegment;
  /** UTC day of the first entry's arrival. */
  readonly day: string;
  /** Index of the first entry. */
  readonly first: number;
  readonly retention: Retention;
  /** Among which the very same segment may be, put before. */
  readonly orphans: readonly ObjectVersion[];
  readonly signal?: AbortSignal | undefined;
}

const MAX_ATTEMPTS = 100;

/**
 * Puts a segment under the first of its keys that is free, and reads its lock back. A crash after it leaves an orphan, which
 * no manifest names: it is no part of the log, and the next writer takes it over if it has the same bytes.
 *
 * @returns its key, relative to the log, and its version
 */
export async function putSegment(
  store: Store,
  log: LogIdentity,
  put: SegmentPut,
): Promise<{ key: string; versionId: string | null }> {
  for (const orphan of put.orphans) {
    // On another day than now it lies under that day's key.
    if (await takeOver(store, orphan, put)) return { key: orphan.key.slice(log.name.length + 1), versionId: orphan.versionId };
  }
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const key = segmentKey(put.day, put.first, attempt);
    const result = await lockedPut(store, logKey(log.name, key), put.sealed.stored, put.retention, {
      contentType: "application/zstd",
      signal: put.signal,
    });
    if (result.outcome === "created") return { key, versionId: result.versionId };
    for (const version of await versionsOf(store, logKey(log.name, key), put.signal)) {
      if (await takeOver(store, version, put)) return { key, versionId: version.versionId };
    }
  }
  throw new SteleError(
    "store.exists",
    `log ${log.name}: ${MAX_ATTEMPTS} keys for the segment of entry ${put.first} are all taken by other objects; run "stele verify"`,
  );
}

/** Whether a version holds just the segment that is to be put; its lock is then made what is promised now. */
async function takeOver(store: Store, version: ObjectVersion, { sealed, retention, signal }: SegmentPut): Promise<boolean> {
  if (version.kind !== "object" || version.size !== sealed.stored.length) return false;
  const { body } = await store.get(version.key, { versionId: version.versionId, maxBytes: version.size, signal });
  if (!equalBytes(sha256(body), sealed.sha256)) return false;
  await ensureLock(store, version.key, version.versionId, retention, signal);
  return true;
}
