import {
  appendFile,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseCursor } from "../../src/archive/follow/cursor.ts";
import { rotationMark } from "../../src/archive/follow/neighbours.ts";
import { FollowRun, followOnce, removeUnused } from "./follow-run.ts";

let folder: string;
let log: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-follow-"));
  log = join(folder, "app.log");
});
afterEach(() => removeUnused(folder));

/** Compresses as gzip(1) and logrotate do: the file's time is kept. */
async function compress(path: string, ending: ".gz" | ".zst" = ".gz"): Promise<void> {
  const { atime, mtime } = await stat(path);
  await writeFile(path + ending, (ending === ".gz" ? gzipSync : zstdCompressSync)(await readFile(path)));
  await utimes(path + ending, atime, mtime);
  await rm(path);
}

/** Sets when a file was last written, in seconds. */
async function written(path: string, seconds: number): Promise<void> {
  await utimes(path, seconds, seconds);
}

describe("rotation by renaming while the file is followed", () => {
  test("the old file is read to its end, with what was still written to it, before the new one is begun", async () => {
    await writeFile(log, "a1\n");
    const run = await new FollowRun(log).idle();
    await rename(log, `${log}.1`);
    await appendFile(`${log}.1`, "a2\n");
    await run.poll(10);
    await appendFile(`${log}.1`, "a3\n");
    // logrotate makes the new file before the writer is told to use it.
    await writeFile(log, "");
    await run.poll(10);
    await appendFile(`${log}.1`, "a4\n");
    await run.poll();
    await appendFile(log, "b1\n");
    await run.poll();
    await appendFile(`${log}.1`, "a5\n");
    // One quiet look is not enough, and a line in between makes the count begin again.
    await run.poll(2);
    await appendFile(`${log}.1`, "a6\n");
    await run.poll(2);
    expect(run.text).toBe("a1\na2\na3\na4\na5\na6\n");
    await run.poll();
    expect((await run.stop()).text).toBe("a1\na2\na3\na4\na5\na6\nb1\n");
    expect(run.notices).toEqual(["opened app.log 0", "rotated app.log 0"]);
  });

  test("an unfinished last line of the old file is an event; at stop it is not", async () => {
    await writeFile(log, "a1\nhalf");
    const run = await new FollowRun(log).idle();
    await rename(log, `${log}.1`);
    await writeFile(log, "b1\n");
    await run.poll(2);
    expect(run.text).toBe("a1\n");
    await run.poll();
    await run.stop();
    expect(run.batches.map(({ bytes, count }) => [Buffer.from(bytes).toString(), count])).toEqual([
      ["a1\n", 1],
      ["half\n", 1],
      ["b1\n", 1],
    ]);
    expect((await followOnce(log, { cursor: run.batches[0]?.cursor ?? null })).text).toBe("half\nb1\n");
    expect((await followOnce(log, { cursor: run.batches[1]?.cursor ?? null })).text).toBe("b1\n");
  });

  test("a file that is deleted is read to its end all the same", async () => {
    await writeFile(log, "a1\n");
    const run = await new FollowRun(log).idle();
    const writer = await open(log, "a");
    await rm(log);
    await writer.write("a2\n");
    await run.poll(4);
    await writer.close();
    await writeFile(log, "b1\n");
    await run.poll(3);
    expect((await run.stop()).text).toBe("a1\na2\nb1\n");
  });

  test("several rotations between two looks lose nothing", async () => {
    await writeFile(log, "a\n");
    const run = await new FollowRun(log).idle();
    await rename(log, `${log}.2`);
    await writeFile(`${log}.1`, "b\n");
    await writeFile(log, "c\n");
    await run.poll(6);
    expect((await run.stop()).text).toBe("a\nb\nc\n");
    expect(run.notices).toEqual(["opened app.log 0", "rotated app.log.1 0", "rotated app.log 0"]);
  });

  test("compressed at once and without its time, the old file is not taken for a new one", async () => {
    await writeFile(log, "a1\na2\n");
    await written(log, 1_000);
    const run = await new FollowRun(log).idle();
    await rename(log, `${log}.1`);
    await writeFile(`${log}.1.gz`, gzipSync(await readFile(`${log}.1`)));
    await rm(`${log}.1`);
    await writeFile(log, "b1\n");
    await run.poll(4);
    expect((await run.stop()).text).toBe("a1\na2\nb1\n");
  });

  test("a link that leads to another file is a rotation; where it leads, rotated files are looked for", async () => {
    const pods = join(folder, "pods");
    await mkdir(pods);
    await writeFile(join(pods, "0.log"), "a1\n");
    await symlink(join(pods, "0.log"), log);
    const run = await followOnce(log);
    await appendFile(join(pods, "0.log"), "a2\n");
    await rename(join(pods, "0.log"), join(pods, "0.log.20260101-000000"));
    await writeFile(join(pods, "0.log"), "b1\n");
    const again = await followOnce(log, { cursor: run.cursor });
    expect(again.text).toBe("a2\nb1\n");
    expect(again.notices).toEqual(["resumed 0.log.20260101-000000 3", "rotated app.log 0"]);
  });
});

