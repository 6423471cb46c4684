import type { LockMode, Retention } from "../../../src/core/retention.ts";
import type { Store } from "../../../src/store/port.ts";

/**
 * What an attacker, or bad luck, can do to a place where an archive lies.
 *
 * - `rewrite`: give an object other bytes in place, its identity kept; `replace` likewise, but under a new identity
 * - `remove`: make an object be gone
 * - `overwrite`: put a newer version over an object; `hide`: put a delete marker on it
 * - `relock`: give an object another lock, or none
 */
export type Power = "rewrite" | "replace" | "remove" | "overwrite" | "hide" | "relock";

/** A store with an archive to attack, around the port that the archive uses. */
export interface Place {
  readonly store: Store;
  readonly now: () => number;
  readonly powers: ReadonlySet<Power>;
  /** The mode under which the place's powers hold. */
  readonly mode: LockMode;
  /** Writes as anyone with the right to put may: a newer version where a key is taken. @returns its version id */
  put(key: string, body: Uint8Array, retention: Retention | null): Promise<string | null>;
  /** The oldest version's bytes. */
  read(key: string): Promise<Uint8Array>;
  rewrite(key: string, alter: (body: Uint8Array) => Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  hide(key: string): Promise<void>;
  relock(key: string, retention: Retention | null): Promise<void>;
  /** Another place of the same kind, empty. */
  another(): Promise<Place>;
  close(): Promise<void>;
}

/** For places without a power: a case that needs it is not run there. */
export function impossible(): Promise<never> {
  return Promise.reject(new Error("this place does not allow that: the case lacks a needed power in its table row"));
}
