import { sha256 } from "#sha256";
import { toBase64 } from "../core/bytes.ts";
import type { Commit } from "../core/commit.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { logKey } from "../core/layout.ts";
import type { SegmentReference } from "../core/manifest.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import type { OpenedSegment } from "./segment/open.ts";
import type { SegmentPool } from "./segment/pool.ts";
import { versionsOf } from "./versions-of.ts";

/**
 * Reads the segment of a manifest, in the version that the manifest names, and checks it against the manifest.
 * @throws SteleError `store.*` when it can't be read, `store.too-large`, `format.segment` or `proof.entry` when it is not
 *   what the manifest says
 */
export async function loadSegment(
  store: Store,
  pool: SegmentPool,
  log: LogIdentity,
  { manifest }: Commit,
  segment: SegmentReference,
  options: {
    /** The log's chain before the segment; null where it is not known, or of no matter. */
    readonly chainBefore: Uint8Array | null;
    /** Whether the entries and their leaf hashes are wanted. */
    readonly keepRaw: boolean;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<OpenedSegment> {
  const body = await readSegment(store, logKey(log.name, segment.key), segment, options.signal);
  const { bytes, sha256: hash, rawBytes } = segment;
  const { count, root } = manifest.entries;
  const promise = { bytes, sha256: hash, rawBytes, count, root, chainBefore: options.chainBefore };
  return pool.open(body, promise, options.keepRaw);
}

/**
 * The same, with the entries, for whoever gives them out. The manifest names the segment: where the store says that it is gone
 * or longer, the log does not hold.
 * @throws SteleError `log.unsound`, `format.segment`, `proof.entry`, and `store.*` when it can't be read; the message says where
 */
export async function loadForReader(
  store: Store,
  pool: SegmentPool,
  log: LogIdentity,
  commit: Commit,
  segment: SegmentReference,
  chainBefore: Uint8Array | null,
  signal?: AbortSignal,
): Promise<OpenedSegment> {
  try {
    return await loadSegment(store, pool, log, commit, segment, { chainBefore, keepRaw: true, signal });
  } catch (error) {
    if (!isSteleError(error)) throw error;
    const { index, entries } = commit.manifest;
    const where = `log ${log.name}: manifest ${index}, entries ${entries.first} to ${entries.first + entries.count - 1}, ${segment.key}`;
    const gone = error.code === "store.not-found" || error.code === "store.too-large";
    throw new SteleError(gone ? "log.unsound" : error.code, `${where}: ${error.message}`, { cause: error });
  }
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
    for (const version of (await versionsOf(store, key, signal)).reverse()) {
      if (version.kind !== "object" || version.size !== bytes) continue;
      const { body } = await store.get(key, { versionId: version.versionId, maxBytes: bytes, signal });
      if (toBase64(sha256(body)) === expected) return body;
    }
    throw error;
  }
}
