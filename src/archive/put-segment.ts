import { sha256 } from "#sha256";
import { equalBytes } from "../core/bytes.ts";
import { SteleError } from "../core/error.ts";
import { logKey, parseSegmentKey, segmentKey, SEGMENTS_PREFIX } from "../core/layout.ts";
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
  /**
   * Where an earlier writer may have put this very segment and died before its manifest: behind this key, relative to the log
   * (null: anywhere). Left out where that can't be.
   */
  readonly orphansAfter?: string | null;
  readonly signal?: AbortSignal | undefined;
}

const MAX_ATTEMPTS = 100;

/**
 * Puts a segment under the first of its keys that is free. A crash after it leaves an orphan, which no manifest names: it is
 * no part of the log, and the next writer takes it over if it has the same bytes.
 *
 * @returns its key, relative to the log, and its version
 */
export async function putSegment(
  store: Store,
  log: LogIdentity,
  put: SegmentPut,
): Promise<{ key: string; versionId: string | null }> {
  if (put.orphansAfter !== undefined) {
    const orphan = await findOrphan(store, log, put, put.orphansAfter);
    if (orphan !== null) return { key: orphan.key.slice(log.name.length + 1), versionId: orphan.versionId };
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

/** The same segment, put by a writer that died before its manifest; on another day, it lies under another day's key. */
async function findOrphan(store: Store, log: LogIdentity, put: SegmentPut, after: string | null): Promise<ObjectVersion | null> {
  const from = after === null ? undefined : logKey(log.name, after);
  for await (const version of store.versions(logKey(log.name, SEGMENTS_PREFIX), { after: from, signal: put.signal })) {
    if (parseSegmentKey(version.key.slice(log.name.length + 1))?.first !== put.first) continue;
    if (await takeOver(store, version, put)) return version;
  }
  return null;
}

/** Whether a version holds just the segment that is to be put; its lock is then made what is promised now. */
async function takeOver(store: Store, version: ObjectVersion, { sealed, retention, signal }: SegmentPut): Promise<boolean> {
  if (version.kind !== "object" || version.size !== sealed.stored.length) return false;
  const { body } = await store.get(version.key, { versionId: version.versionId, maxBytes: version.size, signal });
  if (!equalBytes(sha256(body), sealed.sha256)) return false;
  await ensureLock(store, version.key, version.versionId, retention, signal);
  return true;
}
