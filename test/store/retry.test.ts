import { beforeEach, describe, expect, test } from "vitest";
import { SteleError } from "../../src/core/error.ts";
import { timestamp } from "../../src/core/time.ts";
import { faultAt, type FaultPlan, type FaultyStore, type StoreCall, withFaults } from "../../src/store/fault.ts";
import type { FailureStatus } from "../../src/store/fault/answers.ts";
import { hanging } from "../../src/store/fault/hang.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { ListOptions, PutResult, Store } from "../../src/store/port.ts";
import { type RetryOptions, withRetry } from "../../src/store/retry.ts";

const now = (): number => Date.UTC(2026, 0, 2);
const bytes = new Uint8Array([1, 2, 3]);

let memory: MemoryStore;
let waits: number[];
beforeEach(() => {
  memory = new MemoryStore({ now });
  memory.overwrite("a", bytes);
  waits = [];
});

const options = (more: RetryOptions = {}): RetryOptions => ({
  random: () => 1,
  sleep: async (ms) => {
    waits.push(ms);
  },
  ...more,
});
const failFirst =
  (times: number): FaultPlan =>
  ({ nth }) =>
    nth < times ? { kind: "unpersisted" } : null;
const keysOf = async (store: Store, listing?: ListOptions): Promise<string[]> => {
  const found: string[] = [];
  for await (const { key, versionId } of store.versions("", listing)) found.push(`${key}@${versionId}`);
  return found;
};

test("reads are tried again, after waits that double up to a limit", async () => {
  const faulty = withFaults(memory, failFirst(4));
  const store = withRetry(faulty, options({ baseMs: 100, maxMs: 350 }));
  expect((await store.get("a", { maxBytes: 3 })).body).toEqual(bytes);
  expect(waits).toEqual([100, 200, 350, 350]);
  expect(faulty.count("get")).toBe(5);
});

test("the wait is a random part of the whole", async () => {
  const draws = [0, 0.25, 0.5];
  const store = withRetry(withFaults(memory, failFirst(3)), options({ baseMs: 100, random: () => draws.shift() ?? 0 }));
  await store.head("a");
  expect(waits).toEqual([0, 50, 200]);
});

test("gives up with the last error after `attempts` tries", async () => {
  const faulty = withFaults(memory, ({ nth }) => ({
    kind: "unpersisted",
    error: new SteleError("store.unreachable", `try ${nth}`),
  }));
  const store = withRetry(faulty, options({ attempts: 3 }));
  await expect(store.lockState("a")).rejects.toThrow("try 2");
  expect(faulty.count("lockState")).toBe(3);
  expect(waits).toHaveLength(2);
});

test.each<[string, unknown]>([
  ["denied", new SteleError("store.denied", "no")],
  ["not found", new SteleError("store.not-found", "no")],
  ["a bug", new TypeError("oops")],
])("what would fail again is not tried again: %s", async (_, error) => {
  const faulty = withFaults(memory, () => ({ kind: "unpersisted", error }));
  await expect(withRetry(faulty, options()).get("a", { maxBytes: 3 })).rejects.toBe(error);
  expect(faulty.log).toHaveLength(1);
  expect(waits).toEqual([]);
});

const failsFirstPut =
  (kind: "persisted" | "unpersisted"): FaultPlan =>
  ({ call, nth }) =>
    call === "putIfAbsent" && nth === 0 ? { kind } : null;

describe.each([true, false])("a put that failed, on a store that heeds If-None-Match: %s", (conditionalPut) => {
  const puts = async (plan: FaultPlan): Promise<{ store: MemoryStore; faulty: FaultyStore; result: PutResult }> => {
    const store = new MemoryStore({ now, conditionalPut });
    const faulty = withFaults(store, plan);
    return { store, faulty, result: await withRetry(faulty, options()).putIfAbsent("b", bytes, { retention: null }) };
  };

  test("is made again where nothing of it is there", async () => {
    const { store, faulty, result } = await puts(failsFirstPut("unpersisted"));
    expect(faulty.count("putIfAbsent")).toBe(2);
    expect(await keysOf(store)).toEqual([`b@${result.outcome === "created" ? result.versionId : "?"}`]);
    expect(waits).toHaveLength(1);
  });

  test("is not made again where it was kept, and leaves one version", async () => {
    const { store, faulty, result } = await puts(failsFirstPut("persisted"));
    expect(faulty.count("putIfAbsent")).toBe(1);
    expect(await keysOf(store)).toEqual([`b@${result.outcome === "created" ? result.versionId : "?"}`]);
  });

  test("is not taken for another's object of the same length", async () => {
    const store = new MemoryStore({ now, conditionalPut });
    const faulty = withFaults(store, failsFirstPut("unpersisted"));
    const other = bytes.map((byte) => byte ^ 1);
    const sleep = async (): Promise<void> => void store.overwrite("b", other);
    const result = await withRetry(faulty, options({ sleep })).putIfAbsent("b", bytes, { retention: null });
    expect(result.outcome).toBe(conditionalPut ? "exists" : "created");
  });

  test("fails in the end when the store stays out of reach, and leaves nothing", async () => {
    const store = new MemoryStore({ now, conditionalPut });
    const faulty = withFaults(store, ({ call }) => (call === "putIfAbsent" ? { kind: "unpersisted" } : null));
    const put = withRetry(faulty, options()).putIfAbsent("b", bytes, { retention: null });
    await expect(put).rejects.toMatchObject({ code: "store.unreachable" });
    expect(faulty.count("putIfAbsent")).toBe(waits.length + 1);
    expect(await keysOf(store)).toEqual([]);
  });
});

