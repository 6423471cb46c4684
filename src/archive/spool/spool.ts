import { resolve } from "node:path";
import { clip } from "../../core/bytes.ts";
import { SteleError } from "../../core/error.ts";
import { isKeyName } from "../../core/key.ts";
import type { Timestamp } from "../../core/time.ts";
import { errnoOf } from "../../store/directory/errno.ts";
import type { SegmentLimits } from "../input/segmenter.ts";
import type { NewAppend } from "../provenance.ts";
import { MAX_RAW_BYTES } from "../segment/open.ts";
import type { ClosedFile, CommittedFile, Delivery, Spooled } from "./delivery.ts";
import { spoolFailed } from "./failure.ts";
import { nodeFiles, type SpoolFiles } from "./files.ts";
import { GroupCommit } from "./group-commit.ts";
import type { GrowingFile } from "./growing-file.ts";
import { Intake } from "./intake.ts";
import type { Loss } from "./quarantine.ts";
import { readBack } from "./read-back.ts";
import { RecentIds } from "./recent-ids.ts";
import { recover, type RecoveredFile } from "./recover.ts";
import { Spares } from "./spares.ts";
import { type IdRecord, SpoolState } from "./state.ts";

export interface SpoolOptions {
  /** The log's. A spool that holds another log's events is refused. */
  readonly origin: string;
  /** What one file, and so one segment, may hold. How long it is filled (`ageMillis`) is the caller's business. */
  readonly limits: SegmentLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly files?: SpoolFiles;
  /** Whether a damaged file is set aside and its losses written into the log; otherwise it is refused. */
  readonly quarantine?: boolean;
  /** How many ids are remembered, and for how long; 1,000,000 and 24 hours when left out. */
  readonly window?: { readonly ids: number; readonly millis: number };
  /** Bytes of the shortest file that is kept to be filled again when it is archived; 1 MiB when left out. */
  readonly spareFrom?: number;
  /** Told of every file that was ended, by its limits, by a failure or by {@link Spool.cut}. Must not throw. */
  readonly onClosed?: (file: ClosedFile) => void;
}

/** What opening a spool found and did. */
export interface Recovery {
  readonly entries: number;
  readonly bytes: number;
  readonly files: number;
  /** Of a last frame that was being written when the machine stopped: never acknowledged, cut off. */
  readonly tornBytes: number;
  readonly quarantined: readonly Loss[];
}

const DEFAULT_SPARE_FROM = 1 << 20;
const DEFAULT_WINDOW = { ids: 1_000_000, millis: 86_400_000 };
/** Removals tried when a file is retired: more than come, so that they get fewer once the disk lets them. */
const LEFTOVERS_A_TURN = 4;

/** A closed file, with what the state is to keep of it. */
interface Held extends ClosedFile {
  readonly cursors: ReadonlyMap<string, string>;
  /** Of the file, with zeros at its end. */
  readonly length: number;
  /** Until the state has them. */
  ids: readonly IdRecord[];
}

/**
 * A log's events on the local disk, from their acknowledgement until they are in the archive: files in a folder, each of
 * which will be one segment. What {@link append} resolved for survives a crash of the process and of the machine.
 *
 * One process has it open at a time. An error of the disk refuses the appends that it met and takes back nothing; the spool
 * goes on in a new file. When not even the failed write can be taken back it refuses everything until it is opened again.
 */
export class Spool implements AsyncDisposable {
  readonly recovery: Recovery;
  readonly #folder: string;
  readonly #options: SpoolOptions;
  readonly #files: SpoolFiles;
  readonly #state: SpoolState;
  readonly #commit: GroupCommit;
  readonly #recent: RecentIds;
  readonly #cursors: Map<string, string>;
  readonly #intake: Intake;
  #pending: readonly Held[];
  #entries: number;
  #pendingBytes: number;
  /** Writing to the state, one after the other. */
  #stateTurn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  readonly #spares: Spares;
  /** Archived files that could not be removed yet. */
  readonly #leftovers: string[] = [];

