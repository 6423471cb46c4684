import { logKey } from "../../core/layout.ts";
import { compareKeys } from "../../store/key.ts";
import type { ObjectVersion, Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";

/**
 * One listing of all versions under a prefix of a log, held against the objects that manifests name. Objects are claimed
 * roughly in the listing's order, so that only what is out of order is kept in memory.
 */
export class ObjectScan {
  readonly #log: LogIdentity;
  readonly #listing: AsyncIterator<ObjectVersion>;
  readonly #passed = new Map<string, ObjectVersion[]>();
  #next: ObjectVersion | null = null;
  #ended = false;

  /** @param prefix relative to the log, such as `segments/` */
  constructor(store: Store, log: LogIdentity, prefix: string, signal?: AbortSignal) {
    this.#log = log;
    this.#listing = store.versions(logKey(log.name, prefix), { signal })[Symbol.asyncIterator]();
  }

  /** All versions of an object, newest first; none when the listing has no such key. Each key can be claimed once. */
  async claim(relativeKey: string): Promise<ObjectVersion[]> {
    const key = logKey(this.#log.name, relativeKey);
    const passed = this.#passed.get(key);
    if (passed !== undefined) {
      this.#passed.delete(key);
      return passed;
    }
    for (;;) {
      const next = await this.#peek();
      if (next === null || compareKeys(next.key, key) > 0) return [];
      const versions = await this.#takeKey(next.key);
      if (next.key === key) return versions;
      this.#passed.set(next.key, versions);
    }
  }

  /** What nobody claimed. Ends the scan. */
  async *unclaimed(): AsyncGenerator<ObjectVersion, void, undefined> {
    for (const versions of this.#passed.values()) yield* versions;
    for (let next = await this.#peek(); next !== null; next = await this.#peek()) yield* await this.#takeKey(next.key);
  }

  async close(): Promise<void> {
    await this.#listing.return?.();
  }

  async #takeKey(key: string): Promise<ObjectVersion[]> {
    const versions: ObjectVersion[] = [];
    for (let next = await this.#peek(); next?.key === key; next = await this.#peek()) {
      versions.push(next);
      this.#next = null;
    }
    return versions;
  }

  async #peek(): Promise<ObjectVersion | null> {
    if (this.#next === null && !this.#ended) {
      const next = await this.#listing.next();
      if (next.done === true) this.#ended = true;
      else this.#next = next.value;
    }
    return this.#next;
  }
}
