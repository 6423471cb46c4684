import { createHash } from "node:crypto";
import type {
  GetOptions,
  ListOptions,
  LockState,
  ObjectHead,
  ObjectVersion,
  PutOptions,
  PutResult,
} from "../../src/store/port.ts";
import type { Retention } from "../../src/core/retention.ts";
import type { Store, StoreCapabilities, StoredObject, VersionOptions } from "../../src/store/port.ts";

/** A number in [0, 1) that is always the same for the same words. */
export function chance(...words: readonly (string | number)[]): number {
  return createHash("sha256").update(words.join(" ")).digest().readUInt32BE(0) / 2 ** 32;
}

/** Whether a listing leaves out a version. `place` counts in this listing, `listing` counts the listings, from 0. */
export type Omission = (version: ObjectVersion, place: number, listing: number) => boolean;

/** A store that lists incompletely, and remembers what it let be seen of each object. */
export class CloudedStore implements Store {
  readonly url: string;
  readonly capabilities: StoreCapabilities;
  /** Keys that were listed, whose bytes were given, whose locks were shown. */
  readonly listed: Set<string> = new Set();
  readonly read: Set<string> = new Set();
  readonly shown: Set<string> = new Set();
  readonly #store: Store;
  readonly #omits: Omission;
  #listings = 0;

  constructor(store: Store, omits: Omission = () => false) {
    this.#store = store;
    this.#omits = omits;
    this.url = store.url;
    this.capabilities = store.capabilities;
  }

  /** Those of these keys of which something was never seen. */
  unseen(keys: readonly string[]): string[] {
    return keys.filter((key) => !this.listed.has(key) || !this.read.has(key) || !this.shown.has(key));
  }

  async *versions(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectVersion> {
    const listing = this.#listings++;
    let place = 0;
    for await (const version of this.#store.versions(prefix, options)) {
      if (this.#omits(version, place++, listing)) continue;
      this.listed.add(version.key);
      yield version;
    }
  }

  async get(key: string, options: GetOptions): Promise<StoredObject> {
    const object = await this.#store.get(key, options);
    this.read.add(key);
    return object;
  }

  async lockState(key: string, options?: VersionOptions): Promise<LockState> {
    const lock = await this.#store.lockState(key, options);
    this.shown.add(key);
    return lock;
  }

  head(key: string, options?: VersionOptions): Promise<ObjectHead | null> {
    return this.#store.head(key, options);
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
}