test("a put that is kept after it was looked for is found when its repetition is refused", async () => {
  const store = new MemoryStore({ now, conditionalPut: true });
  const faulty = withFaults(store, (made) => {
    if (made.call === "putIfAbsent" && made.nth === 1) store.overwrite("b", bytes);
    return failsFirstPut("unpersisted")(made);
  });
  const result = await withRetry(faulty, options()).putIfAbsent("b", bytes, { retention: null });
  expect(await keysOf(store)).toEqual([`b@${result.outcome === "created" ? result.versionId : "?"}`]);
  expect(faulty.count("putIfAbsent")).toBe(2);
});

test.each<[StoreCall, (store: Store) => Promise<unknown>]>([
  ["extendRetention", (store) => store.extendRetention("a", { mode: "COMPLIANCE", until: timestamp(now() + 1000) })],
  ["setLegalHold", (store) => store.setLegalHold("a", true)],
])("what may be done twice is: %s", async (call, write) => {
  for (const kind of ["unpersisted", "persisted"] as const) {
    const faulty = withFaults(memory, ({ nth }) => (nth === 0 ? { kind } : null));
    await write(withRetry(faulty, options()));
    expect(faulty.log.map((made) => made.call)).toEqual([call, call]);
  }
});

test("a listing goes on where it stopped, wherever that was, and names no version twice", async () => {
  for (const key of ["b", "b", "b", "c", "d", "d"]) memory.overwrite(key, bytes);
  const whole = await keysOf(memory);
  expect(whole).toHaveLength(7);
  for (let stop = 0; stop <= whole.length; stop++) {
    const faulty = withFaults(memory, ({ nth }) => (nth === 0 ? { kind: "unpersisted", items: stop } : null));
    expect(await keysOf(withRetry(faulty, options()))).toEqual(whole);
  }
  const everyTime = withFaults(memory, ({ nth }) => ({ kind: "unpersisted", items: nth + 1 }));
  expect(await keysOf(withRetry(everyTime, options()), { after: "a", limit: 100 }).catch(() => "gave up")).toBe("gave up");
});

test("a version written while a listing waits is found, and none is lost", async () => {
  memory.overwrite("b", bytes);
  memory.overwrite("b", bytes);
  const faulty = withFaults(memory, ({ nth }) => (nth === 0 ? { kind: "unpersisted", items: 2 } : null));
  const store = withRetry(
    faulty,
    options({
      sleep: async () => {
        memory.overwrite("b", bytes);
      },
    }),
  );
  expect((await keysOf(store)).sort()).toEqual(["a@v000001", "b@v000002", "b@v000003", "b@v000004"]);
});

test("an abort ends the waiting", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  const faulty = withFaults(memory, failFirst(9));
  const store = withRetry(faulty, options({ sleep: async () => controller.abort(reason) }));
  await expect(store.get("a", { maxBytes: 3, signal: controller.signal })).rejects.toBe(reason);
  expect(faulty.log).toHaveLength(1);
});

test("the default wait is ended by an abort too, with its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  const faulty = withFaults(memory, () => {
    queueMicrotask(() => controller.abort(reason));
    return { kind: "unpersisted" };
  });
  const store = withRetry(faulty, { baseMs: 3_600_000, maxMs: 3_600_000, random: () => 1 });
  await expect(store.head("a", { signal: controller.signal })).rejects.toBe(reason);
});

test.each([true, false])("an abort ends a call that hangs, its work done: %s, and it is not made again", async (persisted) => {
  const controller = new AbortController();
  const reason = new Error("stop");
  const { fault, reached } = hanging({ persisted });
  const faulty = withFaults(memory, () => fault);
  const put = withRetry(faulty, options()).putIfAbsent("b", bytes, { retention: null, signal: controller.signal });
  await reached;
  controller.abort(reason);
  await expect(put).rejects.toBe(reason);
  expect(faulty.log).toHaveLength(1);
  expect(waits).toEqual([]);
});

test.each<FailureStatus>([500, 503, 409])("%i is tried again", async (status) => {
  const faulty = withFaults(memory, faultAt("putIfAbsent", 0, { kind: "answer", status, persisted: status !== 409 }));
  expect(await withRetry(faulty, options()).putIfAbsent("b", bytes, { retention: null })).toMatchObject({ outcome: "created" });
  expect(await keysOf(memory)).toHaveLength(2);
});

test.each<StoreCall>(["putIfAbsent", "get"])("403 to %s is final", async (call) => {
  const faulty = withFaults(memory, faultAt(call, 0, { kind: "answer", status: 403 }));
  const store = withRetry(faulty, options());
  const made = call === "get" ? store.get("a", { maxBytes: 3 }) : store.putIfAbsent("b", bytes, { retention: null });
  await expect(made).rejects.toMatchObject({ code: "store.denied" });
  expect(faulty.log).toHaveLength(1);
});
