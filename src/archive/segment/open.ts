import { constants, zstdDecompressSync } from "node:zlib";
import { sha256 } from "#sha256";
import { equalBytes, fromBase64, toBase64 } from "../../core/bytes.ts";
import { extendChain } from "../../core/chain.ts";
import { entryEnds, entryLeaves } from "../../core/entries.ts";
import { SteleError } from "../../core/error.ts";
import type { SegmentReference } from "../../core/manifest.ts";
import { merkleRoot } from "../../core/tree.ts";
import { zstdFrame } from "../../core/zstd-frame.ts";

/** What a manifest promises of a segment. */
export type SegmentPromise = Pick<SegmentReference, "bytes" | "sha256" | "rawBytes"> & {
  readonly count: number;
  readonly root: string;
  /** The log's chain before the segment's first entry; null where that is not known. */
  readonly chainBefore: Uint8Array | null;
};

/** A segment that is what its manifest says. */
export interface OpenedSegment {
  /** The entries, each followed by a line feed. */
  readonly raw: Uint8Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  /** Leaf hashes, packed. */
  readonly leaves: Uint8Array<ArrayBuffer>;
  /** The log's chain after the last entry, from the value before the first; null where that was not given. */
  readonly chain: Uint8Array | null;
}

/** Longest segment before compression that is read: what a manifest declares is what is allocated for it. */
export const MAX_RAW_BYTES: number = 2 ** 28;
/** A decoder's history; the sealer's frames need 2 MiB. Without a bound, a frame of a few bytes could ask for gigabytes. */
const MAX_WINDOW = 2 ** 25;

/**
 * Checks a stored segment against its manifest from the outside in: length and hash of the object before it is
 * decompressed, the declared length before memory is taken, then number and root of the entries. The chain's value is computed for the caller to compare.
 * @throws SteleError `format.segment` or `proof.entry`, saying what was expected and found
 */
export function openSegment(stored: Uint8Array, promise: SegmentPromise): OpenedSegment {
  expectSame("length", promise.bytes, stored.length);
  const hash = toBase64(sha256(stored));
  if (hash !== promise.sha256) throw new SteleError("proof.entry", `segment: expected SHA-256 ${promise.sha256}, got ${hash}`);
  const frame = zstdFrame(stored);
  if (frame.length !== stored.length) {
    throw new SteleError(
      "format.segment",
      `segment: expected one zstd frame of ${stored.length} bytes, got one of ${frame.length} and something after it`,
    );
  }
  if (frame.contentSize !== null) expectSame("length after decompression", promise.rawBytes, frame.contentSize);
  if (promise.rawBytes > MAX_RAW_BYTES) {
    throw new SteleError(
      "format.segment",
      `segment: expected at most ${MAX_RAW_BYTES} bytes before compression, its manifest says ${promise.rawBytes}`,
    );
  }
  if (frame.windowSize > Math.max(MAX_WINDOW, promise.rawBytes)) {
    throw new SteleError(
      "format.segment",
      `segment: its zstd frame asks for ${frame.windowSize} bytes of memory, more than ${MAX_WINDOW}`,
    );
  }
  const raw = decompress(stored, promise.rawBytes);
  expectSame("length after decompression", promise.rawBytes, raw.length);
  const ends = entryEnds(Buffer.from(raw.buffer, raw.byteOffset, raw.length));
  expectSame("number of entries", promise.count, ends.length);
  const leaves = entryLeaves(raw, ends);
  const root = merkleRoot(leaves);
  if (!equalBytes(root, fromBase64(promise.root, "entries.root"))) {
    throw new SteleError("proof.entry", `segment: expected root ${promise.root} over its entries, got ${toBase64(root)}`);
  }
  return { raw, ends, leaves, chain: promise.chainBefore === null ? null : extendChain(promise.chainBefore, leaves) };
}

function decompress(stored: Uint8Array, rawBytes: number): Uint8Array<ArrayBuffer> {
  try {
    const raw = zstdDecompressSync(stored, {
      // One piece: pieces would be joined by a copy.
      chunkSize: Math.max(rawBytes, 64),
      maxOutputLength: rawBytes,
      params: { [constants.ZSTD_d_windowLogMax]: 31 },
    });
    return new Uint8Array(raw.buffer, raw.byteOffset, raw.length);
  } catch (cause) {
    const tooLong = cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
    throw new SteleError(
      "format.segment",
      tooLong
        ? `segment: it decompresses to more than the ${rawBytes} bytes that its manifest declares`
        : "segment: it can't be decompressed",
      { cause },
    );
  }
}

function expectSame(what: string, expected: number, actual: number): void {
  if (expected !== actual) throw new SteleError("proof.entry", `segment: expected ${what} ${expected}, got ${actual}`);
}