  private constructor(
    folder: string,
    options: SpoolOptions,
    state: SpoolState,
    window: { readonly ids: number; readonly millis: number },
    recovered: { readonly files: readonly RecoveredFile[]; readonly tornBytes: number; readonly quarantined: readonly Loss[] },
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#files = options.files ?? nodeFiles;
    this.#state = state;
    this.#intake = new Intake(options);
    this.#recent = new RecentIds(window);
    this.#cursors = state.cursors();
    for (const { cursors } of recovered.files) for (const [source, cursor] of cursors) this.#cursors.set(source, cursor);
    this.#pending = recovered.files.map((file) => ({ ...file, length: file.fileBytes, ids: [] }));
    this.#spares = new Spares(folder, this.#files, options.spareFrom ?? DEFAULT_SPARE_FROM);
    const last = recovered.files.at(-1);
    this.#commit = new GroupCommit(
      {
        folder,
        origin: options.origin,
        limits: options.limits,
        files: this.#files,
        takeSpare: () => this.#spares.take(),
        recent: this.#recent,
        written: (entries, group) => {
          this.#entries += entries;
          for (const { source, cursor } of group) if (cursor !== undefined) this.#cursors.set(source, cursor);
        },
        ended: (file, since) => this.#hold(file, since),
      },
      last === undefined ? state.stand : last.first + last.count,
    );
    this.#entries = recovered.files.reduce((sum, { count }) => sum + count, 0);
    this.#pendingBytes = recovered.files.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
    const { tornBytes, quarantined } = recovered;
    this.recovery = { entries: this.#entries, bytes: this.#pendingBytes, files: this.#pending.length, tornBytes, quarantined };
  }

  /**
   * Takes the folder for this process and finds out what is in it; makes it when it is not there.
   * @throws SteleError `spool.locked` when another process has it, `spool.damaged`, `spool.failed`; `input.invalid` when it
   *   is another log's
   */
  static async open(folder: string, options: SpoolOptions): Promise<Spool> {
    const { origin, limits, now } = options;
    if (!isKeyName(origin) || !(limits.entries >= 1) || !(limits.bytes >= 1) || limits.bytes > MAX_RAW_BYTES) {
      throw new SteleError(
        "input.invalid",
        `spool: expected an origin and files of 1 to ${MAX_RAW_BYTES} bytes and 1 entry or more, got ${clip(origin)}, ${limits.bytes} bytes and ${limits.entries} entries`,
      );
    }
    const path = resolve(folder);
    const files = options.files ?? nodeFiles;
    const window = options.window ?? DEFAULT_WINDOW;
    let state: SpoolState | null = null;
    try {
      await files.makeFolder(path);
      state = SpoolState.open(path, window);
      await files.syncFolder(path);
      const quarantine = options.quarantine ?? false;
      const recovered = await recover({ folder: path, origin, files, state, quarantine, now });
      return new Spool(path, options, state, window, recovered);
    } catch (error) {
      state?.close();
      throw spoolFailed(error, `opening the spool ${path}`);
    }
  }

  /** Index that the next entry gets, after those that are durable; null while a new spool was not told where its log stands. */
  get next(): number | null {
    return this.#commit.next;
  }

  /**
   * Tells a spool with nothing in it where its log stands.
   * @throws RangeError when entries wait in it that end elsewhere, or the log stands before what was archived from here
   */
  start(next: number): void {
    if (next === this.next) return;
    const archived = this.#state.remembered?.next ?? 0;
    const isEmpty = this.#pending.length === 0 && this.#commit.isIdle;
    if (!Number.isSafeInteger(next) || next < archived || !isEmpty) {
      throw new RangeError(
        isEmpty
          ? `start: expected an index from ${archived} on, up to which this spool's entries are archived, got ${next}`
          : `start: expected ${this.next}, where the entries in the spool end, got ${next}`,
      );
    }
    this.#state.start(next);
    this.#commit.start(next);
  }

  /** Files that wait to be archived, oldest first, without the one that is being filled. */
  get pending(): readonly ClosedFile[] {
    return this.#pending;
  }

  /** What is durable in the file that is being filled; null while there is none. */
  get filling(): { readonly first: number; readonly count: number; readonly rawBytes: number; readonly since: Timestamp } | null {
    const file = this.#commit.filling;
    if (file === null || file.since === null) return null;
    return { first: file.first, count: file.count, rawBytes: file.rawBytes, since: file.since };
  }

  /** Set when a failed write could not be taken back: appends are refused until the spool is opened again. */
  get broken(): SteleError | null {
    return this.#commit.broken;
  }

  /** Bytes on disk of all files. */
  get bytes(): number {
    return this.#pendingBytes + (this.#commit.filling?.bytes ?? 0);
  }

  /** Entries that are durable here and not archived. */
  get entries(): number {
    return this.#entries;
  }

