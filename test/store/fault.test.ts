import { beforeEach, describe, expect, test } from "vitest";
import { SteleError } from "../../src/core/error.ts";
import { timestamp } from "../../src/core/time.ts";
import { type Fault, faultAt, type StoreCall, truncated, withFaults } from "../../src/store/fault.ts";
import { hanging } from "../../src/store/fault/hang.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { CallOptions, Store } from "../../src/store/port.ts";

const now = (): number => Date.UTC(2026, 0, 2);
const bytes = new Uint8Array([1, 2, 3]);
const unlocked = { retention: null };

let memory: MemoryStore;
beforeEach(() => {
  memory = new MemoryStore({ now });
});

test("unpersisted: reported as failed, and nothing happened", async () => {
  const store = withFaults(memory, faultAt("putIfAbsent", 0, { kind: "unpersisted" }));
  await expect(store.putIfAbsent("a", bytes, unlocked)).rejects.toMatchObject({ code: "store.unreachable" });
  expect(await memory.head("a")).toBeNull();
  expect(await store.putIfAbsent("a", bytes, unlocked)).toMatchObject({ outcome: "created" });
});

test("persisted: reported as failed, and it happened", async () => {
  const error = new SteleError("store.unreachable", "connection reset");
  const store = withFaults(memory, faultAt("putIfAbsent", 0, { kind: "persisted", error }));
  await expect(store.putIfAbsent("a", bytes, unlocked)).rejects.toBe(error);
  expect((await memory.get("a", { maxBytes: 3 })).body).toEqual(bytes);
  expect(await store.putIfAbsent("a", bytes, unlocked)).toEqual({ outcome: "exists" });
});

test("altered: a put keeps, and a get returns, other bytes without a word", async () => {
  const put = withFaults(memory, faultAt("putIfAbsent", 0, truncated(1)));
  await put.putIfAbsent("a", bytes, unlocked);
  expect((await memory.get("a", { maxBytes: 3 })).body).toEqual(new Uint8Array([1]));
  memory.overwrite("b", bytes);
  const get = withFaults(memory, faultAt("get", 1, truncated(2)));
  expect((await get.get("b", { maxBytes: 3 })).body).toEqual(bytes);
  expect((await get.get("b", { maxBytes: 3 })).body).toEqual(new Uint8Array([1, 2]));
});

test("a listing breaks off after so many, or at its end", async () => {
  for (const key of ["a", "b", "c"]) memory.overwrite(key, bytes);
  for (const [fault, expected] of [
    [{ kind: "unpersisted" }, []],
    [{ kind: "unpersisted", items: 2 }, ["a", "b"]],
    [{ kind: "unpersisted", items: 9 }, ["a", "b", "c"]],
    [{ kind: "persisted" }, ["a", "b", "c"]],
  ] as const) {
    const store = withFaults(memory, () => fault);
    const keys: string[] = [];
    const listing = async (): Promise<void> => {
      for await (const { key } of store.versions("")) keys.push(key);
    };
    await expect(listing()).rejects.toMatchObject({ code: "store.unreachable" });
    expect(keys).toEqual(expected);
  }
});

test("the log has every call in order, with its numbers and its end", async () => {
  const store = withFaults(memory, faultAt("putIfAbsent", 1, { kind: "unpersisted" }));
  await store.putIfAbsent("a", bytes, unlocked);
  await store.putIfAbsent("b", bytes, unlocked).catch(() => undefined);
  await store.get("none", { maxBytes: 1 }).catch(() => undefined);
  for await (const version of store.versions("a")) expect(version.key).toBe("a");
  expect(store.log).toEqual([
    { call: "putIfAbsent", key: "a", index: 0, nth: 0, outcome: "ok" },
    { call: "putIfAbsent", key: "b", index: 1, nth: 1, outcome: "unpersisted" },
    { call: "get", key: "none", index: 2, nth: 0, outcome: "threw" },
    { call: "versions", key: "a", index: 3, nth: 0, outcome: "ok" },
  ]);
  expect(store.count("putIfAbsent")).toBe(2);
  expect(store.count("head")).toBe(0);
});

test("faultAt counts only the calls that match", async () => {
  const store = withFaults(
    memory,
    faultAt("putIfAbsent", 1, { kind: "unpersisted" }, (key) => key.startsWith("m/")),
  );
  for (const key of ["s/1", "m/1", "s/2"]) await store.putIfAbsent(key, bytes, unlocked);
  await expect(store.putIfAbsent("m/2", bytes, unlocked)).rejects.toMatchObject({ code: "store.unreachable" });
  await store.putIfAbsent("m/3", bytes, unlocked);
});

test("the store's capabilities and name show through", () => {
  const store = withFaults(memory, () => null);
  expect(store.capabilities).toBe(memory.capabilities);
  expect(store.url).toBe(memory.url);
});

async function listed(store: Store, options: CallOptions = {}): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.versions("", options)) keys.push(key);
  return keys;
}

const retention = { mode: "COMPLIANCE", until: timestamp(now() + 1000) } as const;
const CALLS: readonly [StoreCall, (store: Store, options?: CallOptions) => Promise<unknown>][] = [
  ["putIfAbsent", (store, options) => store.putIfAbsent("new", bytes, { ...unlocked, ...options })],
  ["get", (store, options) => store.get("a", { maxBytes: 3, ...options })],
  ["head", (store, options) => store.head("a", options)],
  ["versions", (store, options) => listed(store, options)],
  ["lockState", (store, options) => store.lockState("a", options)],
  ["extendRetention", (store, options) => store.extendRetention("a", retention, options)],
  ["setLegalHold", (store, options) => store.setLegalHold("a", true, options)],
];

