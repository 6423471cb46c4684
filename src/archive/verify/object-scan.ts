import { logKey } from "../../core/layout.ts";
import { compareKeys } from "../../store/key.ts";
import type { ObjectVersion, Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { versionsOf } from "../versions-of.ts";

/** The part of a prefix that is a window's: windows that follow each other cover all of it, whatever the order of their keys. */
export interface ScanRange {
  /** Relative key; exclusive. null: from the prefix's beginning. */
  readonly after: string | null;
  /** Relative key; inclusive. null: to the prefix's end, or not known yet. */
  readonly upTo: string | null;
  /** Keys that are held for a later claim. A claim further ahead is asked for by itself. */
  readonly held: number;
}

/** Of a whole log: every key is this scan's. */
export const WHOLE: ScanRange = { after: null, upTo: null, held: Infinity };

/** What lies at a key that a manifest names. */
export interface Claimed {
  /** Newest first. */
  readonly versions: readonly ObjectVersion[];
  /** Whether the listing should have given it, and did not: between others, or behind its end, where it may be new. */
  readonly leftOut: "no" | "between" | "behind";
}

/**
 * One listing of all versions under a prefix of a log, held against the objects that manifests name. Objects are claimed
 * roughly in the listing's order, so that only what is out of order is kept in memory.
 */
export class ObjectScan {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #range: ScanRange;
  readonly #signal: AbortSignal | undefined;
  readonly #listing: AsyncIterator<ObjectVersion>;
  readonly #passed = new Map<string, ObjectVersion[]>();
  /** Claimed before the listing came to them. */
  readonly #ahead = new Set<string>();
  #next: ObjectVersion | null = null;
  #ended = false;

  /** @param prefix relative to the log, such as `segments/` */
  constructor(store: Store, log: LogIdentity, prefix: string, range: ScanRange, signal?: AbortSignal) {
    this.#store = store;
    this.#log = log;
    this.#range = range;
    this.#signal = signal;
    const after = range.after === null ? undefined : logKey(log.name, range.after);
    this.#listing = store.versions(logKey(log.name, prefix), { after, signal })[Symbol.asyncIterator]();
  }

  /** All versions of an object; none when the store shows no such key. Each key can be claimed once. */
  async claim(relativeKey: string): Promise<Claimed> {
    const listed = await this.#find(relativeKey);
    if (Array.isArray(listed)) return { versions: listed, leftOut: "no" };
    const versions = await versionsOf(this.#store, logKey(this.#log.name, relativeKey), this.#signal);
    return { versions, leftOut: listed === "elsewhere" || versions.length === 0 ? "no" : listed };
  }

  /** Claims an object of which nothing is to be known. */
  async pass(relativeKey: string): Promise<void> {
    await this.#find(relativeKey);
  }

  /** What the listing has of an object; `elsewhere`: it is not in this range, or too far ahead to look for it. */
  async #find(relativeKey: string): Promise<ObjectVersion[] | "between" | "behind" | "elsewhere"> {
    const key = logKey(this.#log.name, relativeKey);
    const passed = this.#passed.get(key);
    if (passed !== undefined) {
      this.#passed.delete(key);
      return passed;
    }
    const { after, upTo, held } = this.#range;
    if (after !== null && compareKeys(relativeKey, after) <= 0) return "elsewhere";
    if (upTo !== null && compareKeys(relativeKey, upTo) > 0) return "elsewhere";
    for (;;) {
      const next = await this.#peek();
      if (next === null) return "behind";
      if (compareKeys(next.key, key) > 0) return "between";
      if (next.key !== key && this.#passed.size >= held) {
        this.#ahead.add(key);
        return "elsewhere";
      }
      const versions = await this.#takeKey(next.key);
      if (next.key === key) return versions;
      if (!this.#ahead.has(next.key)) this.#passed.set(next.key, versions);
    }
  }

  /** What nobody claimed, up to a relative key (inclusive; null: to the prefix's end). Ends the scan. */
  async *unclaimed(upTo: string | null): AsyncGenerator<ObjectVersion, void, undefined> {
    const last = upTo === null ? null : logKey(this.#log.name, upTo);
    const isWithin = (key: string): boolean => last === null || compareKeys(key, last) <= 0;
    for (const [key, versions] of this.#passed) if (isWithin(key)) yield* versions;
    for (let next = await this.#peek(); next !== null && isWithin(next.key); next = await this.#peek()) {
      const versions = await this.#takeKey(next.key);
      if (!this.#ahead.has(next.key)) yield* versions;
    }
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
