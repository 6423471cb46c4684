import { equalBytes, toBase64 } from "./bytes.ts";
import { SteleError } from "./error.ts";
import { emptyRoot, HASH_SIZE, nodeHash } from "./hash.ts";
import { leafCount, splitPoint, type Subtree, subtreeOf } from "./tree.ts";

/**
 * The subtrees whose roots are the consistency proof from `oldSize` leaves to `size`: PROOF(m, D[n]) of RFC 6962 section
 * 2.1.2. Each is perfect, or ends where the tree ends. `0 <= oldSize <= size`; from size 0 and between equal sizes there are none.
 * @throws SteleError `input.invalid`
 */
export function consistencySubtrees(oldSize: number, size: number): Subtree[] {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0 || oldSize > size) {
    throw new SteleError("input.invalid", `consistency proof: expected an old size of at most ${size}, got ${oldSize}`);
  }
  const proof: Subtree[] = [];
  if (oldSize === 0 || oldSize === size) return proof;
  let first = 0;
  let rest = size;
  let m = oldSize;
  // SUBPROOF's b: whether the old tree is still a subtree whose root the verifier holds.
  let complete = true;
  while (m !== rest) {
    const k = splitPoint(rest);
    if (m <= k) {
      proof.push({ first: first + k, size: rest - k });
      rest = k;
    } else {
      proof.push({ first, size: k });
      first += k;
      rest -= k;
      m -= k;
      complete = false;
    }
  }
  if (!complete) proof.push({ first, size: rest });
  return proof.reverse();
}

/** The consistency proof from the first `oldSize` leaves to all `leaves` (packed leaf hashes). @throws SteleError `input.invalid` */
export function consistencyProof(leaves: Uint8Array, oldSize: number): Uint8Array[] {
  return consistencySubtrees(oldSize, leafCount(leaves)).map((subtree) => subtreeOf(leaves, subtree));
}

/**
 * Checks that the tree with `newSize` leaves and `newRoot` extends the one with `oldSize` and `oldRoot` (RFC 9162 section
 * 2.1.4.2). Every tree extends the empty tree: from size 0 the proof must be empty and `oldRoot` the empty root, as C2SP's
 * tlog-witness has it. Between equal sizes the proof must be empty and the roots the same.
 * @throws SteleError `proof.consistency`
 */
export function verifyConsistency(
  oldSize: number,
  newSize: number,
  proof: readonly Uint8Array[],
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
): void {
  if (!Number.isSafeInteger(oldSize) || !Number.isSafeInteger(newSize) || oldSize < 0 || oldSize > newSize) {
    throw refuse(`expected 0 <= old size <= new size, got ${oldSize} and ${newSize}`);
  }
  for (const hash of [...proof, oldRoot, newRoot]) {
    if (hash.length !== HASH_SIZE) throw refuse(`expected hashes of ${HASH_SIZE} bytes, got ${hash.length}`);
  }
  if (oldSize === 0 || oldSize === newSize) {
    if (proof.length > 0) throw refuse(`expected no hashes between sizes ${oldSize} and ${newSize}, got ${proof.length}`);
    const expected = oldSize === 0 ? emptyRoot() : newRoot;
    for (const root of oldSize === newSize ? [oldRoot, newRoot] : [oldRoot]) {
      if (!equalBytes(root, expected))
        throw refuse(`at size ${oldSize} expected root ${toBase64(expected)}, got ${toBase64(root)}`);
    }
    return;
  }
  const [first, ...rest] = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  if (first === undefined) throw refuse(`no hashes between sizes ${oldSize} and ${newSize}`);
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let fr = first;
  let sr = first;
  for (const hash of rest) {
    if (sn === 0) throw refuse(`${proof.length} hashes are too many between sizes ${oldSize} and ${newSize}`);
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(hash, fr);
      sr = nodeHash(hash, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      sr = nodeHash(sr, hash);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw refuse(`${proof.length} hashes are too few between sizes ${oldSize} and ${newSize}`);
  if (!equalBytes(fr, oldRoot))
    throw refuse(`leads to the root ${toBase64(fr)} at size ${oldSize}, expected ${toBase64(oldRoot)}`);
  if (!equalBytes(sr, newRoot))
    throw refuse(`leads to the root ${toBase64(sr)} at size ${newSize}, expected ${toBase64(newRoot)}`);
}

function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(Math.log2(n)) && 2 ** Math.log2(n) === n;
}

function refuse(reason: string): SteleError {
  return new SteleError("proof.consistency", `consistency proof: ${reason}`);
}
