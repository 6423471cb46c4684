import { type Cursor, formatCursor, parseCursor, Prefix } from "../follow/cursor.ts";
import { LineCutter, type Lines } from "../follow/lines.ts";
import { statCurrent } from "../follow/neighbours.ts";
import { identityOf, isSameFile, openPlain, type Place } from "../follow/place.ts";
import { Poll, type Wake } from "../follow/poll.ts";
import { type Stand, Trail } from "../follow/trail.ts";
import { isSteleError } from "../../core/error.ts";

/** Whole lines of a followed file. */
export interface FollowedLines {
  /** Each line with its LF; the caller's to keep. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Where to go on after these; under 1,000 characters. */
  readonly cursor: string;
}

/**
 * What happened to the file.
 * - `waiting`: there is nothing at `path`, or (with a `reason`) it can't be read for now
 * - `opened`: reading begins in `path`, at `offset`
 * - `resumed`: the place that a cursor names was found: it is in `path` now, at `offset`
 * - `rotated`: the file before was read to its end; reading goes on at the beginning of `path`
 * - `truncated`, `replaced`: `path` is shorter than what was read of it, or has other content there; the place was at `offset`
 * - `lost-place`: the file in which reading had come to `offset` is gone; what was written to it after that is not read
 */
export interface FollowNotice {
  readonly kind: "waiting" | "opened" | "resumed" | "rotated" | "truncated" | "replaced" | "lost-place";
  readonly path: string;
  /** Bytes of content. */
  readonly offset: number;
  readonly reason?: string;
}

export interface FollowOptions {
  /** Of the last lines that were kept; null for a file that was never followed. */
  readonly cursor: string | null;
  /** Ends the following. A line without a line feed is not handed out: it is read again. */
  readonly stop: AbortSignal;
  /** Longest event in bytes, without its LF. */
  readonly maxEventBytes: number;
  /** Bytes read at a time; default 1 MiB. Memory is a few times this and the longest line. */
  readonly batchBytes?: number;
  readonly onNotice?: (notice: FollowNotice) => void;
  /** Milliseconds between two looks at the file; default 250. */
  readonly pollMillis?: number;
  /** Without a cursor: skip what is in the file by now. */
  readonly fromEnd?: boolean;
  /** Instead of a timer and the system's hints: waits until the next look, or until `signal` is aborted. */
  readonly wait?: (signal: AbortSignal) => Promise<Wake>;
}

/** A rotated file is left when as many looks in a row brought nothing, and its successor has something. */
const QUIET_POLLS = 2;

/**
 * Follows a log file over rotations, as `tail -F` does, but without losing what a rotation leaves in the old file: that is
 * read to its end first, also after a restart, also when it was compressed (`.gz`, `.zst`) meanwhile. Rotated files are
 * looked for in the file's folder.
 *
 * @throws SteleError `input.invalid` for a cursor that is none; `input.unreadable` when there is something else than a
 *   readable file at the start, or reading fails; `input.entry-too-large` after everything before that line was yielded
 */
export async function* follow(path: string, options: FollowOptions): AsyncGenerator<FollowedLines, void, undefined> {
  const cursor = options.cursor === null ? null : parseCursor(options.cursor);
  const follower = new Follower(path, options);
  try {
    yield* follower.run(cursor);
  } finally {
    await follower.close();
  }
}

class Follower {
  readonly #path: string;
  readonly #options: FollowOptions;
  readonly #chunkBytes: number;
  readonly #trail: Trail;
  readonly #poll: Poll;
  #place: Place | null = null;
  #lines: LineCutter;
  /** The last file that was read; null when there was none yet. */
  #stand: Stand | null = null;
  /** Looks that brought nothing since a successor was seen; null while there is none. */
  #quiet: number | null = null;
  /** What was last said about waiting, so that it is said once. */
  #waitingFor: string | null = null;

  constructor(path: string, options: FollowOptions) {
    const { batchBytes = 1 << 20, maxEventBytes, pollMillis = 250, stop } = options;
    this.#path = path;
    this.#options = options;
    this.#chunkBytes = batchBytes;
    this.#trail = new Trail(path, batchBytes, stop);
    this.#poll = new Poll(pollMillis);
    this.#lines = new LineCutter(path, maxEventBytes, new Prefix());
  }

