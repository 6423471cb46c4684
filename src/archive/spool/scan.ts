import { crc32 } from "node:zlib";
import type { SpoolFile } from "./files.ts";
import { blankPieces, type FrameHeader, HEADER_BYTES, parseHeader, SECTOR } from "./frame.ts";
import { headingBytes, type Mark, parseHeading } from "./heading.ts";
import { type FoundDelivery, parsePayload } from "./payload.ts";

/** A file to scan, and what is known of it. */
export interface Scanned {
  readonly file: SpoolFile;
  /** Its length, as {@link writtenLength} gives it or exactly up to the end of its last frame. */
  readonly bytes: number;
  readonly origin: string;
  /** Index of its first entry, by its name. */
  readonly first: number;
  /** Index of the entry after its last; null for the spool's last file, which may end in a torn frame. */
  readonly next: number | null;
}

export type Finding = FoundFrame | Hole | Tear | Rest;

/** An intact frame. Its payload holds until the next finding is asked for. */
export interface FoundFrame {
  readonly kind: "frame";
  readonly header: FrameHeader;
  readonly payload: Buffer;
  readonly deliveries: readonly FoundDelivery[];
}

/** Damage. What is found after it is found by the frames' mark. */
export interface Hole {
  readonly kind: "hole";
  readonly offset: number;
  readonly reason: string;
  /** Index of the first entry lost. */
  readonly first: number;
  /** How many were lost; null when nothing tells. */
  readonly lost: number | null;
}

/** A frame that was being written when the machine stopped, at the end of the last file. */
export interface Tear {
  readonly kind: "tear";
  readonly offset: number;
}

/** Zeros of a sector behind the last frame, which nothing was ever written over. */
export interface Rest {
  readonly kind: "rest";
  readonly offset: number;
}

const LF = 0x0a;
const ZEROS = Buffer.alloc(1 << 16);

/**
 * A file's length without the sectors at its end that hold nothing but zeros: it may have been longer before anything was
 * written to it. To one that grows with its frames it makes no difference, as every frame ends with a line feed: where that
 * is in such a sector, the disk never got all of the frame.
 */
export async function writtenLength(file: SpoolFile, length: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(ZEROS.length);
  for (let end = length; end > 0;) {
    // Pieces begin where sectors do.
    const start = Math.max(0, Math.ceil(end / ZEROS.length) - 1) * ZEROS.length;
    const piece = buffer.subarray(0, await file.read(buffer.subarray(0, end - start), start));
    if (!piece.equals(ZEROS.subarray(0, piece.length))) {
      let used = piece.length;
      while (piece[used - 1] === 0) used--;
      return Math.min(length, Math.ceil((start + used) / SECTOR) * SECTOR);
    }
    end = start;
  }
  return 0;
}

/** What lies in a spool file, from front to end; memory is that of one frame. */
export async function* scanFile(scanned: Scanned): AsyncGenerator<Finding, void, undefined> {
  yield* new Scan(scanned).findings();
}

class Scan {
  readonly #scanned: Scanned;
  readonly #window: ReadWindow;
  readonly #bytes: number;
  /** Whether nothing comes after this file, so that a write may have been under way in it. */
  readonly #last: boolean;
  #mark: Mark | null = null;
  /** Where the next frame begins, and the index it begins with. */
  #at = 0;
  #expected: number;

  constructor(scanned: Scanned) {
    this.#scanned = scanned;
    this.#window = new ReadWindow(scanned.file);
    this.#bytes = scanned.bytes;
    this.#last = scanned.next === null;
    this.#expected = scanned.first;
  }

