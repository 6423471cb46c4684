import { sha256 } from "#sha256";
import { toBase64 } from "../core/bytes.ts";
import type { Commit } from "../core/commit.ts";
import { isSteleError } from "../core/error.ts";
import { logKey } from "../core/layout.ts";
import type { SegmentReference } from "../core/manifest.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import type { OpenedSegment } from "./segment/open.ts";
import type { SegmentPool } from "./segment/pool.ts";

/**
 * Reads the segment of a manifest, in the version that the manifest names, and checks it against the manifest.
 * @throws SteleError `store.*` when it can't be read, `store.too-large`, `format.segment` or `proof.entry` when it is not
 *   what the manifest says
 */
export async function loadSegment(
  store: Store,
  pool: SegmentPool,
  log: LogIdentity,
  commit: Commit,
  segment: SegmentReference,
  options: { readonly keepRaw: boolean; readonly signal?: AbortSignal | undefined },
): Promise<OpenedSegment> {
  const body = await readSegment(store, logKey(log.name, segment.key), segment, options.signal);
  const { count, root } = commit.manifest.entries;
  const promise = { bytes: segment.bytes, sha256: segment.sha256, rawBytes: segment.rawBytes, count, root };
  return pool.open(body, promise, options.keepRaw);
}

/**
 * The version that the manifest names. In a copy of the archive in another bucket versions have other ids: there the oldest
 * with the right bytes stands for it, since it is the hash that counts.
 */
async function readSegment(
  store: Store,
  key: string,
  segment: SegmentReference,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { versionId, bytes, sha256: expected } = segment;
  try {
    return (await store.get(key, { versionId, maxBytes: bytes, signal })).body;
  } catch (error) {
    if (!isSteleError(error, "store.not-found") || !store.capabilities.versions) throw error;
    for (const version of await versionsOf(store, key, signal)) {
      if (version.kind !== "object" || version.size !== bytes) continue;
      const { body } = await store.get(key, { versionId: version.versionId, maxBytes: bytes, signal });
      if (toBase64(sha256(body)) === expected) return body;
    }
    throw error;
  }
}

/** Oldest first. */
async function versionsOf(store: Store, key: string, signal?: AbortSignal): Promise<ObjectVersion[]> {
  const versions: ObjectVersion[] = [];
  for await (const version of store.versions(key, { signal })) if (version.key === key) versions.unshift(version);
  return versions;
}
