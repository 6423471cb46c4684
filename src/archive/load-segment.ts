import type { Commit } from "../core/commit.ts";
import { logKey } from "../core/layout.ts";
import type { SegmentReference } from "../core/manifest.ts";
import type { Store } from "../store/port.ts";
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
  const { body } = await store.get(logKey(log.name, segment.key), {
    versionId: segment.versionId,
    maxBytes: segment.bytes,
    signal: options.signal,
  });
  const { count, root } = commit.manifest.entries;
  const { bytes, sha256, rawBytes } = segment;
  return pool.open(body, { bytes, sha256, rawBytes, count, root }, options.keepRaw);
}
