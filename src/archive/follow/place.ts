import type { BigIntStats } from "node:fs";
import { constants, type FileHandle, open, stat } from "node:fs/promises";
import { SteleError } from "../../core/error.ts";
import { fileSource } from "../input/source.ts";
import { type Cursor, type FileIdentity, HEAD_BYTES, Prefix, TAIL_BYTES } from "./cursor.ts";

/** What a read brought: bytes (valid until the next read), nothing for now, or that what was read before is not there any more. */
export type Reading =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end" | "truncated" | "replaced" };

/** An open file, and how far it was read. */
export interface Place {
  readonly path: string;
  readonly identity: FileIdentity;
  /** When it was last written to, as known at the last read; nanoseconds since 1970. */
  readonly written: bigint;
  /** Whether it can't grow. */
  readonly complete: boolean;
  read(): Promise<Reading>;
  close(): Promise<void>;
}

/** A place that reading goes on at, and the content before it. */
export interface Recognised {
  readonly place: Place;
  readonly prefix: Prefix;
}

export const COMPRESSED: RegExp = /\.(?:gz|zst)$/;
const LF = 0x0a;

export function isCompressed(path: string): boolean {
  return COMPRESSED.test(path);
}

export function identityOf({ dev, ino }: BigIntStats): FileIdentity {
  return { dev: String(dev), ino: String(ino) };
}

export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** @throws SteleError `input.unreadable` */
export async function openPlain(path: string, chunkBytes: number): Promise<PlainFile> {
  let file: FileHandle | null = null;
  try {
    // A pipe in the file's place would hold the opening up until somebody writes to it.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const info = await file.stat({ bigint: true });
    if (!info.isFile())
      throw new Error(info.isDirectory() ? "it is a folder" : "it is no regular file; give it on standard input");
    const place = new PlainFile(file, path, info, chunkBytes);
    file = null;
    return place;
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    await file?.close();
  }
}

/** A file as it is written to. */
export class PlainFile implements Place {
  readonly path: string;
  readonly identity: FileIdentity;
  readonly complete = false;
  readonly #file: FileHandle;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #chunkBytes: number;
  #read: Prefix = new Prefix();
  #written: bigint;

  constructor(file: FileHandle, path: string, info: BigIntStats, chunkBytes: number) {
    this.#file = file;
    this.path = path;
    this.identity = identityOf(info);
    this.#written = info.mtimeNs;
    this.#chunkBytes = chunkBytes;
    this.#buffer = new Uint8Array(TAIL_BYTES + chunkBytes);
  }

  get written(): bigint {
    return this.#written;
  }

