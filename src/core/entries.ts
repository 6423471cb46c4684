import { sha256Into } from "#sha256";
import { SteleError } from "./error.ts";
import { HASH_SIZE, leafHash, RFC6962_LEAF_HASH_PREFIX } from "./hash.ts";

const LF = 0x0a;

/**
 * Where each entry of `raw` ends: the offsets of the line feeds, of which one follows every entry. Entry i begins one byte
 * after the end of entry i - 1. Node finds them several times as fast in a Buffer as in another Uint8Array.
 * @throws SteleError `format.segment` when the last entry is not followed by one
 */
export function entryEnds(raw: Uint8Array): Uint32Array<ArrayBuffer> {
  let ends = new Uint32Array(1024);
  let count = 0;
  for (let end = raw.indexOf(LF); end >= 0; end = raw.indexOf(LF, end + 1)) {
    if (count === ends.length) {
      const more = new Uint32Array(count * 2);
      more.set(ends);
      ends = more;
    }
    ends[count++] = end;
  }
  if (raw.length > 0 && ends[count - 1] !== raw.length - 1) {
    throw new SteleError("format.segment", "segment: its last entry does not end in a line feed");
  }
  return ends.slice(0, count);
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
      sha256Into(raw.subarray(start - 1, end), leaves, i * HASH_SIZE);
      raw[start - 1] = LF;
    }
    start = end + 1;
  }
  return leaves;
}
