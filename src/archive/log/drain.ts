import type { Commit } from "../../core/commit.ts";
import { toMillis } from "../../core/time.ts";
import type { Archive } from "../archive.ts";
import { LogWriter, type UploadedSegment, type WriterOptions } from "../log-writer.ts";
import { orderedMap } from "../ordered-map.ts";
import type { NewAppend } from "../provenance.ts";
import { INLINE_BYTES, type SegmentPool } from "../segment/pool.ts";
import type { SealedSegment } from "../segment/seal.ts";
import type { ClosedFile } from "../spool/delivery.ts";
import type { SpoolFiles } from "../spool/files.ts";
import type { Spool } from "../spool/spool.ts";
import { backoff, type BackoffOptions, isTransient } from "./backoff.ts";
import type { LogObserver } from "./observer.ts";
import { committedFile, reconcile } from "./reconcile.ts";
import type { Sleep } from "../../store/sleep.ts";
import { Bell } from "./waiting.ts";

export interface DrainOptions extends Omit<WriterOptions, "signal"> {
  readonly archive: Archive;
  readonly log: string;
  /** The log's. */
  readonly origin: string;
  readonly spool: Spool;
  /** The file system under the spool, where it is another than the real one. */
  readonly files?: SpoolFiles | undefined;
  readonly pool: SegmentPool;
  /** Segments uploaded at a time. */
  readonly uploads: number;
  /** After how long without a manifest an empty one is committed, which every manifest promises; null: never. */
  readonly heartbeatMillis: number | null;
  readonly backoff: BackoffOptions;
  readonly sleep: Sleep;
  readonly observer: LogObserver;
  /** All entries before this index are archived. */
  readonly onArchived: (end: number) => void;
}

export type DrainState = "opening" | "ready" | "retrying" | "stopped";

/** `commits`: how many there were when the heartbeat fell due. */
type Heartbeat = { readonly kind: "heartbeat"; readonly commits: number };
type Task = { readonly kind: "file"; readonly file: ClosedFile } | Heartbeat;
type Sealed =
  | { readonly kind: "file"; readonly file: ClosedFile; readonly sealed: SealedSegment; readonly appends: readonly NewAppend[] }
  | Heartbeat;
type Done = { readonly kind: "file"; readonly file: ClosedFile; readonly uploaded: UploadedSegment } | Heartbeat;

