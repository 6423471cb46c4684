import type { Appender } from "../archive/log/appender.ts";
import type { Log } from "../archive/log/log.ts";
import { type OpenArchive, spoolFolder } from "../archive/log/open-archive.ts";
import { finishReindex } from "../archive/log/reindex.ts";
import { Bell } from "../archive/log/waiting.ts";
import type { SegmentLimits } from "../archive/input/segmenter.ts";
import { logOf } from "../archive/archive.ts";
import type { Commit } from "../core/commit.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import type { Archived } from "./archive-result.ts";
import { drainLimit, type Interruption } from "./interrupt.ts";
import { Outage } from "./outage.ts";
import type { Remarks } from "./output.ts";
import { type Progress, showProgress } from "./progress.ts";
import { counted, size } from "./words.ts";
import type { WriterSettings } from "./writer-options.ts";

export interface DurableLogOptions {
  readonly log: string;
  /** The folder of all spools. */
  readonly spool: string;
  readonly limits: SegmentLimits;
  readonly writer: WriterSettings;
  readonly quarantine?: boolean | undefined;
  readonly quiet: true | undefined;
  /** Whether progress is shown where there is no terminal as well. */
  readonly progressLines: boolean;
  readonly remarks: Remarks;
  /** What the user is to run to archive what stayed in the spool. */
  readonly drainCommand: string;
}

/** Reached again without anything to archive, nothing but a look tells. */
const LOOK_MILLIS = 1000;

/**
 * The durable writer of one log, as a command runs it: counts what it archives, and says on standard error what befalls it.
 */
export class DurableLog implements AsyncDisposable {
  readonly folder: string;
  readonly #options: DurableLogOptions;
  readonly #archive: OpenArchive;
  readonly #log: Log;
  readonly #outage: Outage;
  readonly #stopped = new AbortController();
  readonly #committed = new Bell();
  readonly #started = performance.now();
  #appender: Appender | null = null;
  #progress: Progress | null = null;
  #entries = 0;
  #segments = 0;
  #rawBytes = 0;
  #storedBytes = 0;
  #taken = 0;
  /** Bytes on their way to the disk. */
  #underWay = 0;
  #head: Commit | null = null;
  /** Entries that the last part of the run is to archive. */
  #toDrain: number | null = null;

