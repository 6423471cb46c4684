import { crc32 } from "node:zlib";
import { type Mark, MARK_BYTES } from "./heading.ts";
import type { Piece } from "./pieces.ts";

/**
 * A frame's header, one line of fixed width:
 *
 *     <mark> <length> <first> <count> <blank> <CRC-32 of the payload> <CRC-32 of this line until here>
 *
 * in decimal digits, the mark and the CRCs in hexadecimal ones. The payload is, for each delivery, one line of JSON and the
 * bytes of its entries. A frame is one write, made durable as a whole.
 */
export interface FrameHeader {
  readonly mark: Mark;
  /** Bytes of the payload. */
  readonly length: number;
  /** Index of the first entry. */
  readonly first: number;
  readonly count: number;
  /** Sectors' pieces that hold nothing but zeros by right. One more, and the disk never got all of the frame. */
  readonly blank: number;
  /** CRC-32 of the payload. */
  readonly crc: number;
}

export const SECTOR = 512;
const WIDTHS = [MARK_BYTES, 10, 16, 10, 7, 8] as const;
/** Where the header's own CRC begins: behind the fields, each with a space. */
const CRC_AT = WIDTHS.reduce((at, width) => at + width + 1, 0);
const CRC_DIGITS = 8;
export const HEADER_BYTES: number = CRC_AT + CRC_DIGITS + 1;
const SPELLING = /^[0-9a-f]{16} \d{10} \d{16} \d{10} \d{7} [0-9a-f]{8} [0-9a-f]{8}\n$/;

export interface FramePlace {
  /** What the file begins with, when the frame is its first; otherwise empty. */
  readonly lead: string;
  /** Where in the file the lead or, without one, the frame begins. */
  readonly position: number;
  readonly mark: Mark;
  readonly first: number;
  readonly count: number;
}

/** Puts frames together in memory that is used again for the next one. */
export class FrameBuffer {
  static readonly #KEPT = 4 << 20;
  #kept: Buffer = Buffer.allocUnsafeSlow(256 << 10);

  /** The bytes to write at `place.position`; they hold until the next call. */
  assemble(place: FramePlace, pieces: readonly Piece[]): Buffer {
    // UTF-8 takes at most three bytes for a unit of a string.
    let room = place.lead.length * 3 + HEADER_BYTES;
    for (const { meta, bytes } of pieces) {
      room += meta.length * 3;
      for (const part of bytes) room += part.length;
    }
    const buffer = this.#take(room);

    const start = buffer.write(place.lead, 0);
    const payload = start + HEADER_BYTES;
    let at = payload;
    for (const { meta, bytes } of pieces) {
      at += buffer.write(meta, at);
      for (const part of bytes) {
        buffer.set(part, at);
        at += part.length;
      }
    }
    const { mark, first, count } = place;
    const content = buffer.subarray(payload, at);
    const header = spellHeader({
      mark,
      first,
      count,
      length: content.length,
      blank: blankPieces(content, place.position + payload),
      crc: crc32(content),
    });
    buffer.write(header, start, "latin1");
    return buffer.subarray(0, at);
  }

  #take(room: number): Buffer {
    if (room <= this.#kept.length) return this.#kept;
    const grown = Buffer.allocUnsafeSlow(room);
    if (room <= FrameBuffer.#KEPT) this.#kept = grown;
    return grown;
  }
}

/** Reads a frame's header, of `mark` when it is given; null when it is none or its CRC does not hold. */
export function parseHeader(bytes: Uint8Array, mark: Mark | null): FrameHeader | null {
  if (bytes.length < HEADER_BYTES) return null;
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, HEADER_BYTES).toString("latin1");
  if ((mark !== null && !line.startsWith(mark)) || !SPELLING.test(line)) return null;
  if (Number.parseInt(line.slice(CRC_AT, CRC_AT + CRC_DIGITS), 16) !== crc32(line.slice(0, CRC_AT))) return null;
  const [found = "", length, first, count, blank, crc = ""] = line.split(" ");
  return {
    mark: found,
    length: Number(length),
    first: Number(first),
    count: Number(count),
    blank: Number(blank),
    crc: Number.parseInt(crc, 16),
  };
}

/**
 * How many pieces of `bytes`, divided where sectors of the file end, hold nothing but zeros. The first piece counts only
 * when a sector begins with it or `whole` is set.
 */
export function blankPieces(bytes: Uint8Array, position: number, whole = false): number {
  let blank = 0;
  let at = whole ? 0 : (SECTOR - (position % SECTOR)) % SECTOR;
  while (at < bytes.length) {
    const end = Math.min(bytes.length, at + SECTOR - ((position + at) % SECTOR));
    let zeros = at;
    while (zeros < end && bytes[zeros] === 0) zeros++;
    if (zeros === end) blank++;
    at = end;
  }
  return blank;
}

function spellHeader(header: FrameHeader): string {
  const { mark, length, first, count, blank, crc } = header;
  const values = [mark, String(length), String(first), String(count), String(blank), crc.toString(16)];
  let line = "";
  for (const [i, width] of WIDTHS.entries()) line += `${(values[i] ?? "").padStart(width, "0")} `;
  return `${line}${crc32(line).toString(16).padStart(CRC_DIGITS, "0")}\n`;
}
