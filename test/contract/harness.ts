import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { type ErrorCode, isSteleError } from "../../src/core/error.ts";
import type { Retention } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import type { ListOptions, ObjectVersion, Store } from "../../src/store/port.ts";

const DAY_MS = 86_400_000;

/** The store under the contract, with what its tests have in common. `store` is there once the suite has begun. */
export interface Harness {
  readonly store: Store;
  /** Runs of each property test. */
  readonly runs: number;
  /** A prefix of its own for each test: on a store with locks nothing can be cleaned away. */
  readonly place: () => string;
  readonly inDays: (days: number, mode?: Retention["mode"]) => Retention;
  /** Creates an object. @returns its version id */
  readonly put: (key: string, body: Uint8Array, retention?: Retention | null) => Promise<string | null>;
  readonly list: (prefix: string, options?: ListOptions) => Promise<ObjectVersion[]>;
}

export function harness(subject: () => { store: Store; prefix?: string }, now: () => number, runs: number): Harness {
  return {
    runs,
    get store() {
      return subject().store;
    },
    place: () => `${subject().prefix ?? ""}contract/${randomUUID()}/`,
    inDays: (days, mode = "COMPLIANCE") => ({ mode, until: timestamp(Math.ceil((now() + days * DAY_MS) / 1000) * 1000) }),
    put: async (key, body, retention = null) => {
      const result = await subject().store.putIfAbsent(key, body, { retention });
      if (result.outcome !== "created") throw new Error(`${key} was taken`);
      return result.versionId;
    },
    list: async (prefix, options) => {
      const versions: ObjectVersion[] = [];
      for await (const version of subject().store.versions(prefix, options)) versions.push(version);
      return versions;
    },
  };
}

export async function refused(call: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> {
  await expect(call).rejects.toSatisfy(
    (error) => isSteleError(error, ...codes),
    `expected a SteleError with ${codes.join(" or ")}`,
  );
}

/** The slow reference for key order. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Bytes without a pattern that a compressor or a stride could hide behind, the same in every run. */
export function noise(length: number): Uint8Array {
  const body = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    body[i] = state >>> 16;
  }
  return body;
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function text(body: Uint8Array): string {
  return new TextDecoder().decode(body);
}