/**
 * Archives a spool's closed files for as long as it runs: seals and uploads several at a time, commits them in order, and
 * retires each when its manifest stands. What fails for a moment is tried again for ever; anything else stops it, with the
 * spool as it is.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #end = new AbortController();
  readonly #work = new Bell();
  readonly #opened = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #writer: LogWriter | null = null;
  #state: DrainState = "opening";
  #error: Error | null = null;
  #failures = 0;
  #commits = 0;
  #finishing = false;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#opened.promise.catch(() => undefined);
    this.#ended = this.#run();
  }

  get state(): DrainState {
    return this.#state;
  }

  /** What is the matter, while `retrying` or `stopped`. */
  get error(): Error | null {
    return this.#error;
  }

  get head(): Commit | null {
    return this.#writer?.head ?? null;
  }

  /** Settles with the first try to find the log's head: rejected when it failed, though it may be tried again. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Settles when nothing is done any more; never rejects. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Says that the spool has another closed file. */
  wake(): void {
    this.#work.ring();
  }

  /** Ends at once: what is under way is left for the next start. */
  async stop(): Promise<void> {
    this.#end.abort(new Error("the log was closed"));
    this.#work.ring();
    await this.#ended;
  }

  /** Commits the log's final manifest. For when all is archived and before {@link stop}. */
  async finish(): Promise<Commit> {
    if (this.#writer === null || this.#state !== "ready") throw this.#error ?? new Error("the log is not open");
    this.#finishing = true;
    const commit = await this.#writer.finish();
    this.#options.observer.committed?.(commit);
    return commit;
  }

  async #run(): Promise<void> {
    for (;;) {
      try {
        await this.#session();
        return;
      } catch (error) {
        this.#opened.reject(error);
        if (this.#end.signal.aborted) return;
        this.#error = error instanceof Error ? error : new Error(String(error));
        if (!isTransient(error)) {
          this.#state = "stopped";
          this.#options.observer.stopped?.(this.#error);
          return;
        }
        this.#state = "retrying";
        const wait = backoff(++this.#failures, this.#options.backoff);
        this.#options.observer.retried?.(error, wait);
        await this.#options.sleep(wait, this.#end.signal).catch(() => undefined);
        if (this.#end.signal.aborted) return;
      }
    }
  }

  /** From finding the head to an error, or to {@link stop}. */
  async #session(): Promise<void> {
    const { archive, log, spool, pool, onArchived, uploads } = this.#options;
    const writer = await LogWriter.open(archive, log, { ...this.#options, signal: this.#end.signal });
    await reconcile(archive.store, writer, spool, (file) => onArchived(file.first + file.count));
    onArchived(writer.nextEntry);
    this.#writer = writer;
    this.#state = "ready";
    this.#error = null;
    this.#opened.resolve();
    const failed = new AbortController();
    // Waiting for the next file would keep the error waiting.
    const orEnd = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        failed.abort();
        this.#work.ring();
        throw error;
      }
    };
    const over = AbortSignal.any([failed.signal, this.#end.signal]);
    // Whole segments are in memory while they are sealed; as they are uploaded, only what they were compressed to.
    const sealed = orderedMap(this.#tasks(over), pool.width, (task) => orEnd(this.#seal(task)));
    for await (const done of orderedMap(sealed, uploads, (one) => orEnd(this.#upload(writer, one)))) {
      await orEnd(this.#commit(writer, done));
      this.#failures = 0;
    }
  }

  /** The closed files in order, as they come, and a heartbeat whenever none came for long. */
  async *#tasks(over: AbortSignal): AsyncGenerator<Task, void, undefined> {
    const { spool, heartbeatMillis } = this.#options;
    let next = spool.pending[0]?.first ?? null;
    let isFirst = true;
    while (!over.aborted) {
      const after = next;
      const file = spool.pending.find(({ first }) => after === null || first >= after);
      if (file !== undefined) {
        next = file.first + file.count;
        isFirst = false;
        yield { kind: "file", file };
      } else if ((await this.#nextEvent(isFirst ? this.#untilPromised() : heartbeatMillis)) === "silence") {
        isFirst = false;
        yield { kind: "heartbeat", commits: this.#commits };
      }
    }
  }

  /** What is left of the time that the newest manifest promised: a writer that was started again keeps an earlier one's word. */
  #untilPromised(): number | null {
    const { heartbeatMillis, now } = this.#options;
    const promised = this.#writer?.head?.manifest.nextBy;
    if (heartbeatMillis === null || promised === undefined) return heartbeatMillis;
    return Math.min(heartbeatMillis, Math.max(0, toMillis(promised) - now()));
  }

  async #nextEvent(heartbeatMillis: number | null): Promise<"work" | "silence"> {
    const work = this.#work.rung().then(() => "work" as const);
    if (heartbeatMillis === null) return work;
    const timer = new AbortController();
    const silence = this.#options.sleep(heartbeatMillis, timer.signal).then(
      () => "silence" as const,
      () => "work" as const,
    );
    try {
      return await Promise.race([work, silence]);
    } finally {
      timer.abort();
    }
  }

  async #seal(task: Task): Promise<Sealed> {
    if (task.kind === "heartbeat") return task;
    const { observer } = this.#options;
    const started = performance.now();
    const { sealed, appends } = await this.#sealFile(task.file);
    observer.sealed?.(performance.now() - started, sealed.rawBytes, sealed.stored.length);
    return { ...task, sealed, appends };
  }

  async #sealFile(file: ClosedFile): Promise<{ sealed: SealedSegment; appends: readonly NewAppend[] }> {
    const { spool, pool, origin, files } = this.#options;
    // What starts a thread for a few kilobytes takes longer than they do; and another file system is not a thread's to reach.
    if (files === undefined && file.rawBytes >= INLINE_BYTES) return pool.sealFile(origin, file);
    const { buffer: raw, length, appends } = await spool.read(file);
    const { sealed, buffer } = await pool.seal(raw, length);
    // Freed now, as below: megabytes that wait for a garbage collection would pile up.
    buffer.transfer(0);
    return { sealed, appends };
  }

  async #upload(writer: LogWriter, one: Sealed): Promise<Done> {
    if (one.kind === "heartbeat") return one;
    const { kind, file, sealed, appends } = one;
    const started = performance.now();
    const storedBytes = sealed.stored.length;
    const uploaded = await writer.upload(sealed, appends, file.first);
    this.#options.observer.uploaded?.(performance.now() - started, storedBytes);
    sealed.stored.buffer.transfer(0);
    return { kind, file, uploaded };
  }

  async #commit(writer: LogWriter, done: Done): Promise<void> {
    const { spool, observer, onArchived } = this.#options;
    if (done.kind === "heartbeat") {
      // It may have waited behind segments that the store was slow to take: they said more than it would.
      if (done.commits !== this.#commits || this.#finishing) return;
      observer.committed?.(await writer.heartbeat());
      this.#commits++;
      return;
    }
    const { file, uploaded } = done;
    const commit = await writer.commitUploaded(uploaded);
    // A crash here leaves the file: the next start finds its manifest and retires it.
    await spool.retire(file, committedFile(commit));
    this.#commits++;
    observer.committed?.(commit);
    onArchived(file.first + file.count);
  }
}
