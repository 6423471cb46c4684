import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ErrorCode, isSteleError } from "../../src/core/error.ts";
import type { Retention } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import { createDirectoryStore, openDirectoryStore } from "../../src/store/directory/directory.ts";
import { strongest } from "../../src/store/directory/lock-record.ts";

const NOW = Date.UTC(2026, 0, 2);
const now = (): number => NOW;
const days = (count: number, mode: Retention["mode"] = "COMPLIANCE"): Retention => ({
  mode,
  until: timestamp(NOW + count * 86_400_000),
});
const body = Buffer.from("x");
const code = (expected: ErrorCode) => expect.objectContaining({ code: expected });

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "stele-directory-"));
});
afterEach(() => rm(root, { recursive: true }));

const recordsOf = async (): Promise<string[]> => (await readdir(join(root, ".stele/locks/log"))).sort();
const tamper = async (name: string, text: string): Promise<void> => {
  const path = join(root, ".stele/locks", name);
  await chmod(path, 0o600);
  await writeFile(path, text);
};

test("the record is a line of JSON that anyone can read", async () => {
  const store = await createDirectoryStore(root, { now });
  await store.putIfAbsent("log/a", body, { retention: days(1) });
  expect(await readFile(join(root, ".stele/locks/log/a.json"), "utf8")).toBe(
    '{"format":"stele-lock/1","key":"log/a","retention":{"mode":"COMPLIANCE","until":"2026-01-03T00:00:00.000Z"},"legalHold":false,"recordedAt":"2026-01-02T00:00:00.000Z"}\n',
  );
});

test("each change is a further record, and earlier ones stay as they were", async () => {
  const store = await createDirectoryStore(root, { now });
  await store.putIfAbsent("log/a", body, { retention: days(1) });
  const first = await readFile(join(root, ".stele/locks/log/a.json"));
  await store.extendRetention("log/a", days(2));
  await store.setLegalHold("log/a", true);
  await store.setLegalHold("log/a", true);
  await store.extendRetention("log/a", days(2));
  expect(await recordsOf()).toEqual(["a.json", "a.json.1", "a.json.2"]);
  expect(await readFile(join(root, ".stele/locks/log/a.json"))).toEqual(first);
  const reopened = await openDirectoryStore(root, { now });
  expect(await reopened.lockState("log/a")).toEqual({ retention: days(2), legalHold: true });
});

test("changes at the same time: none is lost, and the lock never gets weaker", async () => {
  await createDirectoryStore(root, { now });
  const stores = await Promise.all([1, 2, 3, 4].map(() => openDirectoryStore(root, { now })));
  const [store] = stores;
  await store?.putIfAbsent("log/a", body, { retention: days(1) });
  const results = await Promise.allSettled([
    ...stores.map((each, i) => each.extendRetention("log/a", days(2 + i))),
    ...stores.map((each) => each.setLegalHold("log/a", true)),
  ]);
  // An extension that came after a longer one is refused; the longest of all is not.
  expect(
    results
      .filter(({ status }) => status === "rejected")
      .every((result) => "reason" in result && isSteleError(result.reason, "store.locked")),
  ).toBe(true);
  expect(await store?.lockState("log/a")).toEqual({ retention: days(5), legalHold: true });
});

test("writers of one key at the same time: the object is never locked for less than the winner asked", async () => {
  await createDirectoryStore(root, { now });
  for (let round = 0; round < 10; round++) {
    const stores = await Promise.all([1, 2, 3, 4].map(() => openDirectoryStore(root, { now })));
    const results = await Promise.all(
      stores.map((store, i) => store.putIfAbsent(`log/${round}`, body, { retention: days(1 + i) })),
    );
    const winner = results.findIndex(({ outcome }) => outcome === "created");
    const { retention } = (await stores[0]?.lockState(`log/${round}`)) ?? { retention: null };
    expect(retention?.mode).toBe("COMPLIANCE");
    expect(retention !== null && retention.until >= days(1 + winner).until).toBe(true);
  }
});

test("a crash between record and object: the next writer's object has the stronger of both locks", async () => {
  const store = await createDirectoryStore(root, { now });
  for (const [key, left, wanted, found] of [
    ["log/longer", days(9), days(1), days(9)],
    ["log/shorter", days(1), days(9), days(9)],
    ["log/weaker", days(9, "GOVERNANCE"), days(1), days(9)],
  ] as const) {
    await store.putIfAbsent(key, body, { retention: left });
    await rm(join(root, key));
    expect(await store.putIfAbsent(key, body, { retention: wanted })).toEqual({ outcome: "created", versionId: null });
    expect(await store.lockState(key)).toEqual({ retention: found, legalHold: false });
  }
});

