import { Sha256 } from "#sha256";
import { SteleError } from "../../core/error.ts";
import { timestamp } from "../../core/time.ts";
import { MAX_RAW_BYTES } from "../segment/open.ts";
import { continueAfter, formatProgress, type Progress, type Run } from "./resume.ts";
import type { Source } from "./source.ts";

/** When a segment is full. */
export interface SegmentLimits {
  /** Bytes before compression. */
  readonly bytes: number;
  readonly entries: number;
  /** Longest entry, in bytes. */
  readonly entryBytes: number;
  /** Longest wait of a segment's first entry, in milliseconds. */
  readonly ageMillis: number;
}

export const DEFAULT_LIMITS: SegmentLimits = { bytes: 16 << 20, entries: 65_536, entryBytes: 8 << 20, ageMillis: 60_000 };

/** Entries ready to be sealed: the first `length` bytes of `buffer`. */
export interface FilledSegment {
  readonly buffer: ArrayBuffer;
  readonly length: number;
  readonly runs: readonly Run[];
}

/** What is told about a source while it is read. */
export interface SourceReport {
  readonly source: Source;
  readonly kind: "resumed" | "complete" | "replaced" | "torn-line";
  /** Bytes of content already archived before. */
  readonly end: number;
}

export interface SegmenterOptions {
  readonly limits: SegmentLimits;
  readonly now: () => number;
  /** Ends the reading: what was read until then still comes out. */
  readonly stop?: AbortSignal | undefined;
  readonly progress: ReadonlyMap<string, Progress>;
  readonly report: (report: SourceReport) => void;
}

const LF = 0x0a;
/** Bytes of provenance in one manifest: with one more run it still stays under its largest size. */
const MAX_PROVENANCE_BYTES = 40_000;

/** Stands for a hash that is not known yet: an id's length is. */
const ANY_SHA256 = "A".repeat(44);

/** Where the reading of one source stands. */
interface Reading {
  readonly source: Source;
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
  /** Over the leaf hashes of the lines of all its runs. */
  readonly hash: Sha256;
  /** Where its content would begin, counted from the segment's buffer's start. */
  begin: number;
  /** Entries in the segment before this run. */
  first: number;
  /** Of the next entry in its source, from 1. */
  line: number;
  /** When the run's first bytes were read. */
  since: number;
  /** A read under way that a full segment did not wait for. */
  pulled: Promise<IteratorResult<Uint8Array, void>> | null;
}

/**
 * Cuts sources into segments of whole entries, one entry a line. A last line without a line feed is an entry as well.
 * Memory is one buffer for every segment that was not given back with {@link recycle}, and one more.
 */
export class Segmenter {
  readonly #options: SegmenterOptions;
  readonly #free: ArrayBuffer[] = [];
  #buffer: Uint8Array<ArrayBuffer>;
  /** Bytes in the buffer; those before `#lines` are whole entries. */
  #filled = 0;
  #lines = 0;
  #count = 0;
  #runs: Run[] = [];
  #provenanceBytes = 0;
  #openedAt = 0;

  constructor(options: SegmenterOptions) {
    const { bytes, entryBytes, entries } = options.limits;
    if (entryBytes >= bytes || entries < 1 || bytes > MAX_RAW_BYTES) {
      throw new SteleError(
        "input.invalid",
        `limits: expected a segment of more than the longest entry's ${entryBytes} bytes, got ${bytes} bytes and ${entries} entries`,
      );
    }
    this.#options = options;
    this.#buffer = this.#allocate();
  }

  /** Takes back a buffer for another segment. */
  recycle(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
  }

