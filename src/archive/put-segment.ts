import { sha256 } from "#sha256";
import { equalBytes } from "../core/bytes.ts";
import { SteleError } from "../core/error.ts";
import { logKey, segmentKey } from "../core/layout.ts";
import type { Retention } from "../core/retention.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { ensureLock, lockedPut } from "./locked-put.ts";
import type { SealedSegment } from "./segment/seal.ts";

export interface SegmentPut {
  readonly sealed: SealedSegment;
  /** UTC day of the first entry's arrival. */
  readonly day: string;
  /** Index of the first entry. */
  readonly first: number;
  readonly retention: Retention;
  /** Whether an earlier writer may have put this very segment and died before its manifest. */
  readonly mayBeThere: boolean;
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
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const key = segmentKey(put.day, put.first, attempt);
    if (put.mayBeThere) {
      const orphan = await findSame(store, logKey(log.name, key), put);
      if (orphan !== null) return { key, versionId: orphan.versionId };
    }
    const result = await lockedPut(store, logKey(log.name, key), put.sealed.stored, put.retention, {
      contentType: "application/zstd",
      signal: put.signal,
    });
    if (result.outcome === "created") return { key, versionId: result.versionId };
    const same = await findSame(store, logKey(log.name, key), put);
    if (same !== null) return { key, versionId: same.versionId };
  }
  throw new SteleError(
    "store.exists",
    `log ${log.name}: ${MAX_ATTEMPTS} keys for the segment of entry ${put.first} are all taken by other objects; run "stele verify"`,
  );
}

async function findSame(store: Store, key: string, { sealed, retention, signal }: SegmentPut): Promise<ObjectVersion | null> {
  for await (const version of store.versions(key, { signal })) {
    if (version.key !== key || version.kind !== "object" || version.size !== sealed.stored.length) continue;
    const { body } = await store.get(key, { versionId: version.versionId, maxBytes: version.size, signal });
    if (!equalBytes(sha256(body), sealed.sha256)) continue;
    await ensureLock(store, key, version.versionId, retention, signal);
    return version;
  }
  return null;
}
