import { z } from "zod";
import { sha256 } from "#sha256";
import { concatBytes, toBase64 } from "../../core/bytes.ts";
import { base64Hash, parseCanonical } from "../../core/canonical-json.ts";

/** Bytes of a file's beginning by which it is known again. */
export const HEAD_BYTES = 1024;
/** Bytes before a position that must still be there when reading goes on at it. */
export const TAIL_BYTES = 64;

/** Which file: numbers that a file keeps when it is renamed, in decimal because either may need 64 bits. */
export interface FileIdentity {
  readonly dev: string;
  readonly ino: string;
}

/** The hash of some bytes, and how many. */
interface Fingerprint {
  readonly bytes: number;
  /** Base64. */
  readonly sha256: string;
}

/** A place in a followed file, which may be renamed, copied, compressed or replaced before it is looked for again. */
export interface Cursor extends FileIdentity {
  /** Bytes of (decompressed) content before the place; at least 1. */
  readonly offset: number;
  /** When the file had last been written to, in nanoseconds since 1970: what was written later may be another file. */
  readonly written: string;
  readonly head: Fingerprint;
  /** Over what stands directly before the place. */
  readonly tail: Fingerprint;
}

const decimal = z.string().regex(/^(?:0|[1-9]\d{0,19})$/, "expected a decimal number of 64 bits");
const fingerprint = (max: number): z.ZodType<Fingerprint> =>
  z.strictObject({ bytes: z.int().min(1).max(max), sha256: base64Hash });

const schema: z.ZodType<Cursor> = z
  .strictObject({
    dev: decimal,
    ino: decimal,
    offset: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
    written: decimal,
    head: fingerprint(HEAD_BYTES),
    tail: fingerprint(TAIL_BYTES),
  })
  .refine(({ offset, head, tail }) => head.bytes <= offset && tail.bytes <= offset, "expected no more fingerprinted than read");

/** One line of JSON, under 1 kB. */
export function formatCursor({ dev, ino, offset, written, head, tail }: Cursor): string {
  const print = ({ bytes, sha256: hash }: Fingerprint): Fingerprint => ({ bytes, sha256: hash });
  return JSON.stringify({ dev, ino, offset, written, head: print(head), tail: print(tail) });
}

/** @throws SteleError `input.invalid` on anything that {@link formatCursor} did not make */
export function parseCursor(text: string): Cursor {
  return parseCanonical(Buffer.from(text), schema, formatCursor, "input.invalid", "cursor of a followed file");
}

/** What it takes to know a file's beginning again, up to a position that moves forward. */
export class Prefix {
  #offset: number;
  #head: Uint8Array;
  #tail: Uint8Array;
  #headHash: string | null = null;

  constructor(offset = 0, head: Uint8Array = new Uint8Array(0), tail: Uint8Array = new Uint8Array(0)) {
    this.#offset = offset;
    this.#head = head;
    this.#tail = tail;
  }

  get offset(): number {
    return this.#offset;
  }

  /** What stands directly before the position. */
  get tail(): Uint8Array {
    return this.#tail;
  }

  /** Moves on over `bytes`. */
  advance(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#offset += bytes.length;
    if (this.#head.length < HEAD_BYTES) {
      this.#head = concatBytes(this.#head, bytes.subarray(0, HEAD_BYTES - this.#head.length));
      this.#headHash = null;
    }
    // A view would keep the whole chunk, or change with it.
    const last = new Uint8Array(bytes.subarray(-TAIL_BYTES));
    this.#tail = last.length === TAIL_BYTES ? last : concatBytes(this.#tail, last).slice(-TAIL_BYTES);
  }

  copy(): Prefix {
    return new Prefix(this.#offset, this.#head, this.#tail);
  }

  cursor({ dev, ino }: FileIdentity, written: bigint): Cursor {
    this.#headHash ??= toBase64(sha256(this.#head));
    return {
      dev,
      ino,
      offset: this.#offset,
      written: String(written),
      head: { bytes: this.#head.length, sha256: this.#headHash },
      tail: { bytes: this.#tail.length, sha256: toBase64(sha256(this.#tail)) },
    };
  }

  /** Whether this is the beginning that `cursor` stands behind, as far as `cursor` is reached. */
  beginsAs({ head }: Cursor): boolean {
    return this.#head.length >= head.bytes && toBase64(sha256(this.#head.subarray(0, head.bytes))) === head.sha256;
  }

  matches(cursor: Cursor): boolean {
    return (
      this.#offset === cursor.offset &&
      this.beginsAs(cursor) &&
      this.#tail.length >= cursor.tail.bytes &&
      toBase64(sha256(this.#tail.subarray(-cursor.tail.bytes))) === cursor.tail.sha256
    );
  }
}
