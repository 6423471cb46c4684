import { hostname } from "node:os";
import { join } from "node:path";
import type { Registry } from "prom-client";
import type { Description } from "../../core/description.ts";
import { SteleError } from "../../core/error.ts";
import { parseVerifierKey, type Signer, type VerifierKey } from "../../core/key.ts";
import { openStore, type S3Access } from "../../store/open.ts";
import type { Store } from "../../store/port.ts";
import { type Archive, logOf, openArchive as openStored } from "../archive.ts";
import { DEFAULT_LIMITS, type SegmentLimits } from "../input/segmenter.ts";
import { SegmentPool } from "../segment/pool.ts";
import type { SpoolOptions } from "../spool/spool.ts";
import type { AppenderOptions } from "./appender.ts";
import type { BackoffOptions } from "./backoff.ts";
import { descriptionFile } from "./description-file.ts";
import { Log } from "./log.ts";
import type { WriterMetrics } from "./metrics.ts";
import type { LogObserver } from "./observer.ts";
import { type Sleep, sleep } from "./waiting.ts";

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
  /** Threads that hash and compress, of all logs together. Default: one for each processor, at most 2. */
  readonly threads?: number | undefined;
  /** Stands in manifests: which process wrote. Default: host name and process id. */
  readonly writerId?: string | undefined;
  /** Where metrics of all logs are registered. One archive a registry. */
  readonly metrics?: Registry | undefined;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: (() => number) | undefined;
}

/** How one log is written. */
export interface LogOptions {
  /** Who delivers, where an append does not say. Default: the writer's id. */
  readonly source?: string | undefined;
  /** When a segment is full. */
  readonly limits?: Partial<SegmentLimits> | undefined;
  /** Bytes that may wait in the spool. Default 4 GiB. */
  readonly maxSpoolBytes?: number | undefined;
  /** What an append does when the spool is full: wait for the store (default), or refuse with `spool.full`. Nothing is ever dropped. */
  readonly onFull?: "wait" | "refuse" | undefined;
  /** How long a segment waits for more once someone waits for `archived`, in milliseconds. Default 500. */
  readonly lingerMillis?: number | undefined;
  /** Segments sealed and uploaded at a time. Default 4. */
  readonly uploads?: number | undefined;
  /** After how many milliseconds without a manifest an empty one says that nothing came. Default: never. */
  readonly heartbeatMillis?: number | undefined;
  /** For how many ids, and for how long, repeated deliveries are known. Default 1,000,000 and 24 hours. */
  readonly window?: SpoolOptions["window"];
  /** Set a damaged spool file aside and go on, with the loss recorded in the log. Default false: refuse to start. */
  readonly quarantine?: boolean | undefined;
  /** Told what the log does. */
  readonly observer?: LogObserver | undefined;
  /** How long to wait before the store is tried again. */
  readonly backoff?: BackoffOptions | undefined;
  /** For tests: the file system under the spool, and waiting. */
  readonly files?: SpoolOptions["files"];
  readonly sleep?: Sleep | undefined;
}

const DEFAULT_MAX_SPOOL_BYTES = 2 ** 32;
const DEFAULT_LINGER_MILLIS = 500;
const DEFAULT_UPLOADS = 4;

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
      this.#logs.delete(name);
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
    await Promise.all([...this.#logs.values()].map((log) => log.close(options)));
    await this.#pool?.close();
    this.#pool = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #appenderOptions(name: string, options: LogOptions): AppenderOptions {
    const { signer, spool, now = Date.now } = this.#options;
    if (signer === undefined) throw missing(name, "signer: the archive's signing key, as parseKeyFile gives it");
    if (spool === undefined) throw missing(name, "spool: a folder on a local disk, where events wait for the store");
    const { origin } = logOf(this, name);
    this.#pool ??= new SegmentPool(this.#options.threads);
    return {
      archive: this,
      log: name,
      origin,
      folder: spoolFolder(spool, origin),
      pool: this.#pool,
      signer,
      writerId: this.#writerId(),
      now,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      maxSpoolBytes: options.maxSpoolBytes ?? DEFAULT_MAX_SPOOL_BYTES,
      onFull: options.onFull ?? "wait",
      lingerMillis: options.lingerMillis ?? DEFAULT_LINGER_MILLIS,
      uploads: options.uploads ?? DEFAULT_UPLOADS,
      heartbeatMillis: options.heartbeatMillis ?? null,
      backoff: options.backoff ?? {},
      sleep: options.sleep ?? sleep,
      observer: this.#metrics?.observer(name, options.observer ?? {}) ?? options.observer ?? {},
      quarantine: options.quarantine ?? false,
      ...(options.window === undefined ? {} : { window: options.window }),
      ...(options.files === undefined ? {} : { files: options.files }),
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
