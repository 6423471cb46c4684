import { setTimeout } from "node:timers/promises";
import { isSteleError } from "../core/error.ts";
import type { Retention } from "../core/retention.ts";
import type {
  CallOptions,
  GetOptions,
  ListOptions,
  LockState,
  ObjectHead,
  ObjectVersion,
  PutOptions,
  PutResult,
  Store,
  StoreCapabilities,
  StoredObject,
  VersionOptions,
} from "./port.ts";

export interface RetryOptions {
  /** How often a read is tried in all, from 1. Default 5. */
  readonly attempts?: number;
  /** The longest wait before the second try, in milliseconds; it doubles with each further one. Default 100. */
  readonly baseMs?: number;
  /** The longest wait of all, in milliseconds. Default 10,000. */
  readonly maxMs?: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/**
 * The same store, with reads tried again after `store.unreachable`, waiting exponentially longer with full jitter (a
 * random part of the whole wait, so that readers that failed together don't come back together). A listing goes on
 * from where it stopped, and has `attempts` anew after each version that came through.
 *
 * Writes are never repeated here: a PUT that seemed to fail may have been kept, and under Object Lock a second version
 * stays for years. Whoever asked for it must look first.
 */
export function withRetry(store: Store, options: RetryOptions = {}): Store {
  return new RetryingStore(store, options);
}

class RetryingStore implements Store {
  readonly #store: Store;
  readonly #options: RetryOptions;

  constructor(store: Store, options: RetryOptions) {
    this.#store = store;
    this.#options = options;
  }

  get url(): string {
    return this.#store.url;
  }

  get capabilities(): StoreCapabilities {
    return this.#store.capabilities;
  }

  putIfAbsent(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    return this.#store.putIfAbsent(key, body, options);
  }

  extendRetention(key: string, retention: Retention, options?: VersionOptions): Promise<void> {
    return this.#store.extendRetention(key, retention, options);
  }

  setLegalHold(key: string, held: boolean, options?: VersionOptions): Promise<void> {
    return this.#store.setLegalHold(key, held, options);
  }

  get(key: string, options: GetOptions): Promise<StoredObject> {
    return this.#read(options, () => this.#store.get(key, options));
  }

  head(key: string, options?: VersionOptions): Promise<ObjectHead | null> {
    return this.#read(options, () => this.#store.head(key, options));
  }

  lockState(key: string, options?: VersionOptions): Promise<LockState> {
    return this.#read(options, () => this.#store.lockState(key, options));
  }

  async *versions(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectVersion> {
    let keyBefore = options.after;
    let key: string | null = null;
    // A listing restarts at a key, not at a version: those of the unfinished key that came through are passed over.
    let seen = new Set<string | null>();
    let yielded = 0;
    for (let failures = 0; ;) {
      try {
        const limit = options.limit === undefined ? undefined : Math.max(1, options.limit - yielded);
        for await (const version of this.#store.versions(prefix, { ...options, after: keyBefore, limit })) {
          if (version.key !== key) {
            keyBefore = key ?? keyBefore;
            key = version.key;
            seen = new Set();
          }
          if (seen.has(version.versionId)) continue;
          seen.add(version.versionId);
          failures = 0;
          yielded++;
          yield version;
        }
        return;
      } catch (error) {
        await this.#waitOrThrow(error, ++failures, options.signal);
      }
    }
  }

  async #read<T>(options: CallOptions | undefined, read: () => Promise<T>): Promise<T> {
    for (let failures = 0; ;) {
      try {
        return await read();
      } catch (error) {
        await this.#waitOrThrow(error, ++failures, options?.signal);
      }
    }
  }

  async #waitOrThrow(error: unknown, failures: number, signal: AbortSignal | undefined): Promise<void> {
    const { attempts = 5, baseMs = 100, maxMs = 10_000, random = Math.random, sleep = wait } = this.#options;
    if (failures >= attempts || !isSteleError(error, "store.unreachable")) throw error;
    await sleep(random() * Math.min(maxMs, baseMs * 2 ** (failures - 1)), signal);
    signal?.throwIfAborted();
  }
}

async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    // The reason that the caller gave, not the timer's own AbortError.
    signal?.throwIfAborted();
    throw error;
  });
}
