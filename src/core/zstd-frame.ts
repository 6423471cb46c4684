import { SteleError } from "./error.ts";

/** What a zstd frame says of itself (RFC 8878 section 3.1.1). */
export interface ZstdFrame {
  /** Bytes of the frame, from magic number to checksum. */
  readonly length: number;
  /** Bytes of history that a decoder must keep. */
  readonly windowSize: number;
  /** Bytes after decompression, where the frame says. */
  readonly contentSize: number | null;
}

const MAGIC = 0xfd2fb528;
const BLOCK_RAW = 0;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

/**
 * Walks the first zstd frame in `bytes`, block by block, without decompressing. Some decoders stop after the first frame and
 * some go on, so that two frames in a row would be two different segments to two readers: this tells where the first ends.
 * @throws SteleError `format.segment` when it is no whole frame
 */
export function zstdFrame(bytes: Uint8Array): ZstdFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return walk(view);
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new SteleError("format.segment", `segment: its zstd frame is cut off after ${bytes.length} bytes`, { cause });
    throw cause;
  }
}

function walk(view: DataView): ZstdFrame {
  if (view.getUint32(0, true) !== MAGIC)
    throw new SteleError("format.segment", "segment: expected a zstd frame, got other bytes");
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 0x03] ?? 0;
  const sizeFlag = descriptor >>> 6;
  const contentSizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  if (dictionaryBytes > 0)
    throw new SteleError("format.segment", "segment: its zstd frame needs a dictionary; none is used in this format");
  let at = 5;
  let windowSize = 0;
  if (!singleSegment) {
    const window = view.getUint8(at++);
    const base = 2 ** (10 + (window >>> 3));
    windowSize = base + (base / 8) * (window & 7);
  }
  const contentSize = readContentSize(view, at, contentSizeBytes);
  at += contentSizeBytes;
  for (let last = false; !last;) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    last = (header & 1) === 1;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === BLOCK_RESERVED) throw new SteleError("format.segment", "segment: its zstd frame has a block of reserved type");
    at += 3 + (type === BLOCK_RLE ? 1 : size);
    if (type === BLOCK_RAW && size > 0) view.getUint8(at - 1);
  }
  if (hasChecksum) at += 4;
  view.getUint8(at - 1);
  return { length: at, windowSize: singleSegment ? (contentSize ?? 0) : windowSize, contentSize };
}

function readContentSize(view: DataView, at: number, bytes: number): number | null {
  if (bytes === 0) return null;
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  if (bytes === 4) return view.getUint32(at, true);
  const size = view.getBigUint64(at, true);
  return size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : Number.MAX_SAFE_INTEGER;
}
