import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isSteleError } from "../../src/core/error.ts";
import type { Store } from "../../src/store/port.ts";
import { bytes, harness, noise, refused, text } from "./harness.ts";
import { listingContract } from "./listing.ts";
import { lockingContract } from "./locking.ts";

/** A store to hold to the contract. The suite makes one, and keeps to keys of its own below `prefix`. */
export interface ContractSubject {
  readonly store: Store;
  /** Where the suite may write: empty, or ending in `/`. Default: the whole store. */
  readonly prefix?: string;
  cleanup(): Promise<void>;
}

export interface ContractTraits {
  /** Milliseconds since 1970 by the store's clock; the system's when left out. */
  readonly now?: () => number;
  /** Runs of each property test: fewer for a store behind a network. Default 40. */
  readonly runs?: number;
  /** Limit of each test. Default 30 s. */
  readonly timeoutMs?: number;
}

const MAX_BYTES = 4 << 20;

/** What every adapter promises, whatever it stores in. Differences come from `store.capabilities`. */
export function storeContract(name: string, make: () => Promise<ContractSubject>, traits: ContractTraits = {}): void {
  const { now = Date.now, runs = 40, timeoutMs = 30_000 } = traits;
  describe(`store contract: ${name}`, { timeout: timeoutMs }, () => {
    let subject: ContractSubject | undefined;
    let store: Store;
    beforeAll(async () => {
      subject = await make();
      store = subject.store;
    }, timeoutMs);
    afterAll(() => subject?.cleanup(), timeoutMs);

    const on = harness(
      () => {
        if (subject === undefined) throw new Error("the suite has no store yet");
        return subject;
      },
      now,
      runs,
    );
    const { place, put, list, inDays } = on;

    test.each([
      ["no", 0],
      ["one", 1],
      ["1 MiB of", 1 << 20],
    ])("gives back %s bytes exactly", async (_, length) => {
      const key = `${place()}bytes`;
      const body = noise(length);
      const versionId = await put(key, body);
      const read = await store.get(key, { maxBytes: length });
      expect(Buffer.compare(read.body, body)).toBe(0);
      expect(read.versionId).toBe(versionId);
      expect(await store.head(key)).toEqual({ size: length, versionId });
      expect(await store.head(key, { versionId })).toEqual({ size: length, versionId });
    });

    test("keeps its own copy of the bytes, and hands out copies", async () => {
      const key = `${place()}copy`;
      const body = bytes("stored");
      await put(key, body);
      body.fill(0);
      (await store.get(key, { maxBytes: 100 })).body.fill(0);
      expect(text((await store.get(key, { maxBytes: 100 })).body)).toBe("stored");
    });

    test("names a version id exactly when it keeps versions", async () => {
      const versionId = await put(`${place()}id`, bytes("x"));
      if (store.capabilities.versions) expect(versionId).toEqual(expect.stringMatching(/./));
      else expect(versionId).toBeNull();
    });

    test("a taken key keeps its first bytes", async () => {
      const key = `${place()}taken`;
      const first = await put(key, bytes("first"));
      const second = await store.putIfAbsent(key, bytes("second"), { retention: null });
      if (store.capabilities.conditionalPut) expect(second).toEqual({ outcome: "exists" });
      expect(text((await store.get(key, { maxBytes: 100, versionId: first })).body)).toBe("first");
      const versions = await list(key);
      expect(versions.at(-1)).toMatchObject({ key, versionId: first, kind: "object", size: 5 });
      expect(versions).toHaveLength(second.outcome === "created" ? 2 : 1);
      expect(versions.map(({ isLatest }) => isLatest)).toEqual(versions.map((_, i) => i === 0));
    });

    test("of writers at the same time, one wins a key, or all of them are kept", async () => {
      const key = `${place()}race`;
      const bodies = Array.from({ length: 8 }, (_, i) => bytes(`writer ${i}`));
      const results = await Promise.all(bodies.map((body) => store.putIfAbsent(key, body, { retention: null })));
      const winners = results.flatMap(({ outcome }, i) => (outcome === "created" ? [`writer ${i}`] : []));
      if (store.capabilities.conditionalPut) expect(winners).toHaveLength(1);
      const kept = await list(key);
      expect(kept).toHaveLength(winners.length);
      const stored = kept.map(async ({ versionId }) => text((await store.get(key, { maxBytes: 100, versionId })).body));
      expect(new Set(await Promise.all(stored))).toEqual(new Set(winners));
    });

    test("refuses a longer object than asked for", async () => {
      const key = `${place()}long`;
      await put(key, noise(1000));
      await refused(store.get(key, { maxBytes: 999 }), "store.too-large");
      expect((await store.get(key, { maxBytes: 1000 })).body).toHaveLength(1000);
    });

    test("says that an object is not there", async () => {
      const key = `${place()}absent/object`;
      await refused(store.get(key, { maxBytes: MAX_BYTES }), "store.not-found");
      expect(await store.head(key)).toBeNull();
      expect(await list(key)).toEqual([]);
      await refused(store.setLegalHold(key, true), "store.not-found", "store.unsupported");
      await refused(store.extendRetention(key, inDays(1)), "store.not-found", "store.unsupported");
      await refused(store.lockState(key), "store.not-found", "store.unsupported");
    });

    test("a folder is no object", async () => {
      const at = place();
      await put(`${at}folder/object`, bytes("x"));
      expect(await store.head(`${at}folder`)).toBeNull();
      await refused(store.get(`${at}folder`, { maxBytes: MAX_BYTES }), "store.not-found");
    });

    test("refuses keys that mean another place", async () => {
      const at = place();
      const bad = [
        "",
        "/",
        "a//b",
        "/a",
        "a/",
        ".",
        "..",
        "a/..",
        "../a",
        "a/./b",
        "a\\b",
        "a\0b",
        "a\nb",
        "\ud800",
        "k".repeat(1025),
        "é".repeat(513),
      ];
      for (const key of bad) {
        await refused(store.putIfAbsent(key, bytes("x"), { retention: null }), "input.invalid");
        await refused(store.get(key, { maxBytes: 1 }), "input.invalid");
        await refused(store.head(key), "input.invalid");
        await refused(store.lockState(key), "input.invalid");
        await refused(store.extendRetention(key, inDays(1)), "input.invalid");
        await refused(store.setLegalHold(key, true), "input.invalid");
      }
      expect(await list(at)).toEqual([]);
    });

    test("refuses a lock that has ended already, and writes nothing", async () => {
      const at = place();
      await expect(store.putIfAbsent(`${at}past`, bytes("x"), { retention: inDays(-1) })).rejects.toSatisfy((error) =>
        isSteleError(error),
      );
      expect(await list(at)).toEqual([]);
    });

    test("an aborted call does nothing, and throws the reason", async () => {
      const at = place();
      const reason = new Error("stop here");
      const signal = AbortSignal.abort(reason);
      const there = `${at}there`;
      await put(there, bytes("x"));
      await expect(store.putIfAbsent(`${at}new`, bytes("x"), { retention: null, signal })).rejects.toBe(reason);
      await expect(store.get(there, { maxBytes: 1, signal })).rejects.toBe(reason);
      await expect(store.head(there, { signal })).rejects.toBe(reason);
      await expect(store.setLegalHold(there, true, { signal })).rejects.toBe(reason);
      await expect(list(at, { signal })).rejects.toBe(reason);
      expect((await list(at)).map(({ key }) => key)).toEqual([there]);
    });

    listingContract(on);
    lockingContract(on);
  });
}
