import type { Retention } from "../core/retention.ts";
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
} from "../store/port.ts";
import { Bandwidth, type BandwidthOptions } from "./bandwidth.ts";
import { type Cost, requestsOf } from "./cost.ts";

/** How much may be asked of a store; what is left out is not limited. */
export interface Budget {
  /** Bytes read. */
  readonly bytes?: number | undefined;
  readonly requests?: number | undefined;
}

export interface MeterOptions extends BandwidthOptions {
  readonly budget?: Budget | undefined;
  /** Bytes a second that are read at most. */
  readonly bandwidth?: number | undefined;
  /** Told of each lock that the store shows. */
  readonly onLock?: ((key: string, versionId: string | null, lock: LockState) => void) | undefined;
}

/** The most versions in a page of ListObjectVersions. */
const PAGE = 1000;
/** GetObjectRetention and GetObjectLegalHold. */
const REQUESTS_OF_A_LOCK = 2;

/**
 * The same store, with what is asked of it counted as S3 counts it, and read no faster than allowed. The budget is not held by
 * force: whoever spends asks {@link spent} before beginning anything new, so that what was begun is finished and used.
 */
export class MeteredStore implements Store {
  readonly #store: Store;
  readonly #budget: Budget;
  readonly #bandwidth: Bandwidth | null;
  readonly #onLock: MeterOptions["onLock"];
  readonly #cost = { gets: 0, heads: 0, lists: 0, locks: 0, puts: 0, bytesRead: 0, bytesWritten: 0 };

  constructor(store: Store, { budget = {}, bandwidth, onLock, ...timing }: MeterOptions = {}) {
    this.#store = store;
    this.#budget = budget;
    this.#onLock = onLock;
    this.#bandwidth = bandwidth === undefined ? null : new Bandwidth(bandwidth, timing);
  }

  get url(): string {
    return this.#store.url;
  }

  get capabilities(): StoreCapabilities {
    return this.#store.capabilities;
  }

  /** What was asked so far. */
  cost(): Cost {
    return { ...this.#cost };
  }

  /** Whether the budget is used up. */
  spent(): boolean {
    const { bytes = Infinity, requests = Infinity } = this.#budget;
    return this.#cost.bytesRead >= bytes || requestsOf(this.#cost) >= requests;
  }

  putIfAbsent(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    this.#cost.puts++;
    this.#cost.bytesWritten += body.length;
    return this.#store.putIfAbsent(key, body, options);
  }

  async get(key: string, options: GetOptions): Promise<StoredObject> {
    await this.#bandwidth?.ready(options.signal);
    this.#cost.gets++;
    const object = await this.#store.get(key, options);
    this.#cost.bytesRead += object.body.length;
    this.#bandwidth?.took(object.body.length);
    return object;
  }

  head(key: string, options?: VersionOptions): Promise<ObjectHead | null> {
    this.#cost.heads++;
    return this.#store.head(key, options);
  }

  async *versions(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectVersion> {
    const page = Math.max(1, Math.min(options.limit ?? PAGE, PAGE));
    this.#cost.lists++;
    let onPage = 0;
    for await (const version of this.#store.versions(prefix, options)) {
      if (onPage === page) {
        this.#cost.lists++;
        onPage = 0;
      }
      onPage++;
      yield version;
    }
  }

  async lockState(key: string, options?: VersionOptions): Promise<LockState> {
    this.#cost.locks += REQUESTS_OF_A_LOCK;
    const lock = await this.#store.lockState(key, options);
    this.#onLock?.(key, options?.versionId ?? null, lock);
    return lock;
  }

  extendRetention(key: string, retention: Retention, options?: VersionOptions): Promise<void> {
    this.#cost.puts++;
    return this.#store.extendRetention(key, retention, options);
  }

  setLegalHold(key: string, held: boolean, options?: VersionOptions): Promise<void> {
    this.#cost.puts++;
    return this.#store.setLegalHold(key, held, options);
  }
}