test("a put on a taken key records nothing", async () => {
  const store = await createDirectoryStore(root, { now });
  await store.putIfAbsent("log/a", body, { retention: null });
  await store.putIfAbsent("log/b", body, { retention: days(1) });
  await store.putIfAbsent("log/a", body, { retention: days(1) });
  await store.putIfAbsent("log/b", body, { retention: days(2) });
  expect(await recordsOf()).toEqual(["b.json"]);
});

test.each([
  ["cut short", '{"format":"stele-lock/1","key":"log/a","rete'],
  ["empty", ""],
  [
    "of another key",
    '{"format":"stele-lock/1","key":"log/b","retention":null,"legalHold":false,"recordedAt":"2026-01-02T00:00:00.000Z"}',
  ],
  [
    "of another format",
    '{"format":"stele-lock/2","key":"log/a","retention":null,"legalHold":false,"recordedAt":"2026-01-02T00:00:00.000Z"}',
  ],
  ["without a hold", '{"format":"stele-lock/1","key":"log/a","retention":null,"recordedAt":"2026-01-02T00:00:00.000Z"}'],
  [
    "with an unreal time",
    '{"format":"stele-lock/1","key":"log/a","retention":{"mode":"COMPLIANCE","until":"soon"},"legalHold":false,"recordedAt":"2026-01-02T00:00:00.000Z"}',
  ],
  ["too long", " ".repeat(16_385)],
])("a record %s is unreadable, not 'none', and is not written over", async (_, text) => {
  const store = await createDirectoryStore(root, { now });
  await store.putIfAbsent("log/a", body, { retention: days(1) });
  await tamper("log/a.json", text);
  await expect(store.lockState("log/a")).rejects.toMatchObject({
    code: "store.altered",
    message: expect.stringContaining("unreadable"),
  });
  await expect(store.extendRetention("log/a", days(2))).rejects.toEqual(code("store.altered"));
  await expect(store.setLegalHold("log/a", true)).rejects.toEqual(code("store.altered"));
  expect(await recordsOf()).toEqual(["a.json"]);
});

test("an unreadable later record is not passed over for the one before", async () => {
  const store = await createDirectoryStore(root, { now });
  await store.putIfAbsent("log/a", body, { retention: days(1) });
  await store.extendRetention("log/a", days(2));
  await tamper("log/a.json.1", "{}");
  await expect(store.lockState("log/a")).rejects.toEqual(code("store.altered"));
});

test("a plain copy shows no locks and takes none, and is not reported as unlocked", async () => {
  const store = await createDirectoryStore(join(root, "archive"), { now });
  await store.putIfAbsent("log/a", body, { retention: days(1) });
  await cp(join(root, "archive/log"), join(root, "copy/log"), { recursive: true });
  const copy = await openDirectoryStore(join(root, "copy"), { now });
  expect(copy.capabilities.locks).toBe("none");
  expect((await copy.get("log/a", { maxBytes: 9 })).body).toEqual(new Uint8Array(body));
  await expect(copy.lockState("log/a")).rejects.toEqual(code("store.unsupported"));
  await expect(copy.extendRetention("log/a", days(2))).rejects.toEqual(code("store.unsupported"));
  await expect(copy.setLegalHold("log/a", true)).rejects.toEqual(code("store.unsupported"));
  await expect(copy.putIfAbsent("log/b", body, { retention: days(1) })).rejects.toEqual(code("store.unsupported"));
  await expect(copy.head("log/b")).resolves.toBeNull();
});

test("a lock that has ended still can't be weakened: the clock is in the hands of whoever runs this", async () => {
  await createDirectoryStore(root, { now });
  await (await openDirectoryStore(root, { now })).putIfAbsent("log/a", body, { retention: days(1) });
  const later = await openDirectoryStore(root, { now: () => NOW + 10 * 86_400_000 });
  await expect(later.extendRetention("log/a", days(20, "GOVERNANCE"))).rejects.toEqual(code("store.locked"));
  await expect(later.extendRetention("log/a", days(9))).rejects.toEqual(code("input.invalid"));
  await later.extendRetention("log/a", days(20));
  expect(await later.lockState("log/a")).toEqual({ retention: days(20), legalHold: false });
});

test("strongest keeps both promises", () => {
  expect(strongest(null, days(1))).toEqual(days(1));
  expect(strongest(days(2), days(1))).toEqual(days(2));
  expect(strongest(days(1), days(2))).toEqual(days(2));
  expect(strongest(days(1), days(2, "GOVERNANCE"))).toEqual(days(2));
  expect(strongest(days(2, "GOVERNANCE"), days(1))).toEqual(days(2));
  expect(strongest(days(1, "GOVERNANCE"), days(2, "GOVERNANCE"))).toEqual(days(2, "GOVERNANCE"));
});