  private constructor(archive: OpenArchive, options: DurableLogOptions) {
    const { log, spool, limits, writer, quarantine } = options;
    this.#options = options;
    this.#archive = archive;
    this.folder = spoolFolder(spool, logOf(archive, log).origin);
    this.#outage = new Outage(
      (text) => options.remarks.warn(text),
      this.folder,
      () => this.#spooled(),
    );
    this.#log = archive.log(log, {
      limits,
      heartbeatMillis: writer.heartbeatMillis,
      quarantine,
      // Room is looked for before reading (roomToRead): what was read must not have to wait for the store.
      maxSpoolBytes: Number.MAX_SAFE_INTEGER,
      observer: {
        committed: (commit) => this.#onCommit(commit),
        retried: (error) => this.#onRetry(error),
        stopped: (error) => this.#stopped.abort(error),
      },
    });
  }

  /** Takes the log's spool, and says what an earlier run left in it. @throws what opening a log throws */
  static async open(archive: OpenArchive, options: DurableLogOptions): Promise<DurableLog> {
    const durable = new DurableLog(archive, options);
    await durable.#open();
    return durable;
  }

  async #open(): Promise<void> {
    const { remarks, quiet, progressLines } = this.#options;
    if (await finishReindex(this.folder)) remarks.note("an interrupted reindexing of the spool was finished");
    try {
      this.#appender = await this.#log.open();
    } catch (error) {
      if (!isSteleError(error)) throw error;
      throw new SteleError(error.code, `${error.message.replace(/\.$/, "")}.${this.#wayOut(error)}`, { cause: error });
    }
    const { entries, bytes, tornBytes, quarantined } = this.#appender.recovery;
    if (entries > 0) {
      remarks.note(
        `${this.folder} holds ${counted(entries, "entry", "entries")} (${size(bytes)}) of an earlier run: archived first`,
      );
    }
    if (tornBytes > 0) {
      remarks.note(
        `its last write was cut off when the machine or the process stopped: ${size(tornBytes)} that were never safe are dropped`,
      );
    }
    for (const { file, offset, lost, keptAs } of quarantined) {
      const what = lost === null ? "an unknown number of entries is" : counted(lost, "entry is", "entries are");
      const kept = keptAs === "" ? "the file was missing" : `the damaged file is kept as ${keptAs}`;
      remarks.warn(`${file} was damaged at byte ${offset}: ${what} lost, which the log will say for ever; ${kept}`);
    }
    this.#progress = showProgress({ quiet: quiet ?? (progressLines || process.stderr.isTTY ? undefined : true) });
  }

  /** Aborts when the log takes nothing more, with the error as its reason. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Where a source said it was to go on. */
  cursor(source: string): string | null {
    return this.#appender?.cursor(source) ?? null;
  }

  /** The log's newest manifest that this run knows; null while the log is empty; `unknown` before the store was reached. */
  get head(): Commit | null | "unknown" {
    const status = this.#log.status();
    const head = this.#head ?? status?.head ?? null;
    return head === null && status?.state !== "ready" && status?.state !== "closed" ? "unknown" : head;
  }

  /** Keeps whole lines on the local disk. */
  async append(lines: Uint8Array, source: string, cursor?: string): Promise<{ readonly count: number }> {
    this.#underWay += lines.length;
    try {
      const receipt = await this.#log.appendLines(lines, { source, cursor });
      this.#taken += receipt.count;
      this.#show();
      return receipt;
    } finally {
      this.#underWay -= lines.length;
    }
  }

  /** Waits while the spool is full, until `stop` or the log's end. To be called before anything is read. */
  async roomToRead(stop: AbortSignal): Promise<void> {
    const { maxSpoolBytes } = this.#options.writer;
    const isFull = (): boolean => this.#spooled().bytes + this.#underWay >= maxSpoolBytes;
    if (stop.aborted || this.stopped.aborted || !isFull()) return;
    const { remarks } = this.#options;
    remarks.warn(
      `the spool is full (${size(maxSpoolBytes)}, --max-spool): nothing more is read until the store has taken some; ${this.folder}`,
    );
    const over = AbortSignal.any([stop, this.stopped]);
    const ended = new Promise<void>((resolve) => over.addEventListener("abort", () => resolve(), { once: true }));
    while (!over.aborted && isFull()) await Promise.race([this.#committed.rung(), ended]);
    if (!over.aborted) remarks.note("the spool has room again: reading goes on");
  }

  /**
   * Archives what is spooled, for as long as it may take after an interrupt, and lets go of the spool. What stays there is said.
   * @param failure what ended the reading
   * @throws `failure`, or what stopped the log
   */
  async finish(interruption: Interruption, failure: unknown = null): Promise<Archived> {
    const { log, remarks, writer, drainCommand } = this.#options;
    const { entries: toDrain, bytes } = this.#spooled();
    if (failure === null && toDrain > 0 && !interruption.stop.aborted && this.#log.status()?.state !== "ready") {
      remarks.warn(
        `the input has ended, and ${counted(toDrain, "entry waits", "entries wait")} (${size(bytes)}) for the store. ` +
          `Interrupt to end now: what waits stays safe in ${this.folder}`,
      );
    }
    this.#toDrain = toDrain > 0 ? this.#entries + toDrain : null;
    this.#show();
    const head = this.head;
    using limit = drainLimit(interruption, writer.drainMillis);
    const spooled = await this.#log.close({ signal: limit.signal });
    this.#endProgress();
    await this.#archive.close();
    const reason: unknown = failure ?? (this.stopped.aborted ? this.stopped.reason : null);
    const entries = counted(spooled.entries, "entry", "entries");
    const kept = `${entries} (${size(spooled.bytes)}), not archived yet, ${spooled.entries === 1 ? "is" : "are"} safe in ${this.folder}`;
    if (reason !== null) {
      if (!isSteleError(reason)) throw reason instanceof Error ? reason : new Error("the log was stopped", { cause: reason });
      const advice =
        spooled.entries === 0
          ? `${counted(this.#entries, "entry", "entries")} of this run ${this.#entries === 1 ? "is" : "are"} archived, and nothing waits in the spool`
          : `${kept}. ${reason.code === "log.fenced" ? `To archive them behind the other's: ${drainCommand} --reindex` : `When the cause is mended: ${drainCommand}`}`;
      throw new SteleError(reason.code, `${reason.message.replace(/\.$/, "")}. ${advice}`, { cause: reason });
    }
    if (spooled.entries > 0) remarks.warn(`${kept}. The next run here archives them, or: ${drainCommand}`);
    return {
      log,
      origin: this.#archive.origin,
      entries: this.#entries,
      segments: this.#segments,
      rawBytes: this.#rawBytes,
      storedBytes: this.#storedBytes,
      head: this.#head ?? head,
      spooled,
      millis: performance.now() - this.#started,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#endProgress();
    await this.#archive.close({ signal: AbortSignal.abort() });
  }

  /** What helps where the log could not be opened. */
  #wayOut({ code }: SteleError): string {
    const { drainCommand, quarantine } = this.#options;
    if (code === "log.fenced") return ` In full: ${drainCommand} --reindex`;
    if (code === "spool.damaged" && quarantine !== true) return ` ${quarantineAdvice(drainCommand)}`;
    if (code !== "store.unreachable") return "";
    return ` Nothing was read: without the store a log can only be written to where it was before; ${this.folder} does not know where this one stands`;
  }

  #onCommit(commit: Commit): void {
    const { segment, entries } = commit.manifest;
    this.#head = commit;
    this.#entries += entries.count;
    if (segment !== null) {
      this.#segments++;
      this.#rawBytes += segment.rawBytes;
      this.#storedBytes += segment.bytes;
    }
    this.#outage.over();
    this.#committed.ring();
    this.#show();
  }

  #onRetry(error: SteleError): void {
    const wasOn = this.#outage.isOn;
    this.#outage.failed(error);
    if (wasOn) return;
    const looking = setInterval(() => {
      const status = this.#log.status();
      if (status?.state === "ready" && status.spooled.entries === 0) this.#outage.over();
      if (!this.#outage.isOn || status?.state === "closed") clearInterval(looking);
    }, LOOK_MILLIS).unref();
  }

  #spooled(): { readonly entries: number; readonly bytes: number } {
    return this.#log.status()?.spooled ?? { entries: 0, bytes: 0 };
  }

  #show(): void {
    if (this.#progress === null) return;
    const { entries, bytes } = this.#spooled();
    if (this.#toDrain !== null) {
      const text = `archiving the rest: ${counted(entries, "entry", "entries")} to go (${size(bytes)})`;
      this.#progress.update(this.#entries / this.#toDrain, text);
      return;
    }
    const archived = `${counted(this.#entries, "entry", "entries")} archived`;
    this.#progress.update(null, `${counted(this.#taken, "entry", "entries")} read, ${archived}, ${size(bytes)} in the spool`);
  }

  #endProgress(): void {
    this.#progress?.stop();
    this.#progress = null;
  }
}

export function quarantineAdvice(drainCommand: string): string {
  return `That is done by: ${drainCommand} --quarantine`;
}
