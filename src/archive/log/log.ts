import type { Commit } from "../../core/commit.ts";
import { parseLogName } from "../../core/layout.ts";
import type { Archive } from "../archive.ts";
import { type ReadOptions, readEntries, type VerifiedEntries } from "../log-reader.ts";
import { Appender } from "./appender.ts";
import type { AppenderOptions, AppenderStatus } from "./appender-options.ts";
import type { Event } from "./events.ts";
import type { AppendOptions, Receipt } from "./receipt.ts";
import { untilAborted } from "./waiting.ts";

/** An entry that was verified. */
export interface VerifiedEntry {
  readonly index: number;
  /** The event as it was appended, without a line feed. */
  readonly bytes: Uint8Array;
}

/** How {@link Log.close} ends. */
export interface CloseOptions {
  /** End the log for good, with a final manifest that nothing can follow. Default false. */
  readonly final?: boolean;
  /** Stops the waiting for the store: what is not archived by then stays in the spool. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One log of an archive, to append to and to read. The writing side is opened with the first call that needs it, and holds the
 * log's spool until {@link close}; reading needs neither spool nor signing key.
 */
export class Log implements AsyncDisposable {
  readonly name: string;
  readonly #archive: Archive;
  readonly #source: string;
  readonly #appenderOptions: () => AppenderOptions;
  readonly #released: () => void;
  #appender: Promise<Appender> | null = null;
  #opened: Appender | null = null;
  /** Calls that came before the log was open. */
  #waiting = 0;

  /**
   * @param source who delivers, where an append does not say
   * @param appenderOptions asked when the writing side is opened
   * @param released called when the log was closed
   */
  constructor(archive: Archive, name: string, source: string, appenderOptions: () => AppenderOptions, released: () => void) {
    this.name = parseLogName(name);
    this.#archive = archive;
    this.#source = source;
    this.#appenderOptions = appenderOptions;
    this.#released = released;
  }

  /**
   * Opens the writing side: recovers the spool, finds the log's head and archives what an earlier process left. The other
   * calls do so by themselves; this one gives the writer's status and recovery.
   *
   * @throws SteleError `spool.*`, `store.*`, `log.*`; it can be tried again
   */
  open(): Promise<Appender> {
    if (this.#appender !== null) return this.#appender;
    const opening = this.#open();
    this.#appender = opening;
    opening.catch(() => {
      if (this.#appender === opening) this.#appender = null;
    });
    return opening;
  }

  /**
   * Takes one event or many, and resolves when they are as safe as `ack` asks: on the local disk (`spooled`, the
   * default), or locked in the store under a committed manifest (`archived`). Appends of one caller keep their order, also
   * without waiting for each other. What fits into one segment is taken whole or not at all; a longer batch is taken in parts, of
   * which the first may be kept when it is refused. After a rejection the events may be tried again; with an `id` they are archived once even
   * if the first try was kept after all.
   *
   * @throws SteleError `input.*` when they can't be entries; `spool.full` when the spool may not grow; `spool.failed` when the
   *   disk refuses; what stopped the log, as `store.denied`, `store.lock-lost`, `log.fenced`
   */
  append(events: Event | readonly Event[], options: AppendOptions = {}): Promise<Receipt> {
    return this.#with((appender) => appender.append(events, options.source ?? this.#source, options), options.signal);
  }

  /** {@link append}, for events that stand as lines: each followed by a line feed, the last as well. They are not copied. */
  appendLines(lines: Uint8Array, options: AppendOptions = {}): Promise<Receipt> {
    return this.#with((appender) => appender.appendLines(lines, options.source ?? this.#source, options), options.signal);
  }

  /**
   * Archives all that was appended before, and gives the log's head; null when the log is empty.
   * @throws what stopped the log; the signal's reason
   */
  flush(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Commit | null> {
    return this.#with((appender) => appender.flush(options.signal), options.signal);
  }

  /**
   * Archives what is spooled, and lets go of the spool.
   * @returns what stayed in the spool, for the next start: nothing, unless the signal aborted or the log was stopped
   * @throws SteleError with `final`, when not all could be archived: the log is not ended then
   */
  async close({ final = false, signal }: CloseOptions = {}): Promise<{ readonly entries: number; readonly bytes: number }> {
    if (this.#appender === null && !final) {
      this.#released();
      return { entries: 0, bytes: 0 };
    }
    const appender = this.#opened ?? (await untilAborted(this.open(), signal));
    const finished = final ? appender.finish(signal) : undefined;
    await Promise.allSettled([finished]);
    const remaining = await appender.close(signal);
    this.#released();
    await finished;
    return remaining;
  }

  /** What the writing side is at; null while it is not open. */
  status(): AppenderStatus | null {
    return this.#opened?.status() ?? null;
  }

  /** Entries as {@link readEntries} gives them, one at a time: verified before they come out, oldest first. */
  async *entries(range: ReadOptions = {}): AsyncGenerator<VerifiedEntry, void, undefined> {
    for await (const batch of readEntries(this.#archive, this.name, range)) yield* separate(batch);
  }

  [Symbol.asyncIterator](): AsyncGenerator<VerifiedEntry, void, undefined> {
    return this.entries();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** In the order of calls: none that finds the log open overtakes those that still wait for it. */
  #with<T>(work: (appender: Appender) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#opened !== null && this.#waiting === 0 ? work(this.#opened) : this.#whenOpen(work, signal);
  }

  async #whenOpen<T>(work: (appender: Appender) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    this.#waiting++;
    let appender: Appender;
    try {
      appender = await untilAborted(this.open(), signal);
    } catch (error) {
      this.#waiting--;
      throw error;
    }
    const working = work(appender);
    this.#waiting--;
    return working;
  }

  async #open(): Promise<Appender> {
    this.#opened = await Appender.open(this.#appenderOptions());
    return this.#opened;
  }
}

const LF = 0x0a;

function* separate({ first, count, bytes }: VerifiedEntries): Generator<VerifiedEntry, void, undefined> {
  let start = 0;
  for (let i = 0; i < count; i++) {
    const end = bytes.indexOf(LF, start);
    yield { index: first + i, bytes: bytes.subarray(start, end) };
    start = end + 1;
  }
}
