import { expect, test } from "vitest";
import type { LogOptions } from "../../../src/archive/log/log-options.ts";
import { openArchive } from "../../../src/archive/log/open-archive.ts";
import { openCheckpoint } from "../../../src/core/checkpoint.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import type { Commit } from "../../../src/core/commit.ts";
import { timestamp } from "../../../src/core/time.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import { LOG, LOG_ORIGIN, newArchive, NOW, OWNER, readAll } from "../fixture.ts";
import { content, wrongWith } from "../runs.ts";
import { numbered, openLog, temporaryFolder } from "./logs.ts";
import { Timers } from "./timers.ts";

async function memory(): Promise<MemoryStore> {
  const store = new MemoryStore({ now: () => NOW });
  await newArchive(store);
  return store;
}

test("what is appended is archived in order, byte for byte", async () => {
  const store = await memory();
  const { opened, log } = await openLog(store, await temporaryFolder());
  expect(await log.append("first")).toEqual({ log: LOG, first: 0, count: 1, duplicate: false, ack: "spooled" });
  expect(await log.append([{ b: 1, a: [2] }, Buffer.from([0xff, 0x00])])).toMatchObject({ first: 1, count: 2 });
  expect(await log.append("")).toMatchObject({ first: 3, count: 1 });
  const head = await log.flush();
  expect(head?.manifest.entries).toMatchObject({ first: 0, count: 4 });
  const { bytes } = await readAll(opened);
  expect(bytes).toEqual(
    Buffer.concat([Buffer.from('first\n{"b":1,"a":[2]}\n'), Buffer.from([0xff, 0x00, 0x0a]), Buffer.from("\n")]),
  );
  expect(await wrongWith(opened)).toEqual([]);
});

test("entries come back one at a time, verified", async () => {
  const store = await memory();
  const { log } = await openLog(store, await temporaryFolder());
  await log.append(numbered("e", 10));
  await log.flush();
  const seen: string[] = [];
  for await (const { index, bytes } of log) seen.push(`${index} ${Buffer.from(bytes).toString()}`);
  expect(seen).toEqual(numbered("e", 10).map((event, i) => `${i} ${event}`));
  const some: number[] = [];
  for await (const { index } of log.entries({ from: { index: 3 }, to: { index: 6 } })) some.push(index);
  expect(some).toEqual([3, 4, 5]);
});

