import { beforeEach, describe, expect, test } from "vitest";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { Bandwidth } from "../../src/sweep/bandwidth.ts";
import { NO_COST, requestsOf } from "../../src/sweep/cost.ts";
import { MeteredStore } from "../../src/sweep/metered-store.ts";
import { listAll, NOW } from "../archive/fixture.ts";

const RETENTION = { retention: null } as const;

async function holding(objects: number, bytes: number): Promise<MemoryStore> {
  const store = new MemoryStore({ now: () => NOW });
  for (let i = 0; i < objects; i++) await store.putIfAbsent(`k/${String(i).padStart(6, "0")}`, new Uint8Array(bytes), RETENTION);
  return store;
}

describe("requests are counted as S3 counts them", () => {
  test.each([
    [0, 1],
    [1, 1],
    [999, 1],
    [1000, 1],
    [1001, 2],
    [2000, 2],
    [2001, 3],
  ])("a listing of %d versions has %d pages", async (objects, pages) => {
    const store = new MeteredStore(await holding(objects, 1));
    expect(await listAll(store, "k/")).toHaveLength(objects);
    expect(store.cost()).toEqual({ ...NO_COST, lists: pages });
  });

  test("whoever means to read a few asks for small pages", async () => {
    const store = new MeteredStore(await holding(5, 1));
    let read = 0;
    for await (const _ of store.versions("k/", { limit: 2 })) if (++read === 3) break;
    expect(store.cost().lists).toBe(2);
  });

  test("each kind of call by itself, those that fail too", async () => {
    const store = new MeteredStore(await holding(1, 7));
    await store.get("k/000000", { maxBytes: 100 });
    await expect(store.get("k/none", { maxBytes: 100 })).rejects.toThrow("no object");
    await store.head("k/000000");
    await store.lockState("k/000000");
    await store.putIfAbsent("k/new", new Uint8Array(3), RETENTION);
    const cost = { ...NO_COST, gets: 2, heads: 1, locks: 2, puts: 1, bytesRead: 7, bytesWritten: 3 };
    expect(store.cost()).toEqual(cost);
    expect(requestsOf(cost)).toBe(6);
  });
});

test("a budget of bytes or of requests is spent, and nothing is refused for that", async () => {
  const inner = await holding(1, 10);
  const read = { maxBytes: 100 };
  const bytes = new MeteredStore(inner, { budget: { bytes: 15 } });
  await bytes.get("k/000000", read);
  expect(bytes.spent()).toBe(false);
  await bytes.get("k/000000", read);
  expect(bytes.spent()).toBe(true);
  await bytes.get("k/000000", read);
  expect(bytes.cost().bytesRead).toBe(30);
  const requests = new MeteredStore(inner, { budget: { requests: 2 } });
  await requests.head("k/000000");
  expect(requests.spent()).toBe(false);
  await requests.head("k/000000");
  expect(requests.spent()).toBe(true);
  expect(new MeteredStore(inner).spent()).toBe(false);
});

test("locks are told as the store shows them", async () => {
  const told: unknown[] = [];
  const store = new MeteredStore(await holding(1, 1), { onLock: (...lock) => told.push(lock) });
  await store.lockState("k/000000", { versionId: "v000001" });
  expect(told).toEqual([["k/000000", "v000001", { retention: null, legalHold: false }]]);
});

describe("the bandwidth limit", () => {
  let now = 0;
  const slept: number[] = [];
  const timing = {
    clock: () => now,
    sleep: async (ms: number) => {
      slept.push(ms);
      now += ms;
    },
  };
  beforeEach(() => {
    now = 0;
    slept.length = 0;
  });

  test("lets a second's worth through at once, and then waits for what was read", async () => {
    const store = new MeteredStore(await holding(1, 1000), { bandwidth: 1000, ...timing });
    const read = { maxBytes: 2000 };
    for (let i = 0; i < 5; i++) await store.get("k/000000", read);
    // The first second's worth was saved up; what is read runs into debt, which the next one waits out.
    expect(slept).toEqual([1000, 1000, 1000]);
    expect(store.cost().bytesRead / (now / 1000 + 1)).toBeLessThanOrEqual(1250);
  });

  test("holds over time, however many read at once", async () => {
    const store = new MeteredStore(await holding(1, 500), { bandwidth: 1000, ...timing });
    for (let i = 0; i < 40; i += 8) await Promise.all(Array.from({ length: 8 }, () => store.get("k/000000", { maxBytes: 500 })));
    const read = store.cost().bytesRead;
    expect(read).toBe(20_000);
    expect(now).toBeGreaterThanOrEqual(((read - 1000 - 8 * 500) / 1000) * 1000);
  });

  test("saves up no more than a second's worth", async () => {
    const limit = new Bandwidth(1000, timing);
    now = 60_000;
    limit.took(3000);
    await limit.ready(undefined);
    expect(now).toBe(62_000);
  });

  test("waiting ends when it is given up", async () => {
    const given = new AbortController();
    const limit = new Bandwidth(1, { clock: () => 0 });
    limit.took(1_000_000);
    given.abort(new Error("given up"));
    await expect(limit.ready(given.signal)).rejects.toThrow("given up");
  });
});