/** What the calls that write have left behind. */
async function traces(): Promise<StoreCall[]> {
  const found: StoreCall[] = [];
  if ((await memory.head("new")) !== null) found.push("putIfAbsent");
  const lock = await memory.lockState("a");
  if (lock.retention !== null) found.push("extendRetention");
  if (lock.legalHold) found.push("setLegalHold");
  return found;
}

const isWrite = (call: StoreCall): boolean => ["putIfAbsent", "extendRetention", "setLegalHold"].includes(call);

describe.each(CALLS)("%s", (call, make) => {
  beforeEach(() => void memory.overwrite("a", bytes));

  const faults: readonly [string, boolean, (persisted: boolean) => Fault][] = [
    ["fails", true, () => ({ kind: "persisted" })],
    ["fails", false, () => ({ kind: "unpersisted" })],
    ["is answered 500", true, (persisted) => ({ kind: "answer", status: 500, persisted })],
    ["is answered 500", false, (persisted) => ({ kind: "answer", status: 500, persisted })],
  ];
  test.each(faults)("%s, its work done: %s", async (_, persisted, fault) => {
    const store = withFaults(memory, faultAt(call, 0, fault(persisted)));
    await expect(make(store)).rejects.toMatchObject({ code: "store.unreachable" });
    expect(await traces()).toEqual(persisted && isWrite(call) ? [call] : []);
    expect(store.log.map(({ outcome }) => outcome)).toEqual([fault(persisted).kind]);
    await make(store);
  });

  describe.each([true, false])("hangs, its work done: %s", (persisted) => {
    test("until its signal aborts", async () => {
      const { fault, reached } = hanging({ persisted });
      const store = withFaults(memory, faultAt(call, 0, fault));
      const stop = new AbortController();
      const hung = make(store, { signal: stop.signal });
      await reached;
      const reason = new Error("enough");
      stop.abort(reason);
      await expect(hung).rejects.toBe(reason);
      expect(await traces()).toEqual(persisted && isWrite(call) ? [call] : []);
      expect(store.log.map(({ outcome }) => outcome)).toEqual(["hang"]);
    });

    test("until it is released, and fails then", async () => {
      const { fault, reached, release } = hanging({ persisted });
      let isOver = false;
      const hung = make(withFaults(memory, faultAt(call, 0, fault))).finally(() => (isOver = true));
      await reached;
      await new Promise(setImmediate);
      expect(isOver).toBe(false);
      release();
      await expect(hung).rejects.toMatchObject({ code: "store.unreachable" });
      expect(await traces()).toEqual(persisted && isWrite(call) ? [call] : []);
    });
  });

  test("is slow: it waits, and does its work then", async () => {
    const gate = Promise.withResolvers<void>();
    const store = withFaults(memory, faultAt(call, 0, { kind: "slow", wait: () => gate.promise }));
    const expected = isWrite(call) ? undefined : await make(memory);
    const slow = make(store);
    await new Promise(setImmediate);
    expect(await traces()).toEqual([]);
    gate.resolve();
    const result = await slow;
    if (!isWrite(call)) expect(result).toEqual(expected);
    expect(await traces()).toEqual(isWrite(call) ? [call] : []);
    expect(store.log.map(({ outcome }) => outcome)).toEqual(["slow"]);
  });

  test("is slow, and given up: it does nothing", async () => {
    const store = withFaults(memory, () => ({ kind: "slow", wait: () => new Promise(() => undefined) }));
    const stop = new AbortController();
    const reason = new Error("enough");
    const slow = make(store, { signal: stop.signal });
    stop.abort(reason);
    await expect(slow).rejects.toBe(reason);
    expect(await traces()).toEqual([]);
  });
});

test("a hang with an error of its own ends in that", async () => {
  const error = new Error("as told");
  const { fault, release } = hanging({ persisted: false, error });
  release();
  await expect(withFaults(memory, () => fault).head("a")).rejects.toBe(error);
});

test("a put answered 412 says that the key is taken: a lie, or true of what it has put itself", async () => {
  const lie = withFaults(memory, () => ({ kind: "answer", status: 412 }));
  expect(await lie.putIfAbsent("a", bytes, unlocked)).toEqual({ outcome: "exists" });
  expect(await memory.head("a")).toBeNull();
  const kept = withFaults(memory, () => ({ kind: "answer", status: 412, persisted: true }));
  expect(await kept.putIfAbsent("a", bytes, unlocked)).toEqual({ outcome: "exists" });
  expect(await memory.head("a")).toMatchObject({ size: 3 });
  expect(kept.log).toMatchObject([{ outcome: "answer" }]);
});

test("a listing hangs, or is answered, after so many", async () => {
  for (const key of ["a", "b", "c"]) memory.overwrite(key, bytes);
  const { fault, release } = hanging({ persisted: false, items: 2 });
  release();
  for (const broken of [fault, { kind: "answer", status: 503, items: 2 }] satisfies Fault[]) {
    const keys: string[] = [];
    const listing = async (): Promise<void> => {
      for await (const { key } of withFaults(memory, () => broken).versions("")) keys.push(key);
    };
    await expect(listing()).rejects.toMatchObject({ code: "store.unreachable" });
    expect(keys).toEqual(["a", "b"]);
  }
});