describe("rotation while nobody follows", () => {
  const cursorAt = async (text: string): Promise<string> => {
    await writeFile(log, text);
    await written(log, 1_000);
    return (await followOnce(log)).cursor ?? "";
  };

  test.each([
    ["numbers", ["app.log.3", "app.log.2", "app.log.1"]],
    ["dates", ["app.log-20251230", "app.log-20251231", "app.log-20260101"]],
    ["dates before the ending", ["app-2025-12-30.log", "app-2025-12-31.log", "app-2026-01-01.log"]],
  ])("three times, named by %s: all files are finished in order of age", async (_, [first = "", second = "", third = ""]) => {
    const cursor = await cursorAt("a1\n");
    await appendFile(log, "a2\n");
    await rename(log, join(folder, first));
    // One tick of the clock for all: then the names decide.
    for (const [name, text] of [
      [third, "c1\n"],
      [second, "b1\nhalf"],
      ["app.log.bak", "no\n"],
      ["app.error.log", "no\n"],
    ] as const) {
      await writeFile(join(folder, name), text);
    }
    for (const name of [first, second, third]) await written(join(folder, name), 1_000);
    await writeFile(log, "d1\n");
    const run = await followOnce(log, { cursor }, 9);
    expect(run.text).toBe("a2\nb1\nhalf\nc1\nd1\n");
    expect(run.notices).toEqual([`resumed ${first} 3`, `rotated ${second} 0`, `rotated ${third} 0`, "rotated app.log 0"]);
  });

  test.each([".gz", ".zst"] as const)("with compression (%s): it is found by its content", async (ending) => {
    const cursor = await cursorAt("a1\n");
    await appendFile(log, "a2\nhalf");
    await written(log, 1_001);
    await rename(log, `${log}.2`);
    await compress(`${log}.2`, ending);
    await writeFile(`${log}.1`, "b1\n");
    await written(`${log}.1`, 1_002);
    await compress(`${log}.1`, ending);
    await writeFile(log, "c1\n");
    const run = await followOnce(log, { cursor }, 6);
    expect(run.text).toBe("a2\nhalf\nb1\nc1\n");
    // Every cursor in a compressed file leads on from there.
    expect((await followOnce(log, { cursor: run.batches[0]?.cursor ?? null }, 6)).text).toBe("half\nb1\nc1\n");
    expect((await followOnce(log, { cursor: run.batches[1]?.cursor ?? null }, 6)).text).toBe("b1\nc1\n");
    expect((await followOnce(log, { cursor: run.batches[2]?.cursor ?? null }, 6)).text).toBe("c1\n");
  });

  test("named so that a higher number is newer: their times decide", async () => {
    const cursor = await cursorAt("a1\n");
    for (const [name, text, seconds] of [
      ["app-3.log", "c1\n", 1_003],
      ["app-2.log", "b1\n", 1_002],
    ] as const) {
      await writeFile(join(folder, name), text);
      await written(join(folder, name), seconds);
    }
    await rename(log, join(folder, "app-1.log"));
    await writeFile(log, "d1\n");
    expect((await followOnce(log, { cursor }, 9)).text).toBe("b1\nc1\nd1\n");
  });

  test("while a file is being compressed: what is there of the compressed one is not read", async () => {
    const cursor = await cursorAt("a1\n");
    await rename(log, `${log}.2`);
    await writeFile(`${log}.1`, "b1\n");
    await writeFile(`${log}.1.gz`, gzipSync("b1\n").subarray(0, 12));
    await writeFile(log, "c1\n");
    const run = await followOnce(log, { cursor }, 6);
    expect([run.text, run.error]).toEqual(["b1\nc1\n", null]);
  });

  test("renamed beyond recognition, it is found by its identity", async () => {
    const cursor = await cursorAt("a1\n");
    await appendFile(log, "a2\n");
    await rename(log, join(folder, "kept aside"));
    await writeFile(log, "b1\n");
    expect((await followOnce(log, { cursor })).text).toBe("a2\nb1\n");
  });

  test("and not begun anew: the old file is finished and waited in", async () => {
    const cursor = await cursorAt("a1\n");
    await appendFile(log, "a2\n");
    await rename(log, `${log}.1`);
    const run = await new FollowRun(log, { cursor }).poll(5);
    expect(run.text).toBe("a2\n");
    await writeFile(log, "b1\n");
    await run.poll(4);
    expect((await run.stop()).text).toBe("a2\nb1\n");
  });

  test("and deleted: that its place is lost is said, and reading begins with what was written later", async () => {
    const cursor = await cursorAt("a1\n");
    await writeFile(`${log}.3`, "before\n");
    await written(`${log}.3`, 900);
    await writeFile(`${log}.1`, "b1\n");
    await written(`${log}.1`, 1_100);
    await rm(log);
    // Keeps the file system from giving the new file the old one's number.
    await writeFile(join(folder, "other"), "");
    await writeFile(log, "c1\n");
    const run = await followOnce(log, { cursor }, 6);
    expect(run.notices).toEqual(["lost-place app.log 3", "opened app.log.1 0", "rotated app.log 0"]);
    expect(run.text).toBe("b1\nc1\n");
  });

  test("and nothing there at all: it is waited for", async () => {
    const cursor = await cursorAt("a1\n");
    await rm(log);
    const run = await new FollowRun(log, { cursor }).poll(2);
    expect(run.notices).toEqual(["lost-place app.log 3", "waiting app.log 0"]);
    await writeFile(log, "b1\n");
    await run.poll();
    expect((await run.stop()).text).toBe("b1\n");
  });

  test("the number of the deleted file given to a new one is not taken for the old one", async () => {
    const cursor = await cursorAt("a1\na2\n");
    for (const [text, kind] of [
      ["x\n", "truncated"],
      ["b1\nb2\n", "replaced"],
      ["b1\nb2\nb3\n", "replaced"],
    ] as const) {
      // The same file with other content is what a reused number looks like.
      await writeFile(log, text);
      const run = await followOnce(log, { cursor });
      expect(run.text).toBe(text);
      expect(run.notices).toEqual([`${kind} app.log 6`, "opened app.log 0"]);
    }
  });

  test("another device number, as after a restart of the machine, does not hide the file", async () => {
    const cursor = await cursorAt("a1\n");
    await appendFile(log, "a2\n");
    const moved = JSON.stringify({ ...parseCursor(cursor), dev: "1" });
    const run = await followOnce(log, { cursor: moved });
    expect([run.text, run.notices]).toEqual(["a2\n", ["resumed app.log 3"]]);
  });

  test("a second name for the followed file is not a second file", async () => {
    const cursor = await cursorAt("a1\n");
    await link(log, `${log}.1`);
    await appendFile(log, "a2\n");
    const run = await new FollowRun(log, { cursor }).poll(4);
    await rm(log);
    await writeFile(log, "b1\n");
    await run.poll(4);
    expect((await run.stop()).text).toBe("a2\nb1\n");
  });

  test("copied and emptied: the rest is read from the copy", async () => {
    const cursor = await cursorAt("a1\n");
    await appendFile(log, "a2\n");
    await copyFile(log, `${log}.1`);
    await truncate(log, 0);
    await appendFile(log, "b1\n");
    const run = await followOnce(log, { cursor }, 6);
    expect(run.text).toBe("a2\nb1\n");
    expect(run.notices).toEqual(["resumed app.log.1 3", "rotated app.log 0"]);
  });
});

