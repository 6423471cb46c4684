import { appendFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Places, places, until } from "./places.ts";
import type { Outcome, Stele } from "./stele.ts";

let at: Places;
let file: string;
beforeEach(async () => {
  at = await places();
  file = join(at.folder, "app.log");
});
afterEach(() => at[Symbol.asyncDispose]());

const args = (...more: string[]): string[] => ["archive", at.archive, "--log", "app", "--segment-age", "100ms", ...more];
const follow = async (...more: string[]): Promise<Stele> => {
  const running = at.start(args("--follow", file, ...more));
  await running.says("safe to interrupt");
  return running;
};
const stopped = async (running: Stele): Promise<Outcome> => {
  running.kill("SIGTERM");
  const outcome = await running.outcome;
  expect(outcome).toMatchObject({ code: 143 });
  return outcome;
};
/** The log's entries, none while it has none yet. */
const entries = (): Promise<string[]> => at.entries().catch(() => []);
const archivedAll = (count: number): Promise<void> => until(async () => (await entries()).length >= count);

test("follows a file over a rotation, and goes on in a later run where it was, also in what was rotated meanwhile", async () => {
  const first = await follow();
  await first.says("nothing is there yet; waiting for it");
  await writeFile(file, "1\n2\n");
  await first.says("followed from its beginning");
  await archivedAll(2);
  await appendFile(file, "3\n");
  await rename(file, `${file}.1`);
  await writeFile(file, "4\n");
  await first.says("was rotated and read to its end");
  await appendFile(file, "5\nunfinish");
  await archivedAll(5);
  await stopped(first);
  await appendFile(file, "ed\n");
  await rename(file, `${file}.2`);
  await writeFile(file, "7\n");

  const second = await follow();
  await second.says("goes on after the 4 B that were read before");
  await archivedAll(7);
  await stopped(second);
  expect(await entries()).toEqual(["1", "2", "3", "4", "5", "unfinished", "7"]);
});

test("says when a file was emptied under it", async () => {
  await writeFile(file, "one\ntwo\n");
  const running = await follow();
  await archivedAll(2);
  await truncate(file, 0);
  await running.says("is shorter than the 8 B that were read of it");
  await appendFile(file, "three\n");
  await archivedAll(3);
  await stopped(running);
  expect(await entries()).toEqual(["one", "two", "three"]);
});

test("goes on behind what was archived of the file before; the file is then no longer archived by itself", async () => {
  await writeFile(file, "1\n2\n");
  expect(await at.run(args(file))).toMatchObject({ code: 0 });
  await appendFile(file, "3\n");
  const running = await follow();
  await running.says("goes on after the 4 B that were read before");
  await archivedAll(3);
  await stopped(running);
  expect(await entries()).toEqual(["1", "2", "3"]);

  await appendFile(file, "4\n");
  const refused = await at.run(args(file));
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("is followed into log app from this machine");
  expect(refused.stderr).toContain("--follow");
  expect(refused.stderr).toContain("--no-resume");
  expect(await at.run(args(file, "--no-resume"))).toMatchObject({ code: 0 });
  expect(await entries()).toEqual(["1", "2", "3", "1", "2", "3", "4"]);
});

test("a file that is not the one whose beginning was archived is followed from its beginning, which is said", async () => {
  await writeFile(file, "1\n2\n");
  await at.run(args(file));
  await writeFile(file, "other\n");
  const running = at.start(args("--follow", file));
  await running.says("is not the file any more whose first 4 B are archived; followed from its beginning");
  await archivedAll(3);
  await stopped(running);
  expect(await entries()).toEqual(["1", "2", "other"]);
});

test("a line that is too long stops it, and the next run goes on there", async () => {
  await writeFile(file, `one\n${"x".repeat(50)}\nthree\n`);
  const { code, stderr } = await at.run(args("--follow", file, "--max-event-bytes", "20"));
  expect(code).toBe(2);
  expect(stderr).toContain("the line at byte 4 is longer than the 20 bytes");
  expect(await entries()).toEqual(["one"]);
  const running = await follow();
  await archivedAll(3);
  await stopped(running);
  expect(await entries()).toEqual(["one", "x".repeat(50), "three"]);
});

test("several files, each by its own place", async () => {
  const other = join(at.folder, "other.log");
  await writeFile(file, "a1\n");
  await writeFile(other, "b1\n");
  const first = await follow(other);
  await archivedAll(2);
  await stopped(first);
  await appendFile(other, "b2\n");
  await appendFile(file, "a2\n");
  const second = await follow(other);
  await archivedAll(4);
  await stopped(second);
  const all = await entries();
  expect(all.filter((event) => event.startsWith("a"))).toEqual(["a1", "a2"]);
  expect(all.filter((event) => event.startsWith("b"))).toEqual(["b1", "b2"]);
});

test.each<[string, string[], string]>([
  ["no file", [], "--follow: expected a file to follow"],
  ["standard input", ["-"], "--follow: expected files"],
  ["a compressed file", ["app.log.gz"], "--follow: expected a file that is written to"],
  ["a name for standard input", ["app.log", "--source", "x"], "--source: names what comes from standard input"],
])("%s can't be followed", async (_what, more, message) => {
  const { code, stderr } = await at.run(args("--follow", ...more));
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
});

test("an earlier state of a followed file is not followed as well", async () => {
  await writeFile(`${file}.1`, "1\n");
  await writeFile(file, "2\n");
  const { code, stderr } = await at.run(args("--follow", `${file}*`));
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("is an earlier state of") });
});
