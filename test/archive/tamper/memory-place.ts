import type { Retention } from "../../../src/core/retention.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import { listAll, NOW } from "../fixture.ts";
import type { Place, Power } from "./place.ts";

/** A versioned bucket in memory, where everything can be done to objects that the rules forbid. */
export class MemoryPlace implements Place {
  readonly store: MemoryStore;
  readonly now = (): number => NOW;
  static readonly POWERS: ReadonlySet<Power> = new Set(["rewrite", "replace", "remove", "overwrite", "hide", "relock"]);
  readonly powers: ReadonlySet<Power> = MemoryPlace.POWERS;
  readonly mode = "COMPLIANCE";

  constructor(options: { readonly conditionalPut: boolean }) {
    this.store = new MemoryStore({ now: this.now, ...options });
  }

  async put(key: string, body: Uint8Array, retention: Retention | null): Promise<string> {
    return this.store.overwrite(key, body, retention);
  }

  async read(key: string): Promise<Uint8Array> {
    return (await this.store.get(key, { versionId: await this.#oldest(key), maxBytes: 1 << 30 })).body;
  }

  async rewrite(key: string, alter: (body: Uint8Array) => Uint8Array): Promise<void> {
    this.store.corrupt(key, await this.#oldest(key), alter);
  }

  async remove(key: string): Promise<void> {
    this.store.vanish(key, await this.#oldest(key));
  }

  async hide(key: string): Promise<void> {
    this.store.deleteObject(key);
  }

  async relock(key: string, retention: Retention | null): Promise<void> {
    this.store.forceLock(key, await this.#oldest(key), { retention });
  }

  async another(): Promise<MemoryPlace> {
    return new MemoryPlace({ conditionalPut: this.store.capabilities.conditionalPut });
  }

  async close(): Promise<void> {
    return undefined;
  }

  async #oldest(key: string): Promise<string> {
    const oldest = (await listAll(this.store, key)).findLast((version) => version.key === key);
    if (oldest?.versionId == null) throw new Error(`there is no ${key} to attack`);
    return oldest.versionId;
  }
}
