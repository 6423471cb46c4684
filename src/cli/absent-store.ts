import type { SteleError } from "../core/error.ts";
import type { LockState, ObjectHead, ObjectVersion, PutResult, Store, StoreCapabilities, StoredObject } from "../store/port.ts";

/**
 * A store that could not be opened: every call is answered with the reason. Whoever works on several stores goes on with the others,
 * and finds this one unreadable.
 */
export class AbsentStore implements Store {
  readonly url: string;
  readonly capabilities: StoreCapabilities = { versions: false, locks: "none", conditionalPut: false };
  readonly #reason: SteleError;

  constructor(url: string, reason: SteleError) {
    this.url = url;
    this.#reason = reason;
  }

  putIfAbsent(): Promise<PutResult> {
    return Promise.reject(this.#reason);
  }

  get(): Promise<StoredObject> {
    return Promise.reject(this.#reason);
  }

  head(): Promise<ObjectHead | null> {
    return Promise.reject(this.#reason);
  }

  // oxlint-disable-next-line require-yield -- there is nothing to give out
  async *versions(): AsyncGenerator<ObjectVersion, void, undefined> {
    throw this.#reason;
  }

  lockState(): Promise<LockState> {
    return Promise.reject(this.#reason);
  }

  extendRetention(): Promise<void> {
    return Promise.reject(this.#reason);
  }

  setLegalHold(): Promise<void> {
    return Promise.reject(this.#reason);
  }
}