  /**
   * Resolves when the delivery is durable. Entries get their indexes in the order of calls, and all calls that come while
   * the disk is busy share its next `datasync`. A delivery with an id that was accepted before gets that one's receipt.
   *
   * @throws SteleError `input.invalid` when the delivery is more than a file may hold, or its source, id or cursor too long;
   *   `spool.failed` when the disk refused: the delivery is not kept, unless the message says to open the spool again
   * @throws RangeError when the spool was not told where its log stands
   */
  append(delivery: Delivery): Promise<Spooled> {
    const { source, id } = delivery;
    try {
      this.#requireOpen();
      if (this.next === null) throw new RangeError("append: a new spool must be told first where its log stands (start)");
      const arrival = this.#intake.take(delivery);
      const { millis } = arrival;
      if (id !== undefined) {
        const known = this.#recent.find(source, id, millis) ?? this.#state.findId(source, id, millis);
        if (known !== null) return asDuplicate(known);
      }
      const spooled = this.#commit.append(arrival);
      if (id !== undefined) this.#recent.add(source, id, millis, spooled);
      return spooled;
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new TypeError(String(error)));
    }
  }

  /**
   * Ends the file that is being filled, after all appends until now.
   * @returns null when nothing was in it
   * @throws SteleError `spool.failed` when the spool has to be opened again
   */
  async cut(): Promise<ClosedFile | null> {
    this.#requireOpen();
    return this.#commit.cut();
  }

  /**
   * Reads back a file's entries and their provenance, the same at every time.
   * @throws SteleError `spool.damaged` when they are no longer what was written; `spool.failed`
   */
  read(
    file: ClosedFile,
  ): Promise<{ readonly buffer: ArrayBuffer; readonly length: number; readonly appends: readonly NewAppend[] }> {
    return readBack(this.#files, this.#options.origin, file);
  }

  /**
   * Lets the oldest file go when it is archived. Its ids, cursors and commit are durable before; a crash in between leaves a
   * file that the next open removes.
   * @throws RangeError when it is not the oldest; SteleError `spool.failed`, and it can be called again
   */
  async retire(file: ClosedFile, committed: CommittedFile): Promise<void> {
    await this.#inTurn(async () => {
      const held = this.#pending[0];
      if (held?.path !== file.path) {
        throw new RangeError(`retire: expected the oldest file, ${held?.path ?? "of which there is none"}, got ${file.path}`);
      }
      const { first, count, cursors } = held;
      const { manifest, leaf, checkpoint } = committed;
      const millis = this.#options.now();
      await this.#storeIds(held);
      await this.#state.retire({ first, count, manifest, leaf, checkpoint, millis, cursors });
      this.#pending = this.#pending.slice(1);
      this.#pendingBytes -= held.fileBytes;
      this.#entries -= count;
      if (!this.#spares.offer(held)) this.#leftovers.push(held.path);
      await this.#removeLeftovers();
    });
  }

  /** What committed the file that held this entry; null when it is not archived, or longer ago than ids are remembered. */
  committed(first: number): CommittedFile | null {
    return this.#state.committed(first);
  }

  /** The newest commit of what was spooled here, and the index after it; null before the first. */
  get remembered(): { readonly manifest: number; readonly leaf: Uint8Array; readonly next: number } | null {
    return this.#state.remembered;
  }

  /** The cursor that came with the source's last durable delivery that had one. */
  cursor(source: string): string | null {
    return this.#cursors.get(source) ?? null;
  }

  /** Lets go of the folder, after all appends until now. What is in it stays. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#commit.close();
    await this.#stateTurn;
    await this.#spares.close();
    this.#state.close();
  }

  #hold({ path, first, count, rawBytes, bytes, length, cursors, ids }: GrowingFile, since: Timestamp): ClosedFile {
    const held: Held = { path, first, count, rawBytes, fileBytes: bytes, length, since, cursors, ids };
    this.#pending = [...this.#pending, held];
    this.#pendingBytes += bytes;
    // What fails here is tried again when a later file is closed, or this one retired.
    this.#inTurn(() => this.#storeIds(held)).catch(() => undefined);
    this.#options.onClosed?.(held);
    return held;
  }

  /** Before a file's ids those of the files before it: the next open reads no file again that ends where the state's ids do. */
  async #storeIds(last: Held): Promise<void> {
    for (const held of this.#pending) {
      if (held.first > last.first) return;
      if (held.ids.length === 0) continue;
      const { ids } = held;
      await this.#state.storeIds(ids, held.first + held.count, this.#options.now());
      held.ids = [];
      for (const { source, id, millis } of ids) this.#recent.remove(source, id, millis);
    }
  }

  /** Removing what is archived is tidiness: the next open does it, if nothing before. */
  async #removeLeftovers(): Promise<void> {
    for (const path of this.#leftovers.splice(0, LEFTOVERS_A_TURN)) {
      try {
        await this.#files.remove(path);
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") this.#leftovers.push(path);
      }
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#stateTurn.then(work);
    this.#stateTurn = turn.catch(() => undefined);
    return turn;
  }

  #requireOpen(): void {
    if (this.#closing !== null) throw new SteleError("spool.failed", `the spool ${this.#folder} is closed`);
    if (this.#commit.broken !== null) throw this.#commit.broken;
  }
}

async function asDuplicate(known: { readonly first: number; readonly count: number } | Promise<Spooled>): Promise<Spooled> {
  const { first, count } = await known;
  return { first, count, duplicate: true };
}
