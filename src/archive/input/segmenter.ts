import { Sha256 } from "#sha256";
import { toBase64 } from "../../core/bytes.ts";
import { SteleError } from "../../core/error.ts";
import { timestamp } from "../../core/time.ts";
import type { NewAppend } from "../provenance.ts";
import { MAX_RAW_BYTES } from "../segment/open.ts";
import { continueAfter, formatProgress, type Progress } from "./resume.ts";
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
  readonly appends: readonly NewAppend[];
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

/** Where the reading of one source stands. Offsets are into the segment's buffer. */
interface Run {
  readonly source: Source;
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
  /** Over the content up to `unhashed`. */
  readonly hash: Sha256;
  /** Bytes of content up to `unhashed`. */
  offset: number;
  unhashed: number;
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
  #appends: NewAppend[] = [];
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
    const { run, rest } = await this.#start(source);
    try {
      let pending = rest;
      for (;;) {
        while (pending.length > 0) {
          pending = pending.subarray(this.#fill(run, pending));
          if (this.#isFull()) yield this.#cut(run);
        }
        const next = await this.#next(run);
        if (next === "aged") {
          yield this.#cut(run);
          continue;
        }
        if (next.done === true) break;
        pending = next.value;
        if (!run.source.rereadable && this.#options.now() - run.since >= 1000) this.#endRun(run);
      }
      // A file that was stopped in the middle of a line is read again; what came from a stream will not come again.
      if (!run.source.rereadable || this.#options.stop?.aborted !== true) this.#endLastLine(run);
    } finally {
      this.#endRun(run);
      // What is left of a line that was refused is no part of the next source.
      this.#filled = this.#lines;
      await run.chunks.return();
    }
  }

  async #start(source: Source): Promise<{ run: Run; rest: Uint8Array }> {
    const { progress, report, stop, now } = this.#options;
    const known = source.rereadable ? progress.get(source.name) : undefined;
    const base = { source, first: this.#count, since: now(), pulled: null, unhashed: this.#filled };
    if (known !== undefined) {
      const chunks = source.open(stop);
      const goingOn = await continueAfter(known, chunks);
      if (goingOn !== null) {
        const { kind, hash, offset, lines, rest } = goingOn;
        report({ source, kind, end: known.end });
        return { run: { ...base, chunks, hash, offset, line: lines + 1 }, rest };
      }
      await chunks.return();
      // A reading that was stopped says nothing about the content.
      if (stop?.aborted !== true) report({ source, kind: "replaced", end: known.end });
    }
    const run = { ...base, chunks: source.open(stop), hash: new Sha256(), offset: 0, line: 1 };
    return { run, rest: new Uint8Array(0) };
  }

  /** Copies what fits and finds the entries in it; gives how many bytes of `chunk` it took. */
  #fill(run: Run, chunk: Uint8Array): number {
    const { limits, now } = this.#options;
    if (this.#count === 0) this.#openedAt = now();
    if (this.#count === run.first) run.since = now();
    const from = this.#filled;
    this.#put(chunk.subarray(0, limits.bytes - from));
    // A Buffer's search is several times as fast as a Uint8Array's; it ends where the content does.
    const content = Buffer.from(this.#buffer.buffer, 0, this.#filled);
    for (let end = content.indexOf(LF, from); end >= 0; end = content.indexOf(LF, end + 1)) {
      this.#endLine(run, end);
      if (this.#count === limits.entries) {
        const taken = this.#lines - from;
        this.#filled = this.#lines;
        return taken;
      }
    }
    if (this.#filled - this.#lines > limits.entryBytes) throw this.#tooLong(run);
    return this.#filled - from;
  }

  #put(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  #endLine(run: Run, end: number): void {
    if (end - this.#lines > this.#options.limits.entryBytes) throw this.#tooLong(run);
    this.#lines = end + 1;
    this.#count++;
    run.line++;
  }

  /** At a source's end, what has no line feed is an entry too. The buffer has a byte to spare for it. */
  #endLastLine(run: Run): void {
    if (this.#filled === this.#lines) return;
    // The line feed is ours, not the source's: the hash over the source stops before it.
    this.#hashUpTo(run, this.#filled);
    this.#put(Uint8Array.of(LF));
    run.unhashed = this.#filled;
    this.#endLine(run, this.#filled - 1);
  }

  #hashUpTo(run: Run, end: number): void {
    if (end <= run.unhashed) return;
    run.hash.update(this.#buffer.subarray(run.unhashed, end));
    run.offset += end - run.unhashed;
    run.unhashed = end;
  }

  /** Closes a run of provenance at the last whole entry, and says how far its source is archived by then. */
  #endRun(run: Run): void {
    const count = this.#count - run.first;
    if (count === 0) return;
    this.#hashUpTo(run, this.#lines);
    const id = run.source.rereadable ? formatProgress({ end: run.offset, sha256: toBase64(run.hash.digest()) }) : undefined;
    const append = { count, time: timestamp(run.since), source: run.source.name, id };
    this.#appends.push(append);
    this.#provenanceBytes += Buffer.byteLength(JSON.stringify(append));
    run.first = this.#count;
    run.since = this.#options.now();
  }

  /** Hands out the whole entries; what is left of an unfinished one begins the next buffer. */
  #cut(run?: Run): FilledSegment {
    if (run !== undefined) this.#endRun(run);
    const filled: FilledSegment = { buffer: this.#buffer.buffer, length: this.#lines, appends: this.#appends };
    const unfinished = this.#buffer.subarray(this.#lines, this.#filled);
    this.#buffer = this.#allocate();
    this.#buffer.set(unfinished);
    if (run !== undefined) {
      run.unhashed -= this.#lines;
      run.first = 0;
    }
    this.#filled = unfinished.length;
    this.#lines = 0;
    this.#count = 0;
    this.#appends = [];
    this.#provenanceBytes = 0;
    this.#openedAt = this.#options.now();
    return filled;
  }

  #isFull(): boolean {
    const { limits } = this.#options;
    return this.#count === limits.entries || this.#filled >= limits.bytes || this.#provenanceBytes > MAX_PROVENANCE_BYTES;
  }

  /** The next chunk; or "aged" when the segment's first entry has waited long enough, the read still under way. */
  async #next(run: Run): Promise<IteratorResult<Uint8Array, void> | "aged"> {
    run.pulled ??= run.chunks.next();
    const pulled = run.pulled;
    if (this.#count === 0) {
      run.pulled = null;
      return pulled;
    }
    const wait = this.#openedAt + this.#options.limits.ageMillis - this.#options.now();
    let timer: NodeJS.Timeout | undefined;
    const aged = new Promise<"aged">((resolve) => {
      timer = setTimeout(() => resolve("aged"), Math.max(0, wait));
    });
    try {
      const next = await Promise.race([pulled, aged]);
      if (next !== "aged") run.pulled = null;
      return next;
    } finally {
      clearTimeout(timer);
    }
  }

  #tooLong(run: Run): SteleError {
    const offset = run.offset + this.#lines - run.unhashed;
    return new SteleError(
      "input.entry-too-large",
      `${run.source.label}: line ${run.line}, at byte ${offset}, is longer than the ${this.#options.limits.entryBytes} bytes that an event may have. ` +
        `The lines before it are archived; nothing from it on. Split or remove it, or raise --max-event-bytes, and run the command again: it goes on there.`,
    );
  }

  #allocate(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#options.limits.bytes + 1));
  }
}
