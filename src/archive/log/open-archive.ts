import { hostname } from "node:os";
import { join } from "node:path";
import type { Registry } from "prom-client";
import type { Description } from "../../core/description.ts";
import { SteleError } from "../../core/error.ts";
import { parseVerifierKey, type Signer, type VerifierKey } from "../../core/key.ts";
import { openStore, type S3Access } from "../../store/open.ts";
import type { Store } from "../../store/port.ts";
import { type Archive, logOf, openArchive as openStored } from "../archive.ts";
import { SegmentPool } from "../segment/pool.ts";
import type { AppenderOptions } from "./appender-options.ts";
import { descriptionFile } from "./description-file.ts";
import { Log } from "./log.ts";
import { completeOptions, type LogOptions } from "./log-options.ts";
import type { WriterMetrics } from "./metrics.ts";

/** What an archive is opened with. */
export interface OpenArchiveOptions {
  /** Keys to believe (as vkeys, or parsed), and none that the archive names. Default: the signer's, where there is one. */
  readonly keys?: readonly (VerifierKey | string)[] | undefined;
  /** Signs what is appended. Not needed to read. */
  readonly signer?: Signer | undefined;
  /** Folder on a local, durable disk, where what is appended waits for the store. Not needed to read. */
  readonly spool?: string | undefined;
  /** How an S3 store is reached. */
  readonly s3?: S3Access | undefined;
  /** Threads that hash and compress, of all logs together. Default: 1, which seals faster than appends come. */
  readonly threads?: number | undefined;
  /** Stands in manifests: which process wrote. Default: host name and process id. */
  readonly writerId?: string | undefined;
  /** Where metrics of all logs are registered. One archive a registry. */
  readonly metrics?: Registry | undefined;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: (() => number) | undefined;
}

/** What a manifest has room for. */
const MAX_WRITER_ID = 256;

/** An archive opened by a program: its logs can be read, and with a signer and a spool be appended to. */
export class OpenArchive implements Archive, AsyncDisposable {
  readonly store: Store;
  readonly origin: string;
  readonly description: Description | null;
  readonly keys: readonly VerifierKey[];
  readonly keyPinned: boolean;
  readonly #options: OpenArchiveOptions;
  readonly #metrics: WriterMetrics | null;
  readonly #logs = new Map<string, Log>();
  #pool: SegmentPool | null = null;

  constructor(archive: Archive, options: OpenArchiveOptions, metrics: WriterMetrics | null) {
    this.store = archive.store;
    this.origin = archive.origin;
    this.description = archive.description;
    this.keys = archive.keys;
    this.keyPinned = archive.keyPinned;
    const { writerId = "" } = options;
    if (writerId.length > MAX_WRITER_ID || !writerId.isWellFormed()) {
      throw new SteleError(
        "input.invalid",
        `writerId: expected at most ${MAX_WRITER_ID} characters of Unicode, got ${writerId.length}`,
      );
    }
    this.#options = options;
    this.#metrics = metrics;
  }

  /**
   * A log, whether it has entries yet or not. Asked again, it gives the same one until that is closed; only the first asking's
   * options count.
   * @throws SteleError `input.invalid` when no log can have this name
   */
  log(name: string, options: LogOptions = {}): Log {
    const known = this.#logs.get(name);
    if (known !== undefined) return known;
    const released = (): void => {
      if (this.#logs.get(name) === log) this.#logs.delete(name);
      this.#metrics?.unwatch(log);
    };
    const source = options.source ?? this.#writerId();
    const log = new Log(this, name, source, () => this.#appenderOptions(name, options), released);
    this.#logs.set(name, log);
    this.#metrics?.watch(log);
    return log;
  }

  /** Closes all logs, as {@link Log.close} does. */
  async close(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const closed = await Promise.allSettled([...this.#logs.values()].map((log) => log.close(options)));
    await this.#pool?.close();
    this.#pool = null;
    for (const one of closed) if (one.status === "rejected") throw one.reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #appenderOptions(name: string, options: LogOptions): AppenderOptions {
    const { signer, spool, now = Date.now } = this.#options;
    if (signer === undefined) throw missing(name, "signer: the archive's signing key, as parseKeyFile gives it");
    if (spool === undefined) throw missing(name, "spool: a folder on a local disk, where events wait for the store");
    const { origin } = logOf(this, name);
    const complete = completeOptions(name, options);
    this.#pool ??= new SegmentPool(this.#options.threads ?? 1);
    return {
      archive: this,
      log: name,
      origin,
      folder: spoolFolder(spool, origin),
      pool: this.#pool,
      signer,
      writerId: this.#writerId(),
      now,
      observer: this.#metrics?.observer(name, options.observer ?? {}) ?? options.observer ?? {},
      ...complete,
    };
  }

  #writerId(): string {
    return this.#options.writerId ?? `${hostname()}/${process.pid}`;
  }
}

/**
 * Opens an archive, at a location (`s3://bucket/prefix` or a folder) or in a store. A writer that has been here before opens it
 * while the store can't be reached as well: its logs then take events, and archive them later.
 *
 * @throws SteleError `store.not-found` where there is no archive, `proof.signature` where another key signed it, `store.*`
 */
export async function openArchive(place: string | Store, options: OpenArchiveOptions = {}): Promise<OpenArchive> {
  const { signer, spool } = options;
  const store = typeof place === "string" ? await openStore(place, { s3: options.s3 }) : place;
  const pinned = options.keys?.map((key) => (typeof key === "string" ? parseVerifierKey(key) : key));
  // A writer must not append to what someone else put in the archive's place: unless told otherwise, it is to be its own.
  const own = signer === undefined ? [] : [signer.key];
  const copy = signer === undefined || spool === undefined ? undefined : descriptionFile(spool, signer.key.name);
  const archive = await openStored(store, { pinned: pinned ?? own, copy });
  return new OpenArchive(archive, options, await metricsIn(options));
}

/** Where a log's spool lies below the folder for spools: no `+` stands in an origin, so that each has its own. */
export function spoolFolder(spool: string, origin: string): string {
  return join(spool, origin.replaceAll("/", "+"));
}

/** The package is loaded where someone has a registry of it, and only there. */
async function metricsIn({ metrics, now = Date.now }: OpenArchiveOptions): Promise<WriterMetrics | null> {
  if (metrics === undefined) return null;
  const { WriterMetrics } = await import("./metrics.ts");
  return new WriterMetrics(metrics, now);
}

function missing(log: string, what: string): SteleError {
  return new SteleError("input.invalid", `log ${log}: to append, openArchive needs ${what}`);
}