describe("a file that is emptied while it is followed", () => {
  test.each([
    ["less", "b\n", "truncated"],
    ["as much", "b1\nb2\n", "replaced"],
    ["more", "b1\nb2\nb3\n", "replaced"],
  ])("and then has %s in it is begun again", async (_, text, kind) => {
    await writeFile(log, "a1\na2\n");
    const run = await new FollowRun(log).idle();
    await truncate(log, 0);
    await appendFile(log, text);
    await run.poll(3);
    expect((await run.stop()).text).toBe(`a1\na2\n${text}`);
    expect(run.notices).toEqual(["opened app.log 0", `${kind} app.log 6`, "opened app.log 0"]);
    expect((await followOnce(log, { cursor: run.cursor })).text).toBe("");
  });

  test("and stays empty is waited in; nothing is said of a missing file", async () => {
    await writeFile(log, "a1\n");
    const run = await new FollowRun(log).idle();
    await truncate(log, 0);
    await run.poll(3);
    expect(run.notices).toEqual(["opened app.log 0", "truncated app.log 3"]);
    await appendFile(log, "b1\n");
    await run.poll();
    expect((await run.stop()).text).toBe("a1\nb1\n");
  });

  test("gives what was read of an unfinished line, whose end is gone", async () => {
    await writeFile(log, "a1\nhalf");
    const run = await new FollowRun(log).idle();
    await writeFile(log, "b1\n");
    await run.poll(3);
    expect((await run.stop()).text).toBe("a1\nhalf\nb1\n");
    expect((await followOnce(log, { cursor: run.batches[1]?.cursor ?? null })).text).toBe("b1\n");
  });

  test("after a copy was made (copytruncate) loses nothing that is in the copy", async () => {
    await writeFile(log, "a1\nhalf");
    const run = await new FollowRun(log).idle();
    await appendFile(log, " and half\na3\n");
    await copyFile(log, `${log}.1`);
    await truncate(log, 0);
    await appendFile(log, "b1\n");
    await run.poll(5);
    expect((await run.stop()).text).toBe("a1\nhalf and half\na3\nb1\n");
    expect(run.notices).toEqual(["opened app.log 0", "truncated app.log 3", "resumed app.log.1 3", "rotated app.log 0"]);
  });

  test("does not take an older file that begins alike for its copy", async () => {
    await writeFile(`${log}.1`, "header\nlong ago\n");
    await written(`${log}.1`, 1_000);
    await writeFile(log, "header\n");
    await written(log, 2_000);
    const run = await new FollowRun(log).idle();
    await truncate(log, 0);
    await run.poll();
    await appendFile(log, "b1\n");
    await run.poll(3);
    expect((await run.stop()).text).toBe("header\nb1\n");
  });
});

test.each([
  ["app.log", "app.log.1", ".1"],
  ["app.log", "app.log.12.gz", ".12"],
  ["app.log", "app.log-20260101.zst", "-20260101"],
  ["app.log", "app.log-20260101-1767225600", "-20260101-1767225600"],
  ["app.log", "app.log.2026-01-01_05-00", ".2026-01-01_05-00"],
  ["app.log", "app-2026-01-01T05-00-00.000.log", "-2026-01-01T05-00-00.000"],
  ["app.log", "app.1.log.gz", ".1"],
  ["app.log", "app.log.old", ".old"],
  ["messages", "messages-20260101", "-20260101"],
  ["app.log", "app.log", null],
  ["app.log", "app.log.gz", null],
  ["app.log", "app.log.bak", null],
  ["app.log", "app.log.1.tmp", null],
  ["app.log", "app.error.log", null],
  ["app.log", "app-2.error.log", null],
  ["app.log", "application.log.1", null],
  ["messages", "messages2", null],
])("of %s, %s is named by rotation with %j", (current, name, mark) => {
  expect(rotationMark(current, name)).toBe(mark);
});
