import { beforeEach, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/core/error.ts";
import type { Retention } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";

const START = Date.UTC(2026, 0, 2);
const DAY = 86_400_000;
let at = START;
const now = (): number => at;
beforeEach(() => {
  at = START;
});

const days = (count: number, mode: Retention["mode"] = "COMPLIANCE"): Retention => ({
  mode,
  until: timestamp(START + count * DAY),
});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const code = (expected: ErrorCode) => expect.objectContaining({ code: expected });

async function put(store: MemoryStore, key: string, text: string, retention: Retention | null = null): Promise<string> {
  const result = await store.putIfAbsent(key, bytes(text), { retention });
  if (result.outcome !== "created" || result.versionId === null) throw new Error(`${key} was taken`);
  return result.versionId;
}
async function versionsOf(store: MemoryStore, key: string): Promise<(string | null)[]> {
  const ids: (string | null)[] = [];
  for await (const { versionId } of store.versions(key)) ids.push(versionId);
  return ids;
}
async function textOf(store: MemoryStore, key: string, versionId?: string): Promise<string> {
  return new TextDecoder().decode((await store.get(key, { maxBytes: 100, versionId })).body);
}

describe("by the rules", () => {
  test("overwriting hides a locked version, and leaves it", async () => {
    const store = new MemoryStore({ now });
    const first = await put(store, "a", "first", days(1));
    const second = store.overwrite("a", bytes("second"));
    expect(await versionsOf(store, "a")).toEqual([second, first]);
    expect(await textOf(store, "a")).toBe("second");
    expect(await textOf(store, "a", first)).toBe("first");
    expect(await store.lockState("a", { versionId: first })).toEqual({ retention: days(1), legalHold: false });
  });

  test("a delete marker hides a locked version, and counts as absent to a conditional put", async () => {
    const store = new MemoryStore({ now });
    const first = await put(store, "a", "first", days(1));
    const marker = store.deleteObject("a");
    await expect(store.get("a", { maxBytes: 100 })).rejects.toEqual(code("store.not-found"));
    expect(await store.head("a")).toBeNull();
    await expect(store.get("a", { maxBytes: 100, versionId: marker })).rejects.toEqual(code("store.not-found"));
    const listed = [];
    for await (const version of store.versions("")) listed.push(version);
    expect(listed).toEqual([
      { key: "a", versionId: marker, kind: "delete-marker", isLatest: true, size: 0, lastModified: timestamp(START) },
      { key: "a", versionId: first, kind: "object", isLatest: false, size: 5, lastModified: timestamp(START) },
    ]);
    const third = await put(store, "a", "third");
    expect(await versionsOf(store, "a")).toEqual([third, marker, first]);
    store.deleteVersion("a", marker);
    expect(await versionsOf(store, "a")).toEqual([third, first]);
  });

  test("a COMPLIANCE version can't be deleted before its end, with the bypass either", async () => {
    const store = new MemoryStore({ now });
    const id = await put(store, "a", "x", days(1));
    at = START + DAY - 1;
    expect(() => store.deleteVersion("a", id)).toThrow(code("store.locked"));
    expect(() => store.deleteVersion("a", id, { bypassGovernance: true })).toThrow(code("store.locked"));
    at = START + DAY;
    store.deleteVersion("a", id);
    expect(await versionsOf(store, "a")).toEqual([]);
  });

  test("a GOVERNANCE version can be deleted with the bypass", async () => {
    const store = new MemoryStore({ now });
    const id = await put(store, "a", "x", days(1, "GOVERNANCE"));
    expect(() => store.deleteVersion("a", id)).toThrow(code("store.locked"));
    store.deleteVersion("a", id, { bypassGovernance: true });
    expect(await store.head("a")).toBeNull();
  });

  test("a legal hold binds without a retention, until it is lifted", async () => {
    const store = new MemoryStore({ now });
    const id = await put(store, "a", "x");
    await store.setLegalHold("a", true);
    expect(() => store.deleteVersion("a", id, { bypassGovernance: true })).toThrow(code("store.locked"));
    await store.setLegalHold("a", false);
    store.deleteVersion("a", id);
  });

  test.each<[string, Retention, Retention | null, boolean, ErrorCode | null]>([
    ["COMPLIANCE shorter", days(2), days(1), false, "store.locked"],
    ["COMPLIANCE shorter, bypass", days(2), days(1), true, "store.locked"],
    ["COMPLIANCE removed, bypass", days(2), null, true, "store.locked"],
    ["COMPLIANCE to GOVERNANCE", days(2), days(3, "GOVERNANCE"), true, "store.locked"],
    ["COMPLIANCE longer", days(2), days(3), false, null],
    ["GOVERNANCE shorter", days(2, "GOVERNANCE"), days(1, "GOVERNANCE"), false, "store.locked"],
    ["GOVERNANCE shorter, bypass", days(2, "GOVERNANCE"), days(1, "GOVERNANCE"), true, null],
    ["GOVERNANCE removed", days(2, "GOVERNANCE"), null, false, "store.locked"],
    ["GOVERNANCE removed, bypass", days(2, "GOVERNANCE"), null, true, null],
    ["GOVERNANCE to COMPLIANCE", days(2, "GOVERNANCE"), days(2), false, null],
    ["into the past, bypass", days(2, "GOVERNANCE"), days(-1, "GOVERNANCE"), true, "input.invalid"],
  ])("changing retention: %s", async (_, before, after, bypassGovernance, refusal) => {
    const store = new MemoryStore({ now });
    const id = await put(store, "a", "x", before);
    const change = (): void => store.changeRetention("a", id, after, { bypassGovernance });
    if (refusal === null) change();
    else expect(change).toThrow(code(refusal));
    expect((await store.lockState("a")).retention).toEqual(refusal === null ? after : before);
  });

  test("an ended lock binds nothing", async () => {
    const store = new MemoryStore({ now });
    await put(store, "a", "x", days(1));
    at = START + DAY;
    await store.extendRetention("a", days(2, "GOVERNANCE"));
    expect((await store.lockState("a")).retention).toEqual(days(2, "GOVERNANCE"));
  });

  test("the bucket's default lock applies to versions without one, from the store's clock", async () => {
    const store = new MemoryStore({ now, defaultRetention: { mode: "GOVERNANCE", period: { count: 3, unit: "d" } } });
    await put(store, "default", "x");
    await put(store, "explicit", "x", days(1));
    expect((await store.lockState("default")).retention).toEqual(days(3, "GOVERNANCE"));
    expect((await store.lockState("explicit")).retention).toEqual(days(1));
  });
});

describe("stores that are not AWS", () => {
  test("without a conditional put, a second put stacks a version", async () => {
    const store = new MemoryStore({ now, conditionalPut: false });
    const first = await put(store, "a", "first");
    const second = await put(store, "a", "second");
    expect(await versionsOf(store, "a")).toEqual([second, first]);
  });

  test("a lost retention is silently the default", async () => {
    const store = new MemoryStore({
      now,
      defaultRetention: { mode: "COMPLIANCE", period: { count: 1, unit: "d" } },
      losesRetention: (key) => key.endsWith(".zst"),
    });
    await put(store, "a.zst", "x", days(9));
    await put(store, "a.ndjson", "x", days(9));
    expect((await store.lockState("a.zst")).retention).toEqual(days(1));
    expect((await store.lockState("a.ndjson")).retention).toEqual(days(9));
  });
});

describe("around the rules", () => {
  test("corrupt, vanish, forceLock and dropLock mind no lock", async () => {
    const store = new MemoryStore({ now });
    const id = await put(store, "a", "hello", days(9));
    await store.setLegalHold("a", true);
    store.corrupt("a", id, (body) => {
      body[0] = 0x4a;
      return body;
    });
    expect(await textOf(store, "a", id)).toBe("Jello");
    store.forceLock("a", id, { retention: days(-1) });
    expect(await store.lockState("a")).toEqual({ retention: days(-1), legalHold: true });
    store.dropLock("a", id);
    expect(await store.lockState("a")).toEqual({ retention: null, legalHold: false });
    await store.extendRetention("a", days(9));
    store.vanish("a", id);
    expect(await store.head("a")).toBeNull();
  });

  test("what is not there can't be tampered with", () => {
    const store = new MemoryStore({ now });
    expect(() => store.vanish("a", "v000001")).toThrow(code("store.not-found"));
    expect(() => store.deleteVersion("a", "v000001")).toThrow(code("store.not-found"));
  });
});

test("counts the calls of the port, refused ones too, and not the attacker's", async () => {
  const store = new MemoryStore({ now });
  await put(store, "a", "x");
  await store.putIfAbsent("a", bytes("y"), { retention: null });
  await store.get("b", { maxBytes: 1 }).catch(() => undefined);
  store.overwrite("a", bytes("z"));
  await versionsOf(store, "");
  expect(store.calls("putIfAbsent")).toBe(2);
  expect(store.calls("get")).toBe(1);
  expect(store.calls("versions")).toBe(1);
  expect(store.calls("head")).toBe(0);
  store.resetCalls();
  expect(store.calls("putIfAbsent")).toBe(0);
});
