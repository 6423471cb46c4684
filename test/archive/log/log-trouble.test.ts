import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { SteleError } from "../../../src/core/error.ts";
import { withFaults } from "../../../src/store/fault.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import type { Store } from "../../../src/store/port.ts";
import { openArchive } from "../../../src/archive/log/open-archive.ts";
import { commitLines, LOG, newArchive, NOW, openWriter, OWNER } from "../fixture.ts";
import { content, wrongWith } from "../runs.ts";
import { numbered, openLog, temporaryFolder } from "./logs.ts";
import { Timers } from "./timers.ts";

/** A store that can be switched off. */
async function switched(): Promise<{ store: Store; memory: MemoryStore; fail: (error: SteleError | null) => void }> {
  const memory = new MemoryStore({ now: () => NOW });
  await newArchive(memory);
  let failure: SteleError | null = null;
  const store = withFaults(memory, () => (failure === null ? null : { kind: "unpersisted", error: failure }));
  return { store, memory, fail: (error) => (failure = error) };
}

const DOWN = new SteleError("store.unreachable", "the network is down");
const DENIED = new SteleError("store.denied", "access denied");

test("while the store is down the spool grows, and is archived in order when it is back", async () => {
  const { store, fail } = await switched();
  const timers = new Timers();
  const waits: number[] = [];
  const { opened, log } = await openLog(store, await temporaryFolder(), {
    sleep: timers.sleep,
    backoff: { random: () => 1 },
    observer: { retried: (_, wait) => waits.push(wait) },
  });
  await log.append(numbered("a", 6));
  fail(DOWN);
  for (let round = 0; round < 9; round++) {
    await log.append(numbered("b", 10, round * 10));
    await timers.until((millis) => millis !== 60_000 || waits.length > 7);
    expect(log.status()).toMatchObject({ state: "retrying", error: DOWN });
    timers.elapse(waits.at(-1) ?? 0);
    await timers.until(() => waits.length > round + 1);
  }
  expect(waits.slice(0, 9)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  expect(log.status()?.spooled.entries).toBeGreaterThan(90);
  fail(null);
  const flushed = log.flush();
  timers.elapse(60_000);
  await flushed;
  expect(await content(opened)).toBe([...numbered("a", 6), ...numbered("b", 90), ""].join("\n"));
  expect(await wrongWith(opened)).toEqual([]);
  expect(log.status()).toMatchObject({ state: "ready", error: null, spooled: { entries: 0 } });
});

test("what does not go away by itself stops the log loudly, and the spool is kept for the next start", async () => {
  const { store, fail, memory } = await switched();
  const spool = await temporaryFolder();
  const stopped = Promise.withResolvers<Error>();
  const { opened, log } = await openLog(store, spool, { observer: { stopped: stopped.resolve } });
  await log.append(numbered("a", 3));
  fail(DENIED);
  const waiting = log.append("b", { ack: "archived" });
  await expect(waiting).rejects.toBe(DENIED);
  expect(await stopped.promise).toBe(DENIED);
  await expect(log.append("c")).rejects.toThrow(/was stopped/);
  await expect(log.flush()).rejects.toMatchObject({ code: "store.denied" });
  expect(log.status()).toMatchObject({ state: "stopped", spooled: { entries: 4 } });
  expect(await log.close()).toMatchObject({ entries: 4 });
  fail(null);
  const again = await openLog(memory, spool);
  expect(await again.log.append("d")).toMatchObject({ first: 4 });
  await again.log.close();
  expect(await content(opened)).toBe("a0\na1\na2\nb\nd\n");
});

test("close() with a limit leaves in the spool what the store did not take", async () => {
  const { store, fail } = await switched();
  const spool = await temporaryFolder();
  const { opened, log } = await openLog(store, spool);
  await log.append("a");
  await log.flush();
  fail(DOWN);
  await log.append(["b", "c"]);
  expect(await log.close({ signal: AbortSignal.timeout(20) })).toMatchObject({ entries: 2 });
  fail(null);
  const again = await openLog(store, spool);
  await again.log.flush();
  expect(await content(opened)).toBe("a\nb\nc\n");
});

test("a full spool makes callers wait in line, or refuses them, and drops nothing", async () => {
  const { store, fail } = await switched();
  const timers = new Timers();
  const { opened, log } = await openLog(store, await temporaryFolder(), { sleep: timers.sleep, maxSpoolBytes: 1500 });
  await log.append("x".repeat(1000));
  fail(DOWN);
  const order: number[] = [];
  const waiting = numbered("w", 5).map(async (event, i) => {
    await log.append(event + "y".repeat(800));
    order.push(i);
  });
  const withdrawn = new AbortController();
  const left = log.append("z".repeat(900), { signal: withdrawn.signal });
  withdrawn.abort(new Error("not waiting any longer"));
  await expect(left).rejects.toThrow("not waiting any longer");
  await timers.until((millis) => millis < 2000);
  expect(order).toEqual([]);
  fail(null);
  timers.elapse(2000);
  await Promise.all(waiting);
  expect(order).toEqual([0, 1, 2, 3, 4]);
  await log.flush();
  expect((await content(opened)).split("\n").map((line) => line.slice(0, 2))).toEqual(["xx", "w0", "w1", "w2", "w3", "w4", ""]);
});

test("a caller may be refused where the spool is full", async () => {
  const { store, fail } = await switched();
  const { log } = await openLog(store, await temporaryFolder(), { maxSpoolBytes: 1500, onFull: "refuse" });
  await log.append("x".repeat(1000));
  fail(DOWN);
  await expect(log.append("y".repeat(1000))).rejects.toMatchObject({ code: "spool.full" });
  expect(log.status()?.spooled.entries).toBe(1);
});

test("a spool that knows where its log stood takes events while the store is down at the start", async () => {
  const { store, fail } = await switched();
  const spool = await temporaryFolder();
  const first = await openLog(store, spool);
  await first.log.append(["a", "b"]);
  await first.log.close();
  fail(DOWN);
  const timers = new Timers();
  const second = await openLog(store, spool, { sleep: timers.sleep });
  expect(await second.log.append(["c", "d"])).toMatchObject({ first: 2 });
  expect(second.log.status()).toMatchObject({ state: "retrying", error: DOWN });
  fail(null);
  const flushed = second.log.flush();
  timers.elapse(1000);
  await flushed;
  expect(await content(second.opened)).toBe("a\nb\nc\nd\n");
});

test("where nothing is known of the archive, a start needs the store", async () => {
  const { store, fail } = await switched();
  fail(DOWN);
  await expect(openLog(store, await temporaryFolder())).rejects.toBe(DOWN);
});

test("two processes can't have one spool", async () => {
  const { store } = await switched();
  const spool = await temporaryFolder();
  const first = await openLog(store, spool);
  await first.log.open();
  await expect((await openLog(store, spool)).log.append("a")).rejects.toMatchObject({ code: "spool.locked" });
  await first.log.close();
  expect(await (await openLog(store, spool)).log.append("a")).toMatchObject({ first: 0 });
});

test("entries of another writer where receipts were given stop the log, and nothing is lost", async () => {
  const { store, fail } = await switched();
  const spool = await temporaryFolder();
  const { opened, log } = await openLog(store, spool);
  await log.append("a");
  await log.flush();
  fail(DOWN);
  await log.append("mine");
  await log.close({ signal: AbortSignal.abort() });
  fail(null);
  await commitLines(await openWriter(opened), ["theirs"]);
  const again = await openLog(store, spool);
  const refused = again.log.append("b");
  await expect(refused).rejects.toMatchObject({ code: "log.fenced" });
  await expect(refused).rejects.toThrow(/archived entries 1 to 1 with manifest 1/);
  expect(await content(opened)).toBe("a\ntheirs\n");
  expect(await wrongWith(opened)).toEqual([]);
});

test("another writer while the spool is empty is no matter", async () => {
  const { store } = await switched();
  const spool = await temporaryFolder();
  const { opened, log } = await openLog(store, spool);
  await log.append("a");
  await log.close();
  await commitLines(await openWriter(opened), ["b"]);
  const again = await openLog(store, spool);
  expect(await again.log.append("c")).toMatchObject({ first: 2 });
  await again.log.close();
  expect(await content(opened)).toBe("a\nb\nc\n");
});

test("a log whose tail was cut off since is not appended to", async () => {
  const { store, memory } = await switched();
  const spool = await temporaryFolder();
  const { log } = await openLog(store, spool);
  await log.append("a");
  await log.flush();
  await log.append("b");
  await log.close();
  const other = new MemoryStore({ now: () => NOW });
  for await (const { key, versionId } of memory.versions("")) {
    if (key.includes("0000000000000001")) continue;
    const { body } = await memory.get(key, { versionId, maxBytes: 2 ** 20 });
    const { retention } = await memory.lockState(key, { versionId });
    await other.putIfAbsent(key, body, { retention });
  }
  const refused = (await openLog(other, spool)).log.append("c");
  await expect(refused).rejects.toMatchObject({ code: "log.unsound" });
  await expect(refused).rejects.toThrow(/tail was cut off/);
});

test("a crash between commit and retiring archives nothing twice", async () => {
  const { store } = await switched();
  const spool = await temporaryFolder();
  const { opened, log } = await openLog(store, spool);
  const archived = withFaults(store, ({ call, key }) =>
    call === "lockState" && key.includes("/manifests/") ? { kind: "persisted", error: DENIED } : null,
  );
  await log.close();
  const crashed = await openLog(archived, spool);
  await crashed.log.append(["a", "b"]);
  await expect(crashed.log.flush()).rejects.toBe(DENIED);
  await crashed.log.close();
  expect((await readdir(`${spool}/audit.example+prod+${LOG}`)).some((name) => name.endsWith(".spool"))).toBe(true);
  const again = await openLog(store, spool);
  expect(await again.log.append("c", { ack: "archived" })).toMatchObject({ first: 2, manifest: 1 });
  expect(await content(opened)).toBe("a\nb\nc\n");
  expect(await wrongWith(opened)).toEqual([]);
});

test.each([
  ["back an hour", -3_600_000],
  ["forward a year", 365 * 86_400_000],
])("a clock that jumps %s breaks neither order nor retention", async (_, jump) => {
  const { store } = await switched();
  let now = NOW;
  const { opened, log } = await openLog(store, await temporaryFolder(), { now: () => now });
  await log.append("a");
  const before = await log.flush();
  now += jump;
  await log.append("b");
  const jumped = await log.flush();
  now = NOW + 60_000;
  await log.append("c");
  const after = await log.flush();
  expect(jumped?.manifest.appends[0]?.time).toBe(new Date(NOW + jump).toISOString());
  expect(after?.manifest.appends[0]?.time).toBe(new Date(NOW + 60_000).toISOString());
  const untils = [before, jumped, after].map((commit) => commit?.manifest.retention.until ?? "");
  expect(untils.toSorted()).toEqual(untils);
  for (const until of untils) expect(Date.parse(until)).toBeGreaterThanOrEqual(NOW + 365 * 86_400_000);
  expect(await content(opened)).toBe("a\nb\nc\n");
  expect(await wrongWith(opened, Math.max(now, NOW + jump))).toEqual([]);
});

test("who waits for room hears of it when the log stops, and when it is closed", async () => {
  const { store, fail } = await switched();
  const first = await openLog(store, await temporaryFolder(), { maxSpoolBytes: 1500 });
  await first.log.append("x".repeat(1000));
  fail(DENIED);
  await expect(first.log.append("y".repeat(1000))).rejects.toMatchObject({ code: "store.denied" });
  fail(null);
  const second = await openLog(store, await temporaryFolder(), { maxSpoolBytes: 1500 });
  await second.log.append("x".repeat(1000));
  fail(DOWN);
  const waiting = Promise.allSettled([second.log.append("y".repeat(1000)), second.log.append("z")]);
  await second.log.close({ signal: AbortSignal.abort() });
  for (const answer of await waiting) {
    expect(answer).toMatchObject({ status: "rejected", reason: { code: "input.invalid" } });
  }
});

test("who waits for the archive hears at close() that it is safe in the spool", async () => {
  const { store, fail } = await switched();
  const { log } = await openLog(store, await temporaryFolder());
  await log.append("a");
  fail(DOWN);
  const waiting = Promise.allSettled([log.append("b", { ack: "archived" })]);
  await log.append("c");
  expect(await log.close({ signal: AbortSignal.abort() })).toMatchObject({ entries: 3 });
  const [answer] = await waiting;
  expect(answer).toMatchObject({ status: "rejected", reason: { code: "store.unreachable" } });
});

test("nothing is acknowledged while a log is being closed for good", async () => {
  const { store } = await switched();
  const { opened, log } = await openLog(store, await temporaryFolder());
  await log.append("a");
  const closing = log.close({ final: true });
  const late = await Promise.allSettled([log.append("late"), log.append("later")]);
  expect(late.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await closing).toEqual({ entries: 0, bytes: 0 });
  expect(await content(opened)).toBe("a\n");
});

test("who waited for room is not overtaken by who comes when there is some", async () => {
  const { store } = await switched();
  const { opened, log } = await openLog(store, await temporaryFolder(), { maxSpoolBytes: 1500, lingerMillis: 1 });
  const first = log.append(`1${"x".repeat(1000)}`, { ack: "archived" });
  const second = log.append(`2${"x".repeat(1000)}`);
  const third = first.then(() => log.append("3"));
  expect((await Promise.all([first, second, third])).map(({ first: index }) => index)).toEqual([0, 1, 2]);
  await log.flush();
  expect((await content(opened)).split("\n").map((line) => line.slice(0, 1))).toEqual(["1", "2", "3", ""]);
});

test("closing a log twice leaves its successor alone", async () => {
  const { store } = await switched();
  const { opened, log } = await openLog(store, await temporaryFolder());
  await log.append("a");
  await log.close();
  const next = opened.log(LOG);
  await next.append("b");
  await log.close();
  expect(opened.log(LOG)).toBe(next);
  await opened.close();
  expect(await content(opened)).toBe("a\nb\n");
});

test("a signal that aborted already takes nothing, and one that aborts later frees no room before its time", async () => {
  const { store } = await switched();
  const { log } = await openLog(store, await temporaryFolder());
  await log.open();
  await expect(log.append("a", { signal: AbortSignal.abort(new Error("too late")) })).rejects.toThrow("too late");
  expect(log.status()?.spooled.entries).toBe(0);
});

test("a writer's id that no manifest can hold is refused before anything is taken", async () => {
  const { store } = await switched();
  const place = { signer: OWNER, spool: await temporaryFolder(), writerId: "x".repeat(257) };
  await expect(openArchive(store, place)).rejects.toMatchObject({ code: "input.invalid" });
});

test("one log that can't be closed keeps no other from being archived", async () => {
  const { store, memory } = await switched();
  const spool = await temporaryFolder();
  const holder = await openLog(store, spool);
  await holder.log.open();
  const both = await openArchive(memory, { signer: OWNER, spool, writerId: "test" });
  const opening = Promise.allSettled([both.log(LOG).append("never")]);
  await both.log("other").append("b");
  await Promise.allSettled([both.close()]);
  expect((await opening)[0]).toMatchObject({ status: "rejected" });
  const reader = await openArchive(memory, { keys: [OWNER.key] });
  const seen: string[] = [];
  for await (const { bytes } of reader.log("other")) seen.push(Buffer.from(bytes).toString());
  expect(seen).toEqual(["b"]);
});
