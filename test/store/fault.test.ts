import { beforeEach, expect, test } from "vitest";
import { SteleError } from "../../src/core/error.ts";
import { faultAt, truncated, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";

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
