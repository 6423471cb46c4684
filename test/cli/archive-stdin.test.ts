import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type Places, places, until } from "./places.ts";

let at: Places;
beforeEach(async () => {
  at = await places();
});
afterEach(() => at[Symbol.asyncDispose]());

const archived = z.object({
  ok: z.boolean(),
  entries: z.number(),
  segments: z.number(),
  spooled: z.object({ entries: z.number(), bytes: z.number() }),
  head: z.object({ size: z.number() }).nullable(),
});
const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `event ${from + i}`);
const lines = (events: readonly string[]): string => events.map((event) => `${event}\n`).join("");
/** Spool files that hold something. */
const spoolFiles = async (): Promise<string[]> =>
  (await readdir(at.spool).catch(() => [])).filter((name) => name.endsWith(".spool"));

test("says where it is safe, archives to the end, a last line without a line feed too, and leaves an empty spool", async () => {
  const { code, stdout, stderr } = await at.run(["archive", at.archive, "--log", "app", "--json"], { stdin: "one\ntwo\n\nfour" });
  expect(stderr).toBe(`safe to interrupt: what is read is kept in ${at.spool} until it is archived, by this run or the next\n`);
  expect(code).toBe(0);
  expect(archived.parse(JSON.parse(stdout))).toMatchObject({
    ok: true,
    entries: 4,
    segments: 1,
    spooled: { entries: 0, bytes: 0 },
  });
  expect(await at.entries()).toEqual(["one", "two", "", "four"]);
  expect(await spoolFiles()).toEqual([]);
});

test("many lines in many pieces come out as they went in", async () => {
  const events = numbered(0, 20_000).map((event) => event.padEnd(120, "."));
  const text = lines(events);
  const running = at.start(["archive", at.archive, "--log", "app", "--segment-entries", "3000", "--quiet"]);
  for (let from = 0; from < text.length; from += 70_001) running.write(text.slice(from, from + 70_001));
  running.endInput();
  expect(await running.outcome).toMatchObject({ code: 0, stderr: "" });
  expect(await at.entries()).toEqual(events);
});

test("at SIGTERM in mid-stream what was read is archived, half a line too; the next run goes on behind it", async () => {
  const first = at.start(["archive", at.archive, "--log", "app", "--json"]);
  await first.says("safe to interrupt");
  first.write(lines(numbered(0, 100)));
  first.write("half a li");
  await until(async () => (await spoolFiles()).length > 0);
  first.kill("SIGTERM");
  const { code, stdout, stderr } = await first.outcome;
  expect(code).toBe(143);
  expect(stderr).toContain("stele: stopping: what was read is safe in the spool, and is archived now, for at most 30 s.");
  expect(archived.parse(JSON.parse(stdout))).toMatchObject({ ok: false, entries: 101, spooled: { entries: 0 } });
  expect(await at.run(["archive", at.archive, "--log", "app"], { stdin: lines(numbered(100, 200)) })).toMatchObject({ code: 0 });
  expect(await at.entries()).toEqual([...numbered(0, 100), "half a li", ...numbered(100, 200)]);
});

test("after SIGKILL in mid-stream the next run archives what was kept, once and in order, and says so", async () => {
  const first = at.start(["archive", at.archive, "--log", "app", "--segment-entries", "40"]);
  await first.says("safe to interrupt");
  first.write(lines(numbered(0, 90)));
  await until(async () => (await at.run(["spool", "status", "--json"])).stdout.includes("in use"));
  await until(async () => (await spoolFiles()).length > 0);
  first.kill("SIGKILL");
  expect((await first.outcome).code).toBeNull();
  const second = await at.run(["archive", at.archive, "--log", "app"], { stdin: lines(numbered(90, 100)) });
  expect(second.code).toBe(0);
  expect(second.stderr).toMatch(/holds \d+ entr(y|ies) \(.*\) of an earlier run: archived first/);
  const kept = await at.entries();
  // What was still in the pipe is gone with it; what was kept is a beginning, without a gap.
  expect([...numbered(0, kept.length - 10), ...numbered(90, 100)]).toEqual(kept);
  expect((await at.run(["verify", at.archive])).code).toBe(0);
});