  /** @throws SteleError `input.entry-too-large` after all entries before it came out; `input.unreadable` likewise */
  async *segments(sources: Iterable<Source>): AsyncGenerator<FilledSegment, void, undefined> {
    try {
      for (const source of sources) {
        if (this.#options.stop?.aborted === true) break;
        yield* this.#read(source);
        if (this.#isFull()) yield this.#cut();
      }
    } catch (error) {
      if (this.#count > 0) yield this.#cut();
      throw error;
    }
    if (this.#count > 0) yield this.#cut();
  }

  async *#read(source: Source): AsyncGenerator<FilledSegment, void, undefined> {
    const { reading, rest } = await this.#start(source);
    try {
      let pending = rest;
      for (;;) {
        while (pending.length > 0) {
          pending = pending.subarray(this.#fill(reading, pending));
          if (this.#isFull()) yield this.#cut(reading);
        }
        const next = await this.#next(reading);
        if (next === "aged") {
          yield this.#cut(reading);
          continue;
        }
        if (next.done === true) break;
        pending = next.value;
        if (!reading.source.rereadable && this.#options.now() - reading.since >= 1000) this.#endRun(reading);
      }
      // A file that was stopped in the middle of a line is read again; what came from a stream will not come again.
      if (!reading.source.rereadable || this.#options.stop?.aborted !== true) this.#endLastLine(reading);
    } finally {
      this.#endRun(reading);
      // What is left of a line that was refused is no part of the next source.
      this.#filled = this.#lines;
      await reading.chunks.return();
    }
  }

  async #start(source: Source): Promise<{ reading: Reading; rest: Uint8Array }> {
    const { progress, report, stop, now } = this.#options;
    const known = source.rereadable ? progress.get(source.name) : undefined;
    const base = { source, first: this.#count, since: now(), pulled: null };
    if (known !== undefined) {
      const chunks = source.open(stop);
      const goingOn = await continueAfter(known, chunks);
      if (goingOn !== null) {
        const { kind, hash, offset, lines, rest } = goingOn;
        report({ source, kind, end: known.end });
        return { reading: { ...base, chunks, hash, begin: this.#filled - offset, line: lines + 1 }, rest };
      }
      await chunks.return();
      // A reading that was stopped says nothing about the content.
      if (stop?.aborted !== true) report({ source, kind: "replaced", end: known.end });
    }
    const reading = { ...base, chunks: source.open(stop), hash: new Sha256(), begin: this.#filled, line: 1 };
    return { reading, rest: new Uint8Array(0) };
  }

  /** Copies what fits and finds the entries in it; gives how many bytes of `chunk` it took. */
  #fill(reading: Reading, chunk: Uint8Array): number {
    const { limits, now } = this.#options;
    if (this.#count === 0) this.#openedAt = now();
    if (this.#count === reading.first) reading.since = now();
    const from = this.#filled;
    this.#put(chunk.subarray(0, limits.bytes - from));
    // A Buffer's search is several times as fast as a Uint8Array's; it ends where the content does.
    const content = Buffer.from(this.#buffer.buffer, 0, this.#filled);
    for (let end = content.indexOf(LF, from); end >= 0; end = content.indexOf(LF, end + 1)) {
      this.#endLine(reading, end);
      if (this.#count === limits.entries) {
        const taken = this.#lines - from;
        this.#filled = this.#lines;
        return taken;
      }
    }
    if (this.#filled - this.#lines > limits.entryBytes) throw this.#tooLong(reading);
    return this.#filled - from;
  }

  #put(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  #endLine(reading: Reading, end: number): void {
    if (end - this.#lines > this.#options.limits.entryBytes) throw this.#tooLong(reading);
    this.#lines = end + 1;
    this.#count++;
    reading.line++;
  }

  /** At a source's end, what has no line feed is an entry too. The buffer has a byte to spare for it. */
  #endLastLine(reading: Reading): void {
    if (this.#filled === this.#lines) return;
    this.#put(Uint8Array.of(LF));
    this.#endLine(reading, this.#filled - 1);
    // The line feed is ours, not the source's: it does not count in how far the source is archived.
    reading.begin++;
  }

  /** Closes a run of provenance at the last whole entry, and says how far its source is archived by then. */
  #endRun(reading: Reading): void {
    const count = this.#count - reading.first;
    if (count === 0) return;
    const { source, hash } = reading;
    const end = this.#lines - reading.begin;
    const run = { count, time: timestamp(reading.since), source: source.name };
    this.#runs.push({ ...run, prefix: source.rereadable ? { end, hash } : null });
    const id = source.rereadable ? formatProgress({ end, sha256: ANY_SHA256 }) : undefined;
    this.#provenanceBytes += Buffer.byteLength(JSON.stringify({ ...run, id }));
    reading.first = this.#count;
    reading.since = this.#options.now();
  }

  /** Hands out the whole entries; what is left of an unfinished one begins the next buffer. */
  #cut(reading?: Reading): FilledSegment {
    if (reading !== undefined) this.#endRun(reading);
    const filled: FilledSegment = { buffer: this.#buffer.buffer, length: this.#lines, runs: this.#runs };
    const unfinished = this.#buffer.subarray(this.#lines, this.#filled);
    this.#buffer = this.#allocate();
    this.#buffer.set(unfinished);
    if (reading !== undefined) {
      reading.begin -= this.#lines;
      reading.first = 0;
    }
    this.#filled = unfinished.length;
    this.#lines = 0;
    this.#count = 0;
    this.#runs = [];
    this.#provenanceBytes = 0;
    this.#openedAt = this.#options.now();
    return filled;
  }

  #isFull(): boolean {
    const { limits } = this.#options;
    return this.#count === limits.entries || this.#filled >= limits.bytes || this.#provenanceBytes > MAX_PROVENANCE_BYTES;
  }

  /** The next chunk; or "aged" when the segment's first entry has waited long enough, the read still under way. */
  async #next(reading: Reading): Promise<IteratorResult<Uint8Array, void> | "aged"> {
    reading.pulled ??= reading.chunks.next();
    const pulled = reading.pulled;
    if (this.#count === 0) {
      reading.pulled = null;
      return pulled;
    }
    const wait = this.#openedAt + this.#options.limits.ageMillis - this.#options.now();
    let timer: NodeJS.Timeout | undefined;
    const aged = new Promise<"aged">((resolve) => {
      timer = setTimeout(() => resolve("aged"), Math.max(0, wait));
    });
    try {
      const next = await Promise.race([pulled, aged]);
      if (next !== "aged") reading.pulled = null;
      return next;
    } finally {
      clearTimeout(timer);
    }
  }

  #tooLong(reading: Reading): SteleError {
    const offset = this.#lines - reading.begin;
    return new SteleError(
      "input.entry-too-large",
      `${reading.source.label}: line ${reading.line}, at byte ${offset}, is longer than the ${this.#options.limits.entryBytes} bytes that an event may have. ` +
        `The lines before it are archived; nothing from it on. Split or remove it, or raise --max-event-bytes, and run the command again: it goes on there.`,
    );
  }

  #allocate(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#options.limits.bytes + 1));
  }
}
