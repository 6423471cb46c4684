import { z } from "zod";
import { concatBytes, equalBytes, fromBase64, fromUtf8, toBase64, utf8 } from "./bytes.ts";
import { parseCanonical, text } from "./canonical-json.ts";
import { type SignedCheckpoint, encodeCheckpoint, openCheckpoint } from "./checkpoint.ts";
import { CompactRange } from "./compact-range.ts";
import { SteleError } from "./error.ts";
import { HASH_SIZE, nodeHash } from "./hash.ts";
import type { VerifierKey } from "./key.ts";
import { encodeManifest, type Manifest, manifestLeaf, MAX_MANIFEST_BYTES, parseManifest } from "./manifest.ts";
import { MAX_NOTE_BYTES } from "./note.ts";

/** Longest manifest object that is looked at: two lines, the second with an escaped note and 53 hashes. */
export const MAX_COMMIT_BYTES: number = MAX_MANIFEST_BYTES + 2 * MAX_NOTE_BYTES;

/**
 * A manifest object: the manifest's line, and a line with the checkpoint of the tree that ends in it and the compact range
 * of the manifests before it. Because the range folds to the signed root, one object is enough to append after, to prove
 * its manifest, and to know every subtree on the tree's edge.
 */
export interface Commit {
  readonly manifest: Manifest;
  /** The manifest's bytes: the tree's entry. */
  readonly line: Uint8Array;
  /** The line's leaf hash. */
  readonly leaf: Uint8Array;
  /** Of the manifests `[0, index)`. */
  readonly before: CompactRange;
  /** Of the manifests `[0, index]`. */
  readonly after: CompactRange;
  /** Of size `index + 1`. */
  readonly checkpoint: SignedCheckpoint;
}

interface CommitTrailer {
  readonly checkpoint: string;
  readonly range: readonly string[];
}

const trailerSchema: z.ZodType<CommitTrailer> = z.strictObject({
  checkpoint: text(MAX_NOTE_BYTES),
  range: z.array(z.string().max(44)).max(53),
});

/** The bytes of a manifest object. */
export function encodeCommit(manifest: Manifest, before: CompactRange, checkpoint: SignedCheckpoint): Uint8Array<ArrayBuffer> {
  const trailer: CommitTrailer = { checkpoint: fromUtf8(encodeCheckpoint(checkpoint)), range: before.nodes.map(toBase64) };
  return concatBytes(encodeManifest(manifest), utf8(`\n${spellTrailer(trailer)}\n`));
}

/**
 * Reads a manifest object and checks all that it says by itself: spelling, origin, the signature by one of `keys`, and that
 * range and manifest fold to the signed root. What stands before it in the log is not checked here.
 * @throws SteleError `format.*` when it is malformed, `proof.signature` when none of `keys` signed it,
 *   `proof.consistency` when the checkpoint is signed but does not fit the manifest
 */
export function openCommit(
  bytes: Uint8Array,
  origin: string,
  keys: readonly VerifierKey[],
): { commit: Commit; signedBy: VerifierKey[] } {
  const first = bytes.indexOf(0x0a);
  const second = bytes.indexOf(0x0a, first + 1);
  if (first < 0 || second !== bytes.length - 1) {
    throw new SteleError(
      "format.manifest",
      `manifest object: expected two lines, each ending in a line feed, got ${bytes.length} bytes that are not`,
    );
  }
  const line = new Uint8Array(bytes.subarray(0, first));
  const trailer = parseCanonical(
    bytes.subarray(first + 1, second),
    trailerSchema,
    spellTrailer,
    "format.manifest",
    "manifest object, line 2",
  );
  const { checkpoint, signedBy } = openCheckpoint(utf8(trailer.checkpoint), origin, keys);
  const manifest = parseManifest(line);
  if (manifest.origin !== origin) {
    throw new SteleError("format.manifest", `manifest: expected origin ${origin}, got ${manifest.origin}: it is of another log`);
  }
  const before = CompactRange.of(
    manifest.index,
    trailer.range.map((node) => fromBase64(node, "range", HASH_SIZE)),
  );
  const leaf = manifestLeaf(line);
  const after = before.append(leaf);
  if (checkpoint.size !== after.size || !equalBytes(checkpoint.root, after.root())) {
    throw new SteleError(
      "proof.consistency",
      `manifest ${manifest.index}: its checkpoint signs size ${checkpoint.size} and root ${toBase64(checkpoint.root)}, ` +
        `the manifest makes size ${after.size} and root ${toBase64(after.root())}`,
    );
  }
  return { commit: { manifest, line, leaf, before, after, checkpoint }, signedBy };
}

function spellTrailer({ checkpoint, range }: CommitTrailer): string {
  return JSON.stringify({ checkpoint, range });
}

/**
 * The root of the perfect subtree of `2^level` manifests that ends in this one. `index + 1` must be a multiple of `2^level`.
 * So one manifest object gives any subtree of a log, authenticated by its own checkpoint.
 */
export function subtreeRoot(commit: Commit, level: number): Uint8Array {
  const { nodes } = commit.before;
  if ((commit.manifest.index + 1) % 2 ** level !== 0) {
    throw new RangeError(`expected index + 1 to be a multiple of 2^${level}, got index ${commit.manifest.index}`);
  }
  return nodes.slice(nodes.length - level).reduceRight<Uint8Array>((right, left) => nodeHash(left, right), commit.leaf);
}