test("a line that is too long stops the run, named by its number, after all before it is archived", async () => {
  const stdin = `${lines(numbered(0, 50))}${"x".repeat(101)}\nafter\n`;
  const { code, stderr } = await at.run(["archive", at.archive, "--log", "app", "--max-event-bytes", "100"], { stdin });
  expect(code).toBe(2);
  expect(stderr).toContain("stdin: line 51 is longer than the 100 bytes that an event may have.");
  expect(stderr).toContain("50 entries of this run are archived, and nothing waits in the spool");
  expect(await at.entries()).toEqual(numbered(0, 50));
});

test("two processes do not write one log from one machine", async () => {
  const first = at.start(["archive", at.archive, "--log", "app"]);
  await first.says("safe to interrupt");
  const second = await at.run(["archive", at.archive, "--log", "app"], { stdin: "other\n" });
  expect(second).toMatchObject({ code: 2, stdout: "" });
  expect(second.stderr).toContain("is open in another process");
  const file = await at.run(["archive", at.archive, "--log", "app", "package.json"]);
  expect(file).toMatchObject({ code: 2, stdout: "" });
  expect(file.stderr).toContain("another process writes log app from this machine, and a log has one writer");
  first.write("one\n");
  first.endInput();
  expect(await first.outcome).toMatchObject({ code: 0 });
  expect(await at.entries()).toEqual(["one"]);
});

const manifests = async () =>
  (await readdir(`${at.archive}/app/manifests`).catch(() => [])).filter((name) => /^\d+\.ndjson$/.test(name));

test("a heartbeat says that nothing came", async () => {
  const running = at.start(["archive", at.archive, "--log", "app", "--heartbeat", "1s", "--segment-age", "100ms", "--json"]);
  await running.says("safe to interrupt");
  running.write("one\n");
  // The fourth is put only after the third is committed, so three are in the result wherever the signal meets the fourth.
  await until(async () => (await manifests()).length >= 4);
  running.kill("SIGINT");
  const { code, stdout } = await running.outcome;
  expect(code).toBe(130);
  const { entries, segments, head } = archived.parse(JSON.parse(stdout));
  expect({ entries, segments }).toEqual({ entries: 1, segments: 1 });
  expect(head?.size).toBeGreaterThanOrEqual(3);
});

test("another writer's entries in the promised places stop the log; what was read is kept, and how to go on is said", async () => {
  const first = at.start(["archive", at.archive, "--log", "app", "--segment-age", "1h"]);
  await first.says("safe to interrupt");
  first.write("mine 0\nmine 1\n");
  await until(async () => (await spoolFiles()).length > 0);
  const elsewhere = { ...at.env, XDG_STATE_HOME: `${at.folder}/elsewhere` };
  expect(await at.run(["archive", at.archive, "--log", "app"], { stdin: "theirs\n", env: elsewhere })).toMatchObject({ code: 0 });
  first.endInput();
  const { code, stderr } = await first.outcome;
  expect(code).toBe(3);
  expect(stderr).toContain("2 entries");
  expect(stderr).toContain(
    `safe in ${at.spool}. To archive them behind the other's: stele spool drain ${at.archive} --log app --reindex`,
  );

  const refused = await at.run(["spool", "drain", at.archive, "--log", "app"]);
  expect(refused).toMatchObject({ code: 3, stdout: "" });
  expect(refused.stderr).toContain("--reindex");
  const moved = await at.run(["spool", "drain", at.archive, "--log", "app", "--reindex"]);
  expect(moved.stderr).toContain("2 entries moved from 0 to 1, where others stand, to 1 to 2.");
  expect(moved.code).toBe(0);
  expect(await at.entries()).toEqual(["theirs", "mine 0", "mine 1"]);
  const { stdout } = await at.run(["spool", "status"]);
  expect(stdout).toMatch(/audit\.example\/prod\/app +│ empty/);
  expect(stdout).toMatch(/audit\.example\/prod\/app +│ set aside/);
});
