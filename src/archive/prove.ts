import type { Commit } from "../core/commit.ts";
import { SteleError } from "../core/error.ts";
import { inclusionProof } from "../core/inclusion.ts";
import { type SteleProof, verifySteleProof } from "../core/stele-proof.ts";
import type { Archive } from "./archive.ts";
import type { History } from "./history.ts";
import { loadForReader } from "./load-segment.ts";
import { type OpenLog, openLog } from "./log-reader.ts";
import type { OpenedSegment } from "./segment/open.ts";
import { SegmentPool } from "./segment/pool.ts";

/**
 * Proves one entry: reads the manifest and the segment that hold it, and O(log n) manifests for the path to the log's head.
 * The proof is verified before it is given out.
 *
 * @throws SteleError `input.invalid` when the log has no such entry; `log.unsound`, `proof.*`, `store.*`
 */
export async function proveEntry(archive: Archive, name: string, index: number, signal?: AbortSignal): Promise<SteleProof> {
  const { log, head, history, located } = await openLog(archive, name, signal);
  const total = head.manifest.entries.first + head.manifest.entries.count;
  if (!Number.isSafeInteger(index) || index < 0 || index >= total) {
    throw new SteleError("input.invalid", `log ${name}: expected an entry index from 0 to ${total - 1}, got ${index}`);
  }
  const commit = await history.commit(await manifestOfEntry(history, index));
  const { manifest } = commit;
  if (manifest.segment === null)
    throw new SteleError("log.unsound", `log ${name}: manifest ${manifest.index} should hold entry ${index}, but has no segment`);
  await using pool = new SegmentPool(1);
  const segment = await loadForReader(archive.store, pool, log, commit, manifest.segment, null, signal);
  return await proveIn({ log, head, history, located }, commit, segment, index);
}

/**
 * The same of a manifest and its opened segment that are at hand: only the path to the log's head is read.
 *
 * @throws SteleError `input.invalid` when the manifest holds no such entry; `log.unsound`, `proof.*`, `store.*`
 */
export async function proveIn(
  { log, head, history, located }: OpenLog,
  { manifest, line }: Commit,
  { raw, ends, leaves }: Pick<OpenedSegment, "raw" | "ends" | "leaves">,
  index: number,
): Promise<SteleProof> {
  const { first, count } = manifest.entries;
  if (!Number.isSafeInteger(index) || index < first || index >= first + count) {
    throw new SteleError(
      "input.invalid",
      `log ${log.name}: manifest ${manifest.index} holds the entries ${first} to ${first + count - 1}, not entry ${index}`,
    );
  }
  const place = index - first;
  const start = place === 0 ? 0 : (ends[place - 1] ?? 0) + 1;
  const proof: SteleProof = {
    entry: raw.slice(start, ends[place]),
    index,
    path: inclusionProof(leaves, place),
    manifestLine: line,
    tlogProof: { index: manifest.index, path: await history.inclusionProof(manifest.index), checkpoint: head.checkpoint },
  };
  verifySteleProof(proof, located.keys);
  return proof;
}

/**
 * Entries' indexes never decrease along a log: halving finds the manifest that holds one, from O(log n) manifests.
 * @throws SteleError `log.unsound` when one of them is missing, `store.*`
 */
export async function manifestOfEntry(history: History, index: number): Promise<number> {
  let low = 0;
  let high = history.size - 1;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const { first, count } = (await history.commit(middle)).manifest.entries;
    if (first + count <= index) low = middle + 1;
    else high = middle;
  }
  return low;
}
