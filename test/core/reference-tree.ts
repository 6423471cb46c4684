import { createHash } from "node:crypto";

/**
 * RFC 6962 section 2.1 word for word: recursive, without leaf hashes kept, in no hurry, and sharing nothing with what it
 * checks. `D` is the list of entries, as the RFC calls it; every slice is the RFC's own.
 */
export type Entries = readonly Uint8Array[];

function hash(...parts: readonly Uint8Array[]): Uint8Array {
  const sha256 = createHash("sha256");
  for (const part of parts) sha256.update(part);
  return new Uint8Array(sha256.digest());
}

const ZERO = Uint8Array.of(0);
const ONE = Uint8Array.of(1);

/** "k is the largest power of two smaller than n (i.e., k < n <= 2k)" */
function largestPowerOfTwoSmallerThan(n: number): number {
  let k = 1;
  while (2 * k < n) k = 2 * k;
  return k;
}

function only(D: Entries): Uint8Array {
  const [d] = D;
  if (d === undefined || D.length !== 1) throw new Error(`expected one entry, got ${D.length}`);
  return d;
}

/** "the Merkle Tree Hash (MTH)" of section 2.1 */
export function MTH(D: Entries): Uint8Array {
  const n = D.length;
  if (n === 0) return hash();
  if (n === 1) return hash(ZERO, only(D));
  const k = largestPowerOfTwoSmallerThan(n);
  return hash(ONE, MTH(D.slice(0, k)), MTH(D.slice(k, n)));
}

/** "the Merkle audit path PATH(m, D[n])" of section 2.1.1, for the (m+1)th entry */
export function PATH(m: number, D: Entries): Uint8Array[] {
  const n = D.length;
  if (n === 1 && m === 0) return [];
  const k = largestPowerOfTwoSmallerThan(n);
  return m < k ? [...PATH(m, D.slice(0, k)), MTH(D.slice(k, n))] : [...PATH(m - k, D.slice(k, n)), MTH(D.slice(0, k))];
}

/** "the Merkle consistency proof PROOF(m, D[n])" of section 2.1.2, for 0 < m <= n */
export function PROOF(m: number, D: Entries): Uint8Array[] {
  return SUBPROOF(m, D, true);
}

function SUBPROOF(m: number, D: Entries, b: boolean): Uint8Array[] {
  const n = D.length;
  if (m === n) return b ? [] : [MTH(D)];
  const k = largestPowerOfTwoSmallerThan(n);
  return m <= k
    ? [...SUBPROOF(m, D.slice(0, k), b), MTH(D.slice(k, n))]
    : [...SUBPROOF(m - k, D.slice(k, n), false), MTH(D.slice(0, k))];
}

/** `count` different entries of different lengths, the first one empty. */
export function entries(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    Uint8Array.from({ length: i % 41 }, (_byte, j) => (i * 31 + (i >>> 8) * 7 + j * 17) & 0xff),
  );
}

/** The entries' leaf hashes, one after the other. */
export function packedLeaves(D: Entries): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(D.length * 32);
  for (const [i, d] of D.entries()) packed.set(hash(ZERO, d), i * 32);
  return packed;
}
