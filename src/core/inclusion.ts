import { clip, equalBytes, toBase64 } from "./bytes.ts";
import { SteleError } from "./error.ts";
import { HASH_SIZE, nodeHash } from "./hash.ts";
import { leafCount, splitPoint, type Subtree, subtreeOf } from "./tree.ts";

/**
 * The subtrees whose roots are the audit path of leaf `index` in a tree of `size` leaves: PATH(m, D[n]) of RFC 6962 section
 * 2.1.1, the leaf's sibling first. Each is perfect, or ends where the tree ends. `0 <= index < size`.
 * @throws SteleError `input.invalid`
 */
export function inclusionSubtrees(index: number, size: number): Subtree[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new SteleError("input.invalid", `inclusion proof: expected an index below ${size}, got ${index}`);
  }
  const path: Subtree[] = [];
  let first = 0;
  for (let rest = size; rest > 1;) {
    const k = splitPoint(rest);
    if (index - first < k) {
      path.push({ first: first + k, size: rest - k });
      rest = k;
    } else {
      path.push({ first, size: k });
      first += k;
      rest -= k;
    }
  }
  return path.reverse();
}

/** The audit path of leaf `index` in the tree over `leaves` (packed leaf hashes). @throws SteleError `input.invalid` */
export function inclusionProof(leaves: Uint8Array, index: number): Uint8Array[] {
  return inclusionSubtrees(index, leafCount(leaves)).map((subtree) => subtreeOf(leaves, subtree));
}

/**
 * The root that an audit path leads to (RFC 9162 section 2.1.3.2). The path's length is part of the claim: a proof with a
 * hash too many or too few is refused, as is an index outside the tree.
 * @throws SteleError `proof.inclusion`
 */
export function rootFromInclusionProof(leaf: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Uint8Array {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new SteleError("proof.inclusion", `inclusion proof: expected 0 <= index < size, got index ${index} in size ${size}`);
  }
  expectHash(leaf, "leaf hash");
  // fn, sn and the loop are RFC 9162's; numbers up to 2^53 rule out bit operators.
  let fn = index;
  let sn = size - 1;
  let root = leaf;
  for (const sibling of path) {
    expectHash(sibling, "audit path");
    if (sn === 0)
      throw new SteleError(
        "proof.inclusion",
        `inclusion proof: ${path.length} hashes are too many for index ${index} in size ${size}`,
      );
    if (fn % 2 === 1 || fn === sn) {
      root = nodeHash(sibling, root);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      root = nodeHash(root, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0)
    throw new SteleError(
      "proof.inclusion",
      `inclusion proof: ${path.length} hashes are too few for index ${index} in size ${size}`,
    );
  return root;
}

/**
 * Checks that `leaf` is leaf `index` of the tree with `size` leaves and root `root`.
 * @throws SteleError `proof.inclusion`
 */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): void {
  const actual = rootFromInclusionProof(leaf, index, size, path);
  if (!equalBytes(actual, root)) {
    throw new SteleError(
      "proof.inclusion",
      `inclusion proof: entry ${index} of ${size} leads to root ${toBase64(actual)}, expected ${clip(toBase64(root))}`,
    );
  }
}

function expectHash(hash: Uint8Array, what: string): void {
  if (hash.length !== HASH_SIZE)
    throw new SteleError("proof.inclusion", `${what}: expected ${HASH_SIZE} bytes, got ${hash.length}`);
}
