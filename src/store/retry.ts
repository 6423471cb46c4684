import { equalBytes } from "../core/bytes.ts";
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
import { sleep } from "./sleep.ts";

export interface RetryOptions {
  /** How often a call is tried in all, from 1. Default 5. */
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
 * The same store, with calls tried again after `store.unreachable`, waiting exponentially longer with full jitter (a
 * random part of the whole wait, so that callers that failed together don't come back together). A listing goes on
 * from where it stopped, and has `attempts` anew after each version that came through.
 *
 * A PUT is never repeated blindly: one that seemed to fail may have been kept, and under Object Lock a second version
 * stays for years. So the key is looked at first, and what is there with the same bytes is taken for what was put. Only a
 * PUT that the store keeps after the look can still leave a second version, with the same bytes.
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

  async putIfAbsent(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    for (let failures = 0; ;) {
      try {
        const result = await this.#store.putIfAbsent(key, body, options);
        if (result.outcome === "created" || failures === 0) return result;
        // What is in the way may be the earlier try, kept after it was looked for.
        const late = await this.#findSame(key, body, options.signal);
        return late === null ? result : { outcome: "created", versionId: late.versionId };
      } catch (error) {
        await this.#waitOrThrow(error, ++failures, options.signal);
      }
      const kept = await this.#findSame(key, body, options.signal);
      if (kept !== null) return { outcome: "created", versionId: kept.versionId };
    }
  }

  extendRetention(key: string, retention: Retention, options?: VersionOptions): Promise<void> {
    return this.#repeat(options, () => this.#store.extendRetention(key, retention, options));
  }

  setLegalHold(key: string, held: boolean, options?: VersionOptions): Promise<void> {
    return this.#repeat(options, () => this.#store.setLegalHold(key, held, options));
  }

  get(key: string, options: GetOptions): Promise<StoredObject> {
    return this.#repeat(options, () => this.#store.get(key, options));
  }

  head(key: string, options?: VersionOptions): Promise<ObjectHead | null> {
    return this.#repeat(options, () => this.#store.head(key, options));
  }

  lockState(key: string, options?: VersionOptions): Promise<LockState> {
    return this.#repeat(options, () => this.#store.lockState(key, options));
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

  /** The oldest version of a key that has just these bytes. */
  async #findSame(key: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<ObjectVersion | null> {
    let same: ObjectVersion | null = null;
    for await (const version of this.versions(key, { signal })) {
      if (version.key !== key || version.kind !== "object" || version.size !== body.length) continue;
      const stored = await this.get(key, { versionId: version.versionId, maxBytes: body.length, signal });
      if (equalBytes(stored.body, body)) same = version;
    }
    return same;
  }

  /** For calls that may be made twice. */
  async #repeat<T>(options: CallOptions | undefined, call: () => Promise<T>): Promise<T> {
    for (let failures = 0; ;) {
      try {
        return await call();
      } catch (error) {
        await this.#waitOrThrow(error, ++failures, options?.signal);
      }
    }
  }

  async #waitOrThrow(error: unknown, failures: number, signal: AbortSignal | undefined): Promise<void> {
    const { attempts = 5, baseMs = 100, maxMs = 10_000, random = Math.random, sleep: wait = sleep } = this.#options;
    if (failures >= attempts || !isSteleError(error, "store.unreachable")) throw error;
    await wait(random() * Math.min(maxMs, baseMs * 2 ** (failures - 1)), signal);
    signal?.throwIfAborted();
  }
}
