import { execFile as execFileCallback } from "node:child_process";
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LineCutter } from "../../src/archive/follow/lines.ts";
import { Prefix } from "../../src/archive/follow/cursor.ts";
import { Poll } from "../../src/archive/follow/poll.ts";
import { follow } from "../../src/archive/input/follow.ts";
import { FollowRun, followOnce, openFiles, removeUnused } from "./follow-run.ts";

let folder: string;
let log: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-follow-"));
  log = join(folder, "app.log");
});
afterEach(() => removeUnused(folder));

const execFile = promisify(execFileCallback);

describe("a file that grows", () => {
  test("is read from its beginning, and then what is appended to it", async () => {
    await writeFile(log, "one\ntwo\n");
    const run = await new FollowRun(log).idle();
    expect(run.text).toBe("one\ntwo\n");
    expect(run.batches.map(({ count }) => count)).toEqual([2]);
    await appendFile(log, "three\n");
    await run.poll();
    expect(run.text).toBe("one\ntwo\nthree\n");
    await run.stop();
    expect(run.notices).toEqual(["opened app.log 0"]);
    expect(run.error).toBeNull();
  });

  test("gives a line when its line feed is there, not before", async () => {
    await writeFile(log, "on");
    const run = await new FollowRun(log).poll(5);
    expect(run.batches).toEqual([]);
    await appendFile(log, "e");
    await run.poll();
    await appendFile(log, "\ntw");
    await run.poll();
    expect(run.text).toBe("one\n");
    await run.stop();
    expect(run.text).toBe("one\n");
    await appendFile(log, "o\n");
    expect((await followOnce(log, { cursor: run.cursor })).text).toBe("two\n");
  });

  test("is not taken for another when it grows by more than is compared", async () => {
    const lines = ["a", "b", "c"].map((letter) => `${letter.repeat(100)}\n`);
    const run = await new FollowRun(log).idle();
    for (const line of lines) {
      await appendFile(log, line);
      await run.poll();
    }
    expect((await run.stop()).text).toBe(lines.join(""));
    expect(run.notices).toEqual(["waiting app.log 0", "opened app.log 0"]);
  });

  test("keeps every byte: NUL, CR, what is no UTF-8, empty lines", async () => {
    const bytes = Uint8Array.from([0, 0x0a, 0x0d, 0x0a, 0x0a, 0xff, 0xfe, 0, 0x0a]);
    await writeFile(log, bytes);
    const run = await followOnce(log);
    expect(Buffer.concat(run.batches.map((batch) => batch.bytes))).toEqual(Buffer.from(bytes));
    expect(run.batches.map(({ count }) => count)).toEqual([4]);
  });

  test("comes in batches of the bytes that were asked for, each with its own cursor", async () => {
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}\n`);
    await writeFile(log, lines.join(""));
    const run = await followOnce(log, { batchBytes: 20 });
    expect(run.text).toBe(lines.join(""));
    expect(Math.max(...run.batches.map(({ bytes }) => bytes.length))).toBeLessThan(20 + 8);
    let rest = lines.join("");
    for (const { bytes, cursor } of run.batches) {
      rest = rest.slice(bytes.length);
      expect(cursor.length).toBeLessThan(1000);
      expect((await followOnce(log, { cursor, batchBytes: 7 })).text).toBe(rest);
    }
  });

  test("that is not there yet is waited for, and said once", async () => {
    const late = join(folder, "later", "app.log");
    const run = await new FollowRun(late).poll(3);
    expect(run.notices).toEqual(["waiting app.log 0"]);
    await mkdir(join(folder, "later"));
    await run.poll();
    await writeFile(late, "here\n");
    await run.poll();
    expect((await run.stop()).text).toBe("here\n");
    expect(run.notices).toEqual(["waiting app.log 0", "opened app.log 0"]);
  });

  test("is read from its end on when that is asked for, beginning with a whole line", async () => {
    await writeFile(log, `${"x".repeat(100)}\nold\nhalf of`);
    const run = await new FollowRun(log, { fromEnd: true, batchBytes: 4 }).idle();
    await appendFile(log, " a line\nnew\n");
    await run.poll();
    expect((await run.stop()).text).toBe("half of a line\nnew\n");
    expect(run.notices).toEqual(["opened app.log 105"]);
    // A cursor says better where to begin.
    expect((await followOnce(log, { fromEnd: true, cursor: run.batches[0]?.cursor ?? null })).text).toMatch(/^(?:new\n)?$/);
  });

  test("is read from its beginning when it came after the start, though the end was asked for", async () => {
    const run = await new FollowRun(log, { fromEnd: true }).idle();
    await writeFile(log, "first\n");
    expect((await (await run.poll()).stop()).text).toBe("first\n");
  });

  test("is followed by its hints and the clock when nothing else is said", async () => {
    await writeFile(log, "one\n");
    const stop = new AbortController();
    const got: string[] = [];
    for await (const { bytes } of follow(log, { cursor: null, stop: stop.signal, maxEventBytes: 100, pollMillis: 5 })) {
      got.push(Buffer.from(bytes).toString());
      if (got.length === 1) await appendFile(log, "two\n");
      else if (got.length === 2) {
        await rename(log, `${log}.1`);
        await writeFile(log, "three\n");
      } else stop.abort();
    }
    expect(got).toEqual(["one\n", "two\n", "three\n"]);
  });
});

describe("a line that is too long", () => {
  test.each([
    ["with its line feed in the same batch", 1 << 20, "\nafter\n"],
    ["over many batches", 8, "\nafter\n"],
    ["before its end is written", 8, ""],
  ])("%s: everything before it comes out, then file and byte offset are named", async (_, batchBytes, end) => {
    await writeFile(log, `fits${".".repeat(16)}\nok\n${"x".repeat(21)}${end}`);
    const run = await new FollowRun(log, { maxEventBytes: 20, batchBytes }).end();
    expect(run.text).toBe(`fits${".".repeat(16)}\nok\n`);
    expect(run.error).toMatchObject({ code: "input.entry-too-large" });
    expect(String(run.error)).toMatch(/app\.log: the line at byte 24 is longer than the 20 bytes/);
  });

  test("cutting gives the same lines and the same refusal wherever chunks end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        (lengths, cuts) => {
          const text = lengths.map((length, i) => `${String(i % 10).repeat(length)}\n`).join("");
          const tooLong = lengths.findIndex((length) => length > 5);
          const good =
            tooLong < 0
              ? text
              : lengths
                  .slice(0, tooLong)
                  .map((length, i) => `${String(i % 10).repeat(length)}\n`)
                  .join("");
          const cutter = new LineCutter("f", 5, new Prefix());
          let got = "";
          let count = 0;
          for (let at = 0, i = 0; at < text.length && cutter.error === null; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            const lines = cutter.push(Buffer.from(text.slice(at, at + size)));
            got += Buffer.from(lines?.bytes ?? []).toString();
            count += lines?.count ?? 0;
            at += size;
          }
          expect({ got, count, refused: cutter.error !== null, offset: cutter.prefix.offset }).toEqual({
            got: good,
            count: tooLong < 0 ? lengths.length : tooLong,
            refused: tooLong >= 0,
            offset: good.length,
          });
        },
      ),
    );
  });
});

describe("what can't be followed", () => {
  test.each([
    ["a folder", () => mkdir(log)],
    ["a pipe", () => execFile("mkfifo", [log])],
    ["a link to itself", () => symlink(log, log)],
    [
      "a path through a file",
      async () => {
        await writeFile(join(folder, "file"), "");
        log = join(folder, "file", "app.log");
      },
    ],
    [
      "a device",
      async () => {
        log = "/dev/null";
      },
    ],
  ])("%s is refused at the start", async (_, make) => {
    await make();
    const run = await new FollowRun(log).end();
    expect(run.error).toMatchObject({ code: "input.unreadable" });
    expect(String(run.error)).toContain(log);
  });

  test("a folder in the place of a file that was followed is waited out", async () => {
    await writeFile(log, "one\n");
    const run = await new FollowRun(log).idle();
    await rename(log, `${log}.1`);
    await mkdir(log);
    await appendFile(`${log}.1`, "late\n");
    await run.poll(4);
    expect(run.notices).toEqual(["opened app.log 0", "waiting app.log 0"]);
    await rm(log, { recursive: true });
    await writeFile(log, "two\n");
    await run.poll(4);
    expect((await run.stop()).text).toBe("one\nlate\ntwo\n");
  });

  test.each(["", "{}", "null", "[]", "{", '{"dev":"1","ino":"2","offset":3}'])("a cursor %j is refused", async (cursor) => {
    await writeFile(log, "one\n");
    expect((await new FollowRun(log, { cursor }).end()).error).toMatchObject({ code: "input.invalid" });
  });

  test("a cursor that was changed in any field is refused, or names another place", async () => {
    await writeFile(log, "one\ntwo\n");
    const { cursor } = await followOnce(log);
    const value: unknown = JSON.parse(cursor ?? "");
    for (const change of [
      { dev: "01" },
      { ino: 7 },
      { ino: "x" },
      { offset: 0 },
      { offset: 1.5 },
      { offset: 3 },
      { written: "-1" },
      { head: { bytes: 8, sha256: "x" } },
      { head: { bytes: 1025, sha256: "A".repeat(43) + "=" } },
      { tail: null },
      { more: 1 },
    ]) {
      const changed = JSON.stringify(Object.assign({}, value, change));
      expect((await new FollowRun(log, { cursor: changed }).end()).error, changed).toMatchObject({ code: "input.invalid" });
    }
    expect((await new FollowRun(log, { cursor: ` ${cursor}` }).end()).error).toMatchObject({ code: "input.invalid" });
  });
});

describe("a wait", () => {
  test("ends when it is stopped, long before its time", async () => {
    const stop = new AbortController();
    const wait = new Poll(2 ** 30).wait(stop.signal);
    stop.abort();
    expect(await wait).toBe("poll");
  });

  test("is shortened by a write, also by one before it", async () => {
    await writeFile(log, "one\n");
    const poll = new Poll(2 ** 30);
    poll.watch(log);
    const wait = poll.wait(new AbortController().signal);
    await appendFile(log, "two\n");
    expect(await wait).toBe("hint");
    await appendFile(log, "three\n");
    expect(await poll.wait(new AbortController().signal)).toBe("hint");
    poll.close();
  });

  test("without a file to watch lasts its time", async () => {
    const poll = new Poll(1);
    poll.watch(join(folder, "nothing"));
    expect(await poll.wait(new AbortController().signal)).toBe("poll");
  });
});

describe("stop", () => {
  test("ends a wait for a file that is not there", async () => {
    const stop = new AbortController();
    const lines = follow(log, { cursor: null, stop: stop.signal, maxEventBytes: 100, pollMillis: 2 ** 30 });
    const next = lines.next();
    setImmediate(() => stop.abort());
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test("ends a wait for more", async () => {
    await writeFile(log, "one\n");
    const stop = new AbortController();
    const lines = follow(log, { cursor: null, stop: stop.signal, maxEventBytes: 100, pollMillis: 2 ** 30 });
    expect((await lines.next()).value).toMatchObject({ count: 1 });
    const next = lines.next();
    setImmediate(() => stop.abort());
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test("before the start reads nothing", async () => {
    await writeFile(log, "one\n");
    const run = await new FollowRun(log, { stop: AbortSignal.abort() }).end();
    expect([run.text, run.notices, run.error]).toEqual(["", [], null]);
  });

  test("between two batches: the rest comes next time", async () => {
    await writeFile(log, "one\ntwo\n");
    const stop = new AbortController();
    let cursor = "";
    for await (const batch of follow(log, { cursor: null, stop: stop.signal, maxEventBytes: 100, batchBytes: 4 })) {
      cursor = batch.cursor;
      stop.abort();
    }
    expect((await followOnce(log, { cursor })).text).toBe("two\n");
  });

  test("a caller that leaves in the middle leaves no file open", async () => {
    await writeFile(log, "one\ntwo\n");
    for await (const batch of follow(log, { cursor: null, stop: new AbortController().signal, maxEventBytes: 100 })) {
      expect(batch.count).toBe(2);
      break;
    }
    expect((await openFiles(folder)) ?? []).toEqual([]);
  });
});