  /**
   * The bytes before the position come with each read and are compared: a file that was emptied and has grown past the
   * position in the meantime is larger than before, and other. One call reads both, so nothing comes between them.
   */
  async read(): Promise<Reading> {
    const { offset, tail } = this.#read;
    try {
      const length = tail.length + this.#chunkBytes;
      const { bytesRead } = await this.#file.read(this.#buffer, 0, length, offset - tail.length);
      if (bytesRead < tail.length) {
        const { size } = await this.#file.stat();
        return { kind: size < offset ? "truncated" : "end" };
      }
      if (Buffer.compare(this.#buffer.subarray(0, tail.length), tail) !== 0) return { kind: "replaced" };
      const bytes = this.#buffer.subarray(tail.length, bytesRead);
      if (bytes.length === 0) return { kind: "end" };
      this.#read.advance(bytes);
      this.#written = (await this.#file.stat({ bigint: true })).mtimeNs;
      return { kind: "bytes", bytes };
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
  }

  /** Goes to `offset`; null when the file is shorter. */
  async seek(offset: number): Promise<Prefix | null> {
    const head = await this.#bytesAt(0, Math.min(offset, HEAD_BYTES));
    const tailBytes = Math.min(offset, TAIL_BYTES);
    const tail = await this.#bytesAt(offset - tailBytes, tailBytes);
    if (head === null || tail === null) return null;
    this.#read = new Prefix(offset, head, tail);
    return this.#read.copy();
  }

  /** Goes behind the last line feed: who begins at the end has not seen the beginning of an unfinished line. */
  async seekEnd(): Promise<Prefix> {
    const { size } = await this.#file.stat();
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - this.#chunkBytes);
      const bytes = await this.#bytesAt(start, end - start);
      const at = bytes?.lastIndexOf(LF) ?? -1;
      if (at >= 0) return (await this.seek(start + at + 1)) ?? new Prefix();
      end = start;
    }
    return new Prefix();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #bytesAt(position: number, length: number): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(length);
    try {
      for (let have = 0; have < length;) {
        const { bytesRead } = await this.#file.read(bytes, have, length - have, position + have);
        if (bytesRead === 0) return null;
        have += bytesRead;
      }
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
    return bytes;
  }
}

/** A rotated file that was compressed. */
class CompressedFile implements Place {
  readonly path: string;
  readonly identity: FileIdentity;
  readonly written: bigint;
  readonly complete = true;
  readonly #chunks: AsyncGenerator<Uint8Array, void, undefined>;
  #pending: Uint8Array = new Uint8Array(0);

  constructor(path: string, info: BigIntStats, chunks: AsyncGenerator<Uint8Array, void, undefined>) {
    this.path = path;
    this.identity = identityOf(info);
    this.written = info.mtimeNs;
    this.#chunks = chunks;
  }

  async read(): Promise<Reading> {
    const bytes = this.#pending;
    this.#pending = new Uint8Array(0);
    if (bytes.length > 0) return { kind: "bytes", bytes };
    const next = await this.#chunks.next();
    return next.done === true ? { kind: "end" } : { kind: "bytes", bytes: next.value };
  }

  /** Reads up to where `cursor` stands; null when its content is another. */
  async skipTo(cursor: Cursor): Promise<Prefix | null> {
    const prefix = new Prefix();
    while (prefix.offset < cursor.offset) {
      const next = await this.#chunks.next();
      if (next.done === true) return null;
      const left = cursor.offset - prefix.offset;
      prefix.advance(next.value.subarray(0, left));
      this.#pending = next.value.subarray(left);
      if (prefix.offset >= cursor.head.bytes && !prefix.beginsAs(cursor)) return null;
    }
    return prefix.matches(cursor) ? prefix : null;
  }

  async close(): Promise<void> {
    await this.#chunks.return();
  }
}

/** @throws SteleError `input.unreadable` */
async function openCompressed(path: string, stop: AbortSignal): Promise<CompressedFile> {
  const source = await fileSource(path);
  const info = await stat(path, { bigint: true }).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  return new CompressedFile(path, info, source.open(stop));
}

/** Opens a file of a log at its beginning. @throws SteleError `input.unreadable` */
export async function openPlace(path: string, compressed: boolean, chunkBytes: number, stop: AbortSignal): Promise<Place> {
  return compressed ? openCompressed(path, stop) : openPlain(path, chunkBytes);
}

/**
 * Opens a file where `cursor` stands, if the content before it is what it was.
 * @throws SteleError `input.unreadable`
 */
export async function recognise(
  path: string,
  compressed: boolean,
  cursor: Cursor,
  chunkBytes: number,
  stop: AbortSignal,
): Promise<Recognised | null> {
  const place = compressed ? await openCompressed(path, stop) : await openPlain(path, chunkBytes);
  let prefix: Prefix | null = null;
  try {
    prefix = place instanceof CompressedFile ? await place.skipTo(cursor) : await place.seek(cursor.offset);
    if (prefix !== null && !prefix.matches(cursor)) prefix = null;
  } finally {
    if (prefix === null) await place.close();
  }
  return prefix === null ? null : { place, prefix };
}

/** Whether a call failed because there is no such file. */
export function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

export function unreadable(path: string, cause: unknown): SteleError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SteleError("input.unreadable", `${path} can't be followed: ${reason}`, { cause });
}