  async *run(cursor: Cursor | null): AsyncGenerator<FollowedLines, void, undefined> {
    const { stop } = this.#options;
    if (stop.aborted) return;
    if (cursor !== null) await this.#resume(cursor);
    else if (this.#options.fromEnd === true) await this.#beginAtEnd();
    while (!stop.aborted) {
      const reading = await (this.#place?.read() ?? { kind: "end" as const });
      if (reading.kind === "bytes") {
        this.#quiet = null;
        const lines = this.#lines.push(reading.bytes);
        if (lines !== null) yield this.#handOut(lines);
        if (this.#lines.error !== null) throw this.#lines.error;
      } else if (reading.kind === "end") {
        // What a compressed file gave before it was interrupted is not its end.
        if (stop.aborted) return;
        const turn = await this.#turn();
        if (turn === "wait") await this.#wait();
        else if (turn !== "moved") yield this.#handOut(turn);
      } else {
        const rest = await this.#contentGone(reading.kind);
        if (rest !== null) yield rest;
      }
    }
  }

  async close(): Promise<void> {
    this.#poll.close();
    const place = this.#place;
    this.#place = null;
    await place?.close();
  }

  /** Goes on where a cursor stands, or else with what was written after it was made. */
  async #resume(cursor: Cursor): Promise<boolean> {
    const found = await this.#trail.find(cursor);
    if (typeof found === "string") {
      if (this.#options.stop.aborted) return false;
      if (this.#place === null) this.#notice(found, this.#path, cursor.offset);
      this.#stand = { identity: cursor, written: BigInt(cursor.written), cursor };
      return false;
    }
    await this.close();
    this.#enter(found.place, found.prefix);
    this.#notice("resumed", found.place.path, found.prefix.offset);
    return true;
  }

  async #beginAtEnd(): Promise<void> {
    if ((await statCurrent(this.#path)) === null) return;
    const place = await openPlain(this.#path, this.#chunkBytes);
    this.#enter(place, new Prefix());
    const prefix = await place.seekEnd();
    this.#enter(place, prefix);
    this.#notice("opened", this.#path, prefix.offset);
  }

  #enter(place: Place, prefix: Prefix): void {
    this.#place = place;
    this.#lines = new LineCutter(place.path, this.#options.maxEventBytes, prefix);
    this.#quiet = null;
    this.#waitingFor = null;
    this.#keepStand();
    if (this.#options.wait === undefined) this.#poll.watch(place.path);
  }

  #keepStand(): void {
    if (this.#place === null) return;
    const { identity, written } = this.#place;
    const { prefix } = this.#lines;
    this.#stand = { identity, written, cursor: prefix.offset === 0 ? null : prefix.cursor(identity, written) };
  }

  /** At the end of what there is to read: goes on to the next file when this one will get no more. */
  async #turn(): Promise<"wait" | "moved" | Lines> {
    try {
      if (await this.#isCurrent()) return "wait";
      if (this.#stand === null) return await this.#begin();
      this.#keepStand();
      const next = await this.#trail.after(this.#stand, this.#place !== null);
      if (next === null) {
        this.#quiet = null;
        if (this.#place === null && (await statCurrent(this.#path)) === null) this.#waiting();
        return "wait";
      }
      if (this.#place?.complete === false) {
        this.#quiet ??= 0;
        if (this.#quiet < QUIET_POLLS) return "wait";
      }
      const rest = this.#lines.end();
      // What came into the file while this was taken from us is read before it is left.
      if (rest !== null) return rest;
      const place = await this.#trail.open(next);
      if (place === null) return "wait";
      const before = this.#place;
      this.#enter(place, new Prefix());
      await before?.close();
      this.#notice(before === null ? "opened" : "rotated", place.path, 0);
      return "moved";
    } catch (error) {
      // Between its making and the change of its owner a new file may be closed to us for a moment.
      if (this.#stand === null || !isSteleError(error, "input.unreadable")) throw error;
      this.#waiting(error.message);
      return "wait";
    }
  }

  async #begin(): Promise<"wait" | "moved"> {
    if ((await statCurrent(this.#path)) === null) {
      this.#waiting();
      return "wait";
    }
    this.#enter(await openPlain(this.#path, this.#chunkBytes), new Prefix());
    this.#notice("opened", this.#path, 0);
    return "moved";
  }

  async #isCurrent(): Promise<boolean> {
    if (this.#place === null) return false;
    const current = await statCurrent(this.#path);
    if (current === null || !isSameFile(identityOf(current), this.#place.identity)) return false;
    this.#waitingFor = null;
    return true;
  }

  /**
   * The file was emptied under us. Who empties it (`copytruncate`) has copied it before: what we did not read is in the
   * copy. Without one, what we have of an unfinished line is all that will ever be of it.
   */
  async #contentGone(kind: "truncated" | "replaced"): Promise<FollowedLines | null> {
    if (this.#place === null) return null;
    this.#notice(kind, this.#place.path, this.#lines.prefix.offset);
    this.#keepStand();
    if (this.#stand?.cursor != null && (await this.#resume(this.#stand.cursor))) return null;
    const rest = this.#lines.end();
    const lines = rest === null ? null : this.#handOut(rest);
    await this.close();
    return lines;
  }

  #handOut({ bytes, count }: Lines): FollowedLines {
    this.#keepStand();
    if (this.#stand?.cursor == null) throw new RangeError("lines come from an open file");
    return { bytes, count, cursor: formatCursor(this.#stand.cursor) };
  }

  async #wait(): Promise<void> {
    const { stop, wait } = this.#options;
    const wake = await (wait === undefined ? this.#poll.wait(stop) : wait(stop));
    // A hint may come at once; only time tells that nothing more will be written.
    if (wake === "poll" && this.#quiet !== null) this.#quiet++;
  }

  #waiting(reason?: string): void {
    if (this.#waitingFor === (reason ?? "")) return;
    this.#waitingFor = reason ?? "";
    this.#notice("waiting", this.#path, 0, reason);
  }

  #notice(kind: FollowNotice["kind"], path: string, offset: number, reason?: string): void {
    this.#options.onNotice?.({ kind, path, offset, ...(reason === undefined ? {} : { reason }) });
  }
}
