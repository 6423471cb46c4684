import type { Commit } from "../../core/commit.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import type { Spooled } from "../spool/delivery.ts";
import { Spool } from "../spool/spool.ts";
import type { AppenderOptions, AppenderStatus } from "./appender-options.ts";
import { ArchivedUpTo } from "./archived.ts";
import { Drain } from "./drain.ts";
import { type EncodedEvents, encodeEvents, type Event, splitLines } from "./events.ts";
import type { AppendOptions, Receipt } from "./receipt.ts";
import { finishReindex } from "./reindex.ts";
import { Room } from "./room.ts";
import { untilAborted } from "./waiting.ts";

/**
 * The durable writer of one log: takes events into a spool on the local disk, acknowledges them, and archives them in the
 * background. An acknowledged event survives the death of the process and of the machine, and is archived exactly once.
 */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #spool: Spool;
  readonly #drain: Drain;
  readonly #room: Room;
  readonly #archived: ArchivedUpTo;
  #cutting: AbortController | null = null;
  /** What the timer was set to, and when it ends. */
  #cutMillis = 0;
  #cutDueMillis = 0;
  #closed = false;
  #finishing = false;
  readonly #hurry = new AbortController();
  #toldBroken = false;
  #closing: Promise<{ readonly entries: number; readonly bytes: number }> | null = null;

  private constructor(options: AppenderOptions, spool: Spool) {
    this.#options = options;
    this.#spool = spool;
    this.#archived = new ArchivedUpTo(spool.pending[0]?.first ?? spool.next ?? 0);
    this.#room = new Room(options.log, options.maxSpoolBytes, () => spool.bytes);
    this.#drain = new Drain({
      ...options,
      spool,
      onArchived: (end) => {
        this.#archived.advance(end);
        this.#room.changed();
      },
      observer: {
        ...options.observer,
        stopped: (error) => {
          this.#archived.fail(error);
          this.#room.close(error);
          options.observer.stopped?.(error);
        },
      },
    });
  }

  /**
   * Takes the spool, recovers what an earlier process left in it, and finds the log's head. When the store can't be reached
   * at the moment, a spool that knows where the log stood takes events all the same.
   *
   * @throws SteleError `spool.*`; `store.*` and `log.*` when the log can't be opened
   */
  static async open(options: AppenderOptions): Promise<Appender> {
    const holder: { appender: Appender | null } = { appender: null };
    // A process may have died while it put a renumbered spool in the place of this one.
    await finishReindex(options.folder, options.files);
    const spool = await Spool.open(options.folder, {
      ...options,
      onClosed: () => {
        const { appender } = holder;
        if (appender !== null) appender.#onClosed();
      },
    });
    const appender = new Appender(options, spool);
    holder.appender = appender;
    try {
      await appender.#drain.opened;
    } catch (error) {
      if (appender.#drain.state !== "retrying" || spool.next === null) {
        await appender.close(AbortSignal.abort());
        throw error;
      }
    }
    return appender;
  }

  /** What was found in the spool at the start. */
  get recovery(): Spool["recovery"] {
    return this.#spool.recovery;
  }

  /** Where a source said it was to go on, with the last events of it that are safe. */
  cursor(source: string): string | null {
    return this.#spool.cursor(source);
  }

  status(): AppenderStatus {
    const { pending, filling, entries, bytes, next } = this.#spool;
    const oldest = pending[0]?.since ?? filling?.since ?? null;
    const { head } = this.#drain;
    const { broken } = this.#spool;
    const { state, error } = broken === null ? this.#drain : { state: "stopped" as const, error: broken };
    return { state: this.#closed ? "closed" : state, error, spooled: { entries, bytes, oldest }, next, head };
  }

  /**
   * Takes events, and waits for what `ack` says. What fits into one segment is taken whole or not at all; of a longer batch
   * that is refused, a beginning may be kept.
   * @param source who delivers, unless `options` says
   * @throws SteleError `input.*` when they can't be entries, `spool.full`, `spool.failed`, or what stopped the log
   */
  append(events: Event | readonly Event[], source: string, options: AppendOptions = {}): Promise<Receipt> {
    return this.#take(() => encodeEvents(events, this.#options.limits), source, options);
  }

  /** {@link append}, for events that stand as lines, each with its line feed. */
  appendLines(lines: Uint8Array, source: string, options: AppendOptions = {}): Promise<Receipt> {
    return this.#take(() => splitLines(lines, this.#options.limits), source, options);
  }

  /**
   * Archives all that was appended before.
   * @returns the log's head; null when the log is empty
   * @throws what stopped the log; the signal's reason
   */
  async flush(signal?: AbortSignal): Promise<Commit | null> {
    this.#requireOpen();
    await untilAborted(this.#allArchived(), signal);
    return this.#drain.head;
  }

  /** Commits the log's final manifest, after all that was appended: nothing can follow it, ever. */
  async finish(signal?: AbortSignal): Promise<Commit> {
    this.#requireOpen();
    // What came now would be behind the end.
    this.#finishing = true;
    this.#room.close(this.#closedError());
    await untilAborted(this.#allArchived(), signal);
    return untilAborted(this.#drain.finish(), signal);
  }

  /**
   * Archives what is spooled, and lets go of the spool. What can't be archived, since the log was stopped or the signal
   * aborts, stays in the spool for the next start.
   * @returns what stayed there
   */
  async close(signal?: AbortSignal): Promise<{ readonly entries: number; readonly bytes: number }> {
    // Whoever closes it may end the waiting.
    if (signal?.aborted === true) this.#hurry.abort(signal.reason);
    signal?.addEventListener("abort", () => this.#hurry.abort(signal.reason), { once: true });
    this.#closing ??= this.#close(this.#hurry.signal);
    return this.#closing;
  }

  async #close(signal: AbortSignal): Promise<{ readonly entries: number; readonly bytes: number }> {
    this.#closed = true;
    this.#cutting?.abort();
    this.#room.close(this.#closedError());
    try {
      await untilAborted(this.#allArchived(), signal);
    } catch {
      // It stays in the spool; status() and the error say so.
    }
    await this.#drain.stop();
    this.#archived.fail(
      new SteleError(
        "store.unreachable",
        `log ${this.#options.log}: it was closed before this was archived; it is safe in the spool, and is archived after the next start`,
      ),
    );
    await this.#spool.close();
    const { entries, bytes } = this.#spool;
    return { entries, bytes };
  }

  #onClosed(): void {
    this.#cutting?.abort();
    this.#drain.wake();
  }

  async #take(encode: () => readonly EncodedEvents[], source: string, options: AppendOptions): Promise<Receipt> {
    const { observer, log, limits, lingerMillis } = this.#options;
    const { ack = "spooled", signal } = options;
    const started = performance.now();
    try {
      signal?.throwIfAborted();
      const parts = encode();
      let bytes = 0;
      for (const part of parts) bytes += part.bytes.length;
      this.#requireOpen();
      const waited = !this.#room.tryTake(bytes);
      if (waited) await this.#waitForRoom(bytes, signal);
      const writing = this.#spoolParts(parts, source, options);
      if (waited) this.#room.entered();
      const millis = ack === "archived" ? lingerMillis : limits.ageMillis;
      let spooled: Spooled;
      if (signal === undefined) {
        try {
          spooled = await writing;
        } finally {
          this.#settled(bytes, millis);
        }
      } else {
        // What it took is given back when it is written, whoever still waits for that.
        const settling = writing.finally(() => this.#settled(bytes, millis));
        spooled = await untilAborted(settling, signal);
      }
      const { first, count, duplicate } = spooled;
      if (!duplicate) observer.appended?.(count, bytes);
      const receipt: Receipt = { log, first, count, duplicate, ack };
      if (ack === "spooled") {
        observer.acked?.(ack, performance.now() - started);
        return receipt;
      }
      await untilAborted(this.#archived.reached(first + count), signal);
      observer.acked?.(ack, performance.now() - started);
      const committed = this.#spool.committed(first + count - 1);
      return committed === null ? receipt : { ...receipt, manifest: committed.manifest, checkpoint: committed.checkpoint };
    } catch (error) {
      this.#lookForBreak();
      if (isSteleError(error)) observer.refused?.(error.code);
      throw error;
    }
  }

  /** An append's bytes are written or refused. */
  #settled(bytes: number, millis: number): void {
    this.#room.give(bytes);
    // Room comes from archiving, and only closed files are archived.
    if (this.#room.isFull) this.#cut();
    this.#cutWithin(millis);
  }

  /** A spool that can't go on archives nothing more of what is being filled, and takes nothing: all who wait hear of it. */
  #lookForBreak(): void {
    const { broken } = this.#spool;
    if (broken === null || this.#toldBroken) return;
    this.#toldBroken = true;
    this.#archived.fail(broken);
    this.#room.close(broken);
    this.#options.observer.stopped?.(broken);
  }

  async #allArchived(): Promise<void> {
    await this.#spool.cut();
    await this.#archived.reached(this.#spool.next ?? 0);
  }

  /** Hands parts over together: nothing of others comes between them. The cursor is that of the last. */
  #spoolParts(parts: readonly EncodedEvents[], source: string, { id, cursor }: AppendOptions): Promise<Spooled> {
    try {
      // It may have been closed while room was waited for.
      this.#requireOpen();
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    const [only] = parts;
    if (only !== undefined && parts.length === 1) {
      const { count, bytes } = only;
      return this.#spool.append({ source, id, cursor, count, bytes });
    }
    const { entries, bytes: most } = this.#options.limits;
    if (id !== undefined) {
      const message = `append ${JSON.stringify(id)}: what has an id must fit into one segment (${entries} entries, ${most} bytes); split it, with an id for each part`;
      return Promise.reject(new SteleError("input.invalid", message));
    }
    const last = parts.length - 1;
    const writes = parts.map(({ count, bytes }, i) =>
      this.#spool.append({ source, cursor: i === last ? cursor : undefined, count, bytes }),
    );
    return Promise.all(writes).then((spooled) => ({
      first: spooled[0]?.first ?? 0,
      count: spooled.reduce((sum, { count }) => sum + count, 0),
      duplicate: false,
    }));
  }

  async #waitForRoom(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#options.onFull === "refuse") throw this.#room.full();
    const room = this.#room.take(bytes, signal);
    this.#cut();
    await room;
  }

  /** Ends the file being filled at the latest after `millis`. */
  #cutWithin(millis: number): void {
    if (this.#cutting !== null && this.#cutMillis <= millis) return;
    const due = performance.now() + millis;
    if (this.#spool.filling === null || (this.#cutting !== null && this.#cutDueMillis <= due)) return;
    this.#cutting?.abort();
    const timer = new AbortController();
    this.#cutting = timer;
    this.#cutMillis = millis;
    this.#cutDueMillis = due;
    this.#options.sleep(millis, timer.signal).then(
      () => this.#cut(),
      () => undefined,
    );
    timer.signal.addEventListener("abort", () => {
      if (this.#cutting === timer) this.#cutting = null;
    });
  }

  #cut(): void {
    this.#cutting?.abort();
    // What the disk refuses is told to whoever appends, and tried again with the next cut.
    this.#spool.cut().catch(() => {
      this.#lookForBreak();
      if (!this.#toldBroken) this.#cutWithin(this.#options.limits.ageMillis);
    });
  }

  #requireOpen(): void {
    if (this.#closed || this.#finishing) throw this.#closedError();
    if (this.#spool.broken !== null) throw this.#spool.broken;
    if (this.#drain.state === "stopped") throw this.#stoppedError();
  }

  #closedError(): SteleError {
    return new SteleError("input.invalid", `log ${this.#options.log}: it was closed by this program; open it again`);
  }

  #stoppedError(): Error {
    const { error } = this.#drain;
    if (!isSteleError(error)) return error ?? new Error("the log was stopped");
    return new SteleError(
      error.code,
      `log ${this.#options.log} was stopped, and takes nothing more until it is opened again: ${error.message}`,
      { cause: error },
    );
  }
}