  async *findings(): AsyncGenerator<Finding, void, undefined> {
    const inHeading = await this.#readHeading();
    if (inHeading !== null) yield inHeading;
    while (this.#at < this.#bytes) yield await this.#step();
    const { next } = this.#scanned;
    if (next === null || this.#expected === next) return;
    yield this.#hole(`the file ends before entry ${this.#expected}, and the next begins with entry ${next}`, next);
  }

  /** Goes over the heading; what is wrong with it is a finding. */
  async #readHeading(): Promise<Finding | null> {
    const { origin, first } = this.#scanned;
    const length = headingBytes(origin);
    const start = await this.#window.at(0, length + HEADER_BYTES);
    if (start.length < length && this.#last) return this.#tear();
    const found = parseHeading(start.subarray(0, length));
    if (found !== null && found.origin === origin && found.first === first) {
      this.#mark = found.mark;
      this.#at = length;
      return null;
    }
    // The first frame tells the mark as well.
    const header = parseHeader(start.subarray(length), null);
    if (header !== null && header.first === first) this.#mark = header.mark;
    const firstFrame = this.#mark === null ? 0 : length + 1;
    if (this.#last && blankPieces(start.subarray(0, length), 0, true) > 0 && (await this.#search(firstFrame)) === null) {
      return this.#tear();
    }
    const reason = "the file does not begin as a spool file of this log and place";
    if (this.#mark === null) return this.#resume(1, reason);
    this.#at = length;
    return { kind: "hole", offset: 0, reason, first, lost: 0 };
  }

  async #step(): Promise<Finding> {
    const at = this.#at;
    if (await this.#isBlankFrom(at)) {
      this.#at = this.#bytes;
      return { kind: "rest", offset: at };
    }
    const start = await this.#window.at(at, HEADER_BYTES);
    if (start.length < HEADER_BYTES) {
      return this.#last ? this.#tear() : this.#resume(this.#bytes, "the file ends within a frame's header");
    }
    const header = parseHeader(start, this.#mark);
    if (header === null) {
      const mayBeTorn = this.#last && blankPieces(start, at, true) > 0;
      if (mayBeTorn && (await this.#search(at + 1)) === null) return this.#tear();
      return this.#resume(at + 1, "a frame's header does not hold");
    }
    if (header.first !== this.#expected) {
      return this.#resume(at, `expected a frame that begins with entry ${this.#expected}, got one with ${header.first}`);
    }
    const end = at + HEADER_BYTES + header.length;
    if (end > this.#bytes) {
      return this.#last ? this.#tear() : this.#resume(this.#bytes, "the file ends within a frame");
    }
    const frame = await this.#window.at(at, HEADER_BYTES + header.length);
    const payload = frame.subarray(HEADER_BYTES);
    if (crc32(payload) !== header.crc) {
      const mayBeTorn = this.#last && blankPieces(frame, at, true) > header.blank;
      if (mayBeTorn && (await this.#isBlankFrom(end))) return this.#tear();
      return this.#skip(header, end, "a frame's CRC-32 does not hold");
    }
    const deliveries = parsePayload(payload, header);
    if (typeof deliveries === "string") return this.#skip(header, end, deliveries);
    this.#at = end;
    this.#expected += header.count;
    return { kind: "frame", header, payload, deliveries };
  }

  /** Whether nothing but zeros follows, of less than a sector. */
  async #isBlankFrom(at: number): Promise<boolean> {
    const left = this.#bytes - at;
    if (left >= SECTOR) return false;
    const rest = await this.#window.at(at, left);
    return rest.equals(ZEROS.subarray(0, rest.length));
  }

  #tear(): Tear {
    const offset = this.#at;
    this.#at = this.#bytes;
    return { kind: "tear", offset };
  }

  /** A damaged frame whose header says where the next begins. */
  #skip(header: FrameHeader, end: number, reason: string): Hole {
    const hole = this.#hole(reason, this.#expected + header.count);
    this.#at = end;
    return hole;
  }

  /** Damage up to the next frame that is found from `from` on, or up to the file's end. */
  async #resume(from: number, reason: string): Promise<Hole> {
    const found = await this.#search(from);
    const hole = this.#hole(reason, found === null ? this.#scanned.next : found.first);
    this.#at = found === null ? this.#bytes : found.at;
    return hole;
  }

  #hole(reason: string, next: number | null): Hole {
    const first = this.#expected;
    if (next !== null) this.#expected = next;
    return { kind: "hole", offset: this.#at, reason, first, lost: next === null ? null : next - first };
  }

  /** The next place that a frame of this file may begin at, of entries not seen yet. */
  async #search(from: number): Promise<{ readonly at: number; readonly first: number } | null> {
    for (let at = from; at < this.#bytes;) {
      const bytes = await this.#window.at(at, ReadWindow.BYTES);
      const whole = bytes.length - HEADER_BYTES;
      for (let i = this.#candidate(bytes, 0); i >= 0 && i <= whole; i = this.#candidate(bytes, i + 1)) {
        const header = parseHeader(bytes.subarray(i), this.#mark);
        if (header === null || header.first < this.#expected) continue;
        if (this.#scanned.next !== null && header.first + header.count > this.#scanned.next) continue;
        this.#mark = header.mark;
        return { at: at + i, first: header.first };
      }
      at += Math.max(1, whole + 1);
    }
    return null;
  }

  #candidate(bytes: Buffer, from: number): number {
    if (this.#mark !== null) return bytes.indexOf(this.#mark, from, "latin1");
    if (from === 0 && parseHeader(bytes, null) !== null) return 0;
    const feed = bytes.indexOf(LF, Math.max(0, from - 1));
    return feed < 0 ? -1 : feed + 1;
  }
}

/** Reads a file in pieces that are larger than most frames. */
class ReadWindow {
  static readonly BYTES = 1 << 20;
  readonly #file: SpoolFile;
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;
  #length = 0;

  constructor(file: SpoolFile) {
    this.#file = file;
  }

  /** `length` bytes from `position` on, fewer only at the file's end. They hold until the next call. */
  async at(position: number, length: number): Promise<Buffer> {
    const offset = position - this.#position;
    if (offset < 0 || offset + length > this.#length) {
      const room = Math.max(length, ReadWindow.BYTES);
      if (this.#buffer.length < room) this.#buffer = Buffer.allocUnsafeSlow(room);
      this.#length = 0;
      this.#length = await this.#file.read(this.#buffer, position);
      this.#position = position;
      return this.#buffer.subarray(0, Math.min(length, this.#length));
    }
    return this.#buffer.subarray(offset, offset + length);
  }
}
