import { timestamp } from "../../src/core/time.ts";
import { compareKeys } from "../../src/store/key.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type {
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
} from "../../src/store/port.ts";
import type { Retention } from "../../src/core/retention.ts";

/** Requests as S3 would be sent them. */
export interface Requests {
  put: number;
  get: number;
  head: number;
  /** One for each page of a listing. */
  list: number;
  /** Locks asked for, or changed. */
  lock: number;
}

/** Keys that S3 gives in one answer. */
const PAGE = 1000;

/**
 * Objects in memory, and a count of the requests that S3 would have been sent. Listings find their place by halving: with 10^5
 * keys, those of the store for tests, which goes through all of them, would take longer than everything else.
 */
export class CountingStore implements Store {
  readonly url = "memory:";
  readonly capabilities: StoreCapabilities;
  readonly #inner: MemoryStore;
  readonly #now: () => number;
  /** In key order. Nothing is overwritten or deleted here: one version a key. */
  readonly #listed: ObjectVersion[] = [];
  #requests: Requests = nothing();

  /** @param now milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#inner = new MemoryStore({ now });
    this.capabilities = this.#inner.capabilities;
  }

  /** What was sent since this was asked last. */
  taken(): Requests {
    const taken = this.#requests;
    this.#requests = nothing();
    return taken;
  }

  async putIfAbsent(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    this.#requests.put++;
    const result = await this.#inner.putIfAbsent(key, body, options);
    if (result.outcome === "created") {
      const { versionId } = result;
      const listed = {
        key,
        versionId,
        kind: "object",
        isLatest: true,
        size: body.length,
        lastModified: timestamp(this.#now()),
      } as const;
      this.#listed.splice(this.#placeAfter(key), 0, listed);
    }
    return result;
  }

  get(key: string, options: GetOptions): Promise<StoredObject> {
    this.#requests.get++;
    return this.#inner.get(key, options);
  }

  head(key: string, options?: VersionOptions): Promise<ObjectHead | null> {
    this.#requests.head++;
    return this.#inner.head(key, options);
  }

  async *versions(prefix: string, { after, limit, signal }: ListOptions = {}): AsyncIterable<ObjectVersion> {
    const page = Math.min(PAGE, limit ?? PAGE);
    signal?.throwIfAborted();
    this.#requests.list++;
    let inPage = 0;
    const from = after !== undefined && compareKeys(after, prefix) >= 0 ? this.#placeAfter(after) : this.#placeOf(prefix);
    for (let i = from; i < this.#listed.length; i++) {
      const version = this.#listed[i];
      if (version === undefined || !version.key.startsWith(prefix)) return;
      signal?.throwIfAborted();
      if (inPage++ === page) {
        this.#requests.list++;
        inPage = 1;
      }
      yield version;
    }
  }

  lockState(key: string, options?: VersionOptions): Promise<LockState> {
    this.#requests.lock++;
    return this.#inner.lockState(key, options);
  }

  extendRetention(key: string, retention: Retention, options?: VersionOptions): Promise<void> {
    this.#requests.lock++;
    return this.#inner.extendRetention(key, retention, options);
  }

  setLegalHold(key: string, held: boolean, options?: VersionOptions): Promise<void> {
    this.#requests.lock++;
    return this.#inner.setLegalHold(key, held, options);
  }

  /** Of the first key that is `key` or greater. */
  #placeOf(key: string): number {
    return this.#firstPlace((listed) => compareKeys(listed, key) >= 0);
  }

  #placeAfter(key: string): number {
    return this.#firstPlace((listed) => compareKeys(listed, key) > 0);
  }

  #firstPlace(isBehind: (key: string) => boolean): number {
    let low = 0;
    let high = this.#listed.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const version = this.#listed[middle];
      if (version !== undefined && isBehind(version.key)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

export function sum({ put, get, head, list, lock }: Requests): number {
  return put + get + head + list + lock;
}

function nothing(): Requests {
  return { put: 0, get: 0, head: 0, list: 0, lock: 0 };
}
