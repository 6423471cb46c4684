import type { Commit } from "../../core/commit.ts";
import { SteleError } from "../../core/error.ts";
import { inclusionProof } from "../../core/inclusion.ts";
import type { VerifierKey } from "../../core/key.ts";
import { type SteleProof, verifySteleProof } from "../../core/stele-proof.ts";
import type { OpenedSegment } from "../../archive/segment/open.ts";

/**
 * Proves an entry of a manifest that is at hand, up to the manifest's own checkpoint, without any request: the audit path of a
 * tree's last leaf is the compact range before it. The proof is verified before it is given out.
 *
 * @throws SteleError `input.invalid` when the manifest holds no such entry; `proof.*`
 */
export function proveMet(commit: Commit, segment: OpenedSegment | null, index: number, keys: readonly VerifierKey[]): SteleProof {
  const { manifest, line, before, checkpoint } = commit;
  const place = index - manifest.entries.first;
  const end = segment?.ends[place];
  if (segment === null || end === undefined || !Number.isSafeInteger(place) || place < 0) {
    const { first, count } = manifest.entries;
    throw new SteleError(
      "input.invalid",
      `manifest ${manifest.index}: expected an entry from ${first}, of ${count}; got ${index}`,
    );
  }
  const start = place === 0 ? 0 : (segment.ends[place - 1] ?? 0) + 1;
  const proof: SteleProof = {
    entry: segment.raw.slice(start, end),
    index,
    path: inclusionProof(segment.leaves, place),
    manifestLine: line,
    tlogProof: { index: manifest.index, path: before.nodes.toReversed(), checkpoint },
  };
  verifySteleProof(proof, keys);
  return proof;
}
