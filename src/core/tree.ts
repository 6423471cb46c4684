import { emptyRoot, HASH_SIZE } from "./hash.ts";
import { hashPairs } from "./sha256/batch.ts";

/**
 * The Merkle Tree Hash (RFC 6962 section 2.1) of leaf hashes that lie packed one after the other, 32 bytes each.
 * `leaves` is not changed. Works level by level: pairing neighbours and carrying a lone last node up gives the same tree
 * as the RFC's split at the largest power of two, without recursion.
 */
export function merkleRoot(leaves: Uint8Array): Uint8Array {
  const count = leafCount(leaves);
  if (count === 0) return emptyRoot();
  // Not slice(), which on a Buffer gives a view: the caller's bytes would be written over.
  const level = new Uint8Array(leaves);
  for (let size = count; size > 1; size = (size + 1) >>> 1) {
    const pairs = size >>> 1;
    hashPairs(level, pairs);
    if (size % 2 === 1) level.copyWithin(pairs * HASH_SIZE, (size - 1) * HASH_SIZE, size * HASH_SIZE);
  }
  return level.slice(0, HASH_SIZE);
}

/** How many leaf hashes `leaves` packs. @throws RangeError when it ends inside one. */
export function leafCount(leaves: Uint8Array): number {
  if (leaves.length % HASH_SIZE !== 0)
    throw new RangeError(`expected packed hashes of ${HASH_SIZE} bytes, got ${leaves.length} bytes`);
  return leaves.length / HASH_SIZE;
}

/** The largest power of two smaller than `n`, for `n` from 2 to 2^53 - 1 (RFC 6962's k). */
export function splitPoint(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** The leaves `[first, first + size)` of a tree, as a proof needs their root. */
export interface Subtree {
  readonly first: number;
  readonly size: number;
}

/** The root over a subtree of packed leaf hashes. */
export function subtreeOf(leaves: Uint8Array, { first, size }: Subtree): Uint8Array {
  return merkleRoot(leaves.subarray(first * HASH_SIZE, (first + size) * HASH_SIZE));
}
