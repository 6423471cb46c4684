import { sha256 } from "#sha256";
import { SteleError } from "./error.ts";
import { HASH_SIZE, leafHash, RFC6962_LEAF_HASH_PREFIX } from "./hash.ts";

const LF = 0x0a;

/** How many entries `raw` holds: each is followed by one line feed. @throws SteleError `format.segment` when the last is not */
export function countEntries(raw: Uint8Array): number {
  let count = 0;
  for (let end = raw.indexOf(LF); end >= 0; end = raw.indexOf(LF, end + 1)) count++;
  if (raw.length > 0 && raw[raw.length - 1] !== LF) {
    throw new SteleError("format.segment", "segment: its last entry does not end in a line feed");
  }
  return count;
}

/** Where each of `count` entries ends: the offsets of their line feeds. Entry i begins one byte after the end of entry i - 1. */
export function entryEnds(raw: Uint8Array, count: number): Uint32Array {
  const ends = new Uint32Array(count);
  let end = -1;
  for (let i = 0; i < count; i++) {
    end = raw.indexOf(LF, end + 1);
    ends[i] = end;
  }
  return ends;
}

/**
 * The leaf hashes of the entries whose line feeds lie at `ends`, packed. While it runs, `raw` is written to and put back:
 * the line feed before an entry gives its place to the leaf prefix, so that no entry is copied.
 */
export function entryLeaves(raw: Uint8Array, ends: Uint32Array): Uint8Array<ArrayBuffer> {
  const leaves = new Uint8Array(ends.length * HASH_SIZE);
  let start = 0;
  for (const [i, end] of ends.entries()) {
    if (start === 0) {
      leaves.set(leafHash(raw.subarray(0, end)), 0);
    } else {
      raw[start - 1] = RFC6962_LEAF_HASH_PREFIX;
      leaves.set(sha256(raw.subarray(start - 1, end)), i * HASH_SIZE);
      raw[start - 1] = LF;
    }
    start = end + 1;
  }
  return leaves;
}