test("a receipt for what is archived names the manifest, with its checkpoint", async () => {
  const store = await memory();
  const { log } = await openLog(store, await temporaryFolder(), { lingerMillis: 1 });
  const receipts = await Promise.all(numbered("e", 9).map((event) => log.append(event, { ack: "archived" })));
  expect(receipts.map(({ first }) => first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(receipts.map(({ manifest }) => manifest)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2]);
  for (const { checkpoint, manifest } of receipts) {
    const { checkpoint: opened } = openCheckpoint(utf8(checkpoint ?? ""), LOG_ORIGIN, [OWNER.rename(LOG_ORIGIN).key]);
    expect(opened.size).toBe((manifest ?? 0) + 1);
  }
});

test("appends keep the order of their calls, and many go into one manifest", async () => {
  const store = await memory();
  const { opened, log } = await openLog(store, await temporaryFolder(), { limits: { entries: 1000 } });
  const events = numbered("e", 500);
  const receipts = await Promise.all(events.map((event) => log.append(event)));
  expect(receipts.map(({ first }) => first)).toEqual(events.map((_, i) => i));
  expect((await log.flush())?.manifest).toMatchObject({ index: 0, entries: { count: 500 } });
  expect(await content(opened)).toBe(events.map((event) => `${event}\n`).join(""));
});

test("a batch longer than a segment is one append in several", async () => {
  const store = await memory();
  const { opened, log } = await openLog(store, await temporaryFolder());
  const other = log.append("before");
  const batch = log.append(numbered("e", 11));
  const after = log.append("after");
  expect((await other).first).toBe(0);
  expect(await batch).toMatchObject({ first: 1, count: 11 });
  expect((await after).first).toBe(12);
  await log.close();
  expect(await content(opened)).toBe(["before", ...numbered("e", 11), "after", ""].join("\n"));
});

test.each<[string, () => unknown, string, RegExp]>([
  ["a line feed", () => "a\nb", "input.invalid", /line feed at byte 1/],
  ["a lone surrogate", () => "\ud800", "input.invalid", /lone surrogate/],
  ["a number", () => 7, "input.invalid", /expected a string, bytes or an object, got 7/],
  ["nothing", () => null, "input.invalid", /got null/],
  ["an empty batch", () => [], "input.invalid", /empty array/],
  ["a batch in a batch", () => [["a"]], "input.invalid", /event 0 of 1.*an array/],
  ["a circle", () => circle(), "input.invalid", /can't be written as JSON/],
  ["too long a line", () => "x".repeat(65), "input.entry-too-large", /at most 64 bytes, got 65/],
])("%s is refused, and nothing of its batch is kept", async (_, event, code, message) => {
  const store = await memory();
  const { log } = await openLog(store, await temporaryFolder(), { limits: { entryBytes: 64, bytes: 1024 } });
  // As a program without types would.
  const untyped: { append(events: unknown): Promise<unknown> } = log;
  await expect(untyped.append(event())).rejects.toMatchObject({ code });
  await expect(untyped.append(event())).rejects.toThrow(message);
  await expect(untyped.append(["fine", event()])).rejects.toMatchObject({ code });
  expect(await log.append("next")).toMatchObject({ first: 0 });
});

function circle(): object {
  const one: { self?: object } = {};
  one.self = one;
  return one;
}

test("a repeated id gives the first receipt, while it is written, after, archived, and after a restart", async () => {
  const store = await memory();
  const spool = await temporaryFolder();
  const { opened, log } = await openLog(store, spool);
  const [one, again] = await Promise.all([log.append("a", { id: "1" }), log.append("a", { id: "1" })]);
  expect(one).toMatchObject({ first: 0, duplicate: false });
  expect(again).toMatchObject({ first: 0, duplicate: true });
  expect(await log.append("b", { id: "2", ack: "archived" })).toMatchObject({ first: 1, manifest: 0 });
  expect(await log.append("b", { id: "2", ack: "archived" })).toMatchObject({ first: 1, manifest: 0, duplicate: true });
  expect(await log.append("c", { id: "2", source: "another" })).toMatchObject({ first: 2, duplicate: false });
  await log.close();
  const second = await openLog(store, spool);
  expect(await second.log.append("a", { id: "1", ack: "archived" })).toMatchObject({ first: 0, manifest: 0, duplicate: true });
  expect(await second.log.append("c", { id: "2", source: "another" })).toMatchObject({ first: 2, duplicate: true });
  await second.log.close();
  expect(await content(opened)).toBe("a\nb\nc\n");
});

test("a batch with an id must fit into one segment", async () => {
  const { log } = await openLog(await memory(), await temporaryFolder());
  await expect(log.append(numbered("e", 5), { id: "x" })).rejects.toMatchObject({ code: "input.invalid" });
  expect(await log.append(numbered("e", 4), { id: "x" })).toMatchObject({ first: 0, count: 4 });
});

test("a segment is sealed when its first entry is old enough, and sooner when someone waits for it", async () => {
  const store = await memory();
  const timers = new Timers();
  const { log } = await openLog(store, await temporaryFolder(), { sleep: timers.sleep, limits: { ageMillis: 60_000 } });
  await log.append("a");
  await timers.until((millis) => millis === 60_000);
  timers.elapse(59_999);
  await log.append("b");
  expect(timers.waits).toEqual([60_000]);
  timers.elapse(1);
  await log.append("c", { ack: "archived", signal: AbortSignal.abort() }).catch(() => undefined);
  const archived = log.append("d", { ack: "archived" });
  await timers.until((millis) => millis === 500);
  timers.elapse(500);
  expect(await archived).toMatchObject({ manifest: 1 });
});

test("a heartbeat is committed when nothing came for long, and says so", async () => {
  const store = await memory();
  const timers = new Timers();
  const beats = Promise.withResolvers<void>();
  const { opened, log } = await openLog(store, await temporaryFolder(), {
    sleep: timers.sleep,
    heartbeatMillis: 3_600_000,
    observer: { committed: ({ manifest }) => manifest.segment === null && beats.resolve() },
  });
  await log.append("a", { ack: "spooled" });
  await log.flush();
  await timers.until((millis) => millis === 3_600_000);
  timers.elapse(3_600_000);
  await beats.promise;
  await log.append("b");
  await log.close();
  expect(await content(opened)).toBe("a\nb\n");
  expect(await wrongWith(opened)).toEqual([]);
});

test("with a heartbeat every manifest but the last promises the next one, and a writer started again keeps the promise", async () => {
  const store = await memory();
  const spool = await temporaryFolder();
  const promises: (string | undefined)[] = [];
  const observer = { committed: ({ manifest }: Commit) => void promises.push(manifest.nextBy) };
  const options = { heartbeatMillis: 3_600_000, observer };
  const first = await openLog(store, spool, options);
  await first.log.append("a");
  await first.log.close();
  // Nothing is promised by one that beats no heart.
  const silent = await openLog(store, spool, { observer });
  await silent.log.append("b");
  await silent.log.close();
  const again = await openLog(store, spool, options);
  await again.log.append("c");
  await again.log.close();
  const due = timestamp(NOW + 3_600_000);
  expect(promises).toEqual([due, undefined, due]);

  const timers = new Timers();
  const later = await openLog(store, spool, { ...options, sleep: timers.sleep, now: () => NOW + 3_000_000 });
  await later.log.open();
  await timers.until((millis) => millis === 600_000);
  timers.elapse(600_000);
  await timers.until((millis) => millis === 3_600_000);
  await later.log.close({ final: true });
  expect(promises).toEqual([due, undefined, due, timestamp(NOW + 6_600_000), undefined]);
});

test("a log that is closed for good takes nothing more", async () => {
  const store = await memory();
  const spool = await temporaryFolder();
  const { opened, log } = await openLog(store, spool);
  await log.append("last");
  expect(await log.close({ final: true })).toEqual({ entries: 0, bytes: 0 });
  expect(await wrongWith(opened)).toEqual([]);
  await expect((await openLog(store, spool)).log.append("more")).rejects.toMatchObject({ code: "log.closed" });
  expect(await content(opened)).toBe("last\n");
});

test("after close() the program opens it again to go on", async () => {
  const store = await memory();
  const { opened, log } = await openLog(store, await temporaryFolder());
  await log.append("a");
  await log.close();
  const again = opened.log(LOG);
  expect(again).not.toBe(log);
  expect(await again.append("b")).toMatchObject({ first: 1 });
  await again.close();
  expect(await content(opened)).toBe("a\nb\n");
});

test("without a spool or a signer a log can be read, and an append says what is missing", async () => {
  const store = await memory();
  const { log } = await openLog(store, await temporaryFolder());
  await log.append("a");
  await log.close();
  const reader = await openArchive(store, { keys: [OWNER.key.vkey] });
  const seen: string[] = [];
  for await (const { bytes } of reader.log(LOG)) seen.push(Buffer.from(bytes).toString());
  expect(seen).toEqual(["a"]);
  await expect(reader.log(LOG).append("b")).rejects.toThrow(/signer/);
  const noSpool = await openArchive(store, { signer: OWNER });
  await expect(noSpool.log(LOG).append("b")).rejects.toThrow(/spool/);
});

test.each<[string, LogOptions]>([
  ["heartbeatMillis", { heartbeatMillis: 2 ** 31 }],
  ["heartbeatMillis", { heartbeatMillis: 0 }],
  ["uploads", { uploads: 0 }],
  ["maxSpoolBytes", { maxSpoolBytes: Number.NaN }],
  ["lingerMillis", { lingerMillis: -1 }],
  ["limits.entries", { limits: { entries: 0 } }],
  ["limits", { limits: { bytes: 1000 } }],
])("%s is refused where it makes no sense", async (name, options) => {
  const { log } = await openLog(await memory(), await temporaryFolder(), options);
  const refused = log.append("a");
  await expect(refused).rejects.toMatchObject({ code: "input.invalid" });
  await expect(refused).rejects.toThrow(`log app: ${name}: `);
});

test("calls keep their order while the log is being opened", async () => {
  const store = await memory();
  const { opened, log } = await openLog(store, await temporaryFolder());
  const first = numbered("a", 50).map((event) => log.append(event));
  const opening = log.open().then(() => log.append("b"));
  await Promise.all([...first, opening]);
  await log.flush();
  expect(await content(opened)).toBe([...numbered("a", 50), "b", ""].join("\n"));
});
