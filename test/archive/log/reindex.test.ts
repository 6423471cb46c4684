import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../src/archive/input/segmenter.ts";
import { finishReindex, isSetAside, reindexSpool } from "../../../src/archive/log/reindex.ts";
import { nodeFiles, type SpoolFiles } from "../../../src/archive/spool/files.ts";
import { Spool } from "../../../src/archive/spool/spool.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { sha256 } from "#sha256";

const ORIGIN = "audit.example/app";
const T0 = Date.UTC(2026, 10, 23);
const leaf = new Uint8Array(sha256(utf8("manifest")));

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "stele-reindex-"));
  folder = join(root, "audit.example+app");
});
afterEach(() => rm(root, { recursive: true }));

let clock = T0;
const open = (at: string = folder): Promise<Spool> =>
  Spool.open(at, { origin: ORIGIN, limits: { ...DEFAULT_LIMITS, entries: 4 }, now: () => clock });
const deliver = (spool: Spool, text: string, more: { source?: string; id?: string; cursor?: string } = {}): Promise<unknown> => {
  const { source = "s", ...rest } = more;
  return spool.append({ source, ...rest, count: text.split("\n").length - 1, bytes: utf8(text) });
};

/** Archives entries 10 to 12 from here, and leaves 13 to 19 in three files. */
async function fill(): Promise<void> {
  await using spool = await open();
  spool.start(10);
  clock = T0;
  await deliver(spool, "old a\nold b\n", { id: "archived", cursor: "c1", source: "quiet" });
  await deliver(spool, "old c\n", { cursor: "f1", source: "file" });
  const file = await spool.cut();
  if (file === null) throw new Error("nothing was spooled");
  await spool.retire(file, { manifest: 3, leaf, checkpoint: "note" });
  clock = T0 + 5000;
  await deliver(spool, "a\n", { id: "one", source: "caller" });
  await deliver(spool, "b\nc\n", { source: "file", cursor: "f2" });
  clock = T0 + 5001;
  await deliver(spool, "d\n");
  clock = T0 + 90_000;
  await deliver(spool, "e\n", { id: "two", source: "caller" });
  await spool.cut();
  await deliver(spool, "f\ng\n", { source: "file", cursor: "f3" });
}

/** What a spool holds, apart from where in the log. */
async function contents(at: string = folder): Promise<{ first: number | undefined; runs: unknown[]; text: string }> {
  await using spool = await open(at);
  const runs: unknown[] = [];
  let text = "";
  for (const file of spool.pending) {
    const { buffer, length, appends } = await spool.read(file);
    runs.push(...appends);
    text += Buffer.from(buffer, 0, length).toString();
  }
  return { first: spool.pending[0]?.first, runs, text };
}

const reindex = (files: SpoolFiles = nodeFiles): ReturnType<typeof reindexSpool> =>
  reindexSpool(folder, { origin: ORIGIN, next: 100, now: () => T0 + 100_000, files });

test("moves what waits behind the log's end: bytes, sources, ids, cursors and times stay, and so does what it knew before", async () => {
  await fill();
  const before = await contents();
  expect(before).toMatchObject({ first: 13, text: "a\nb\nc\nd\ne\nf\ng\n" });
  const moved = await reindex();
  expect(moved).toMatchObject({ entries: 7, from: 13, to: 100 });
  expect(await contents()).toEqual({ ...before, first: 100 });
  const keptAs = moved?.keptAs ?? "";
  expect(isSetAside(keptAs)).toBe(true);
  expect(isSetAside(folder)).toBe(false);
  expect(await contents(keptAs)).toEqual(before);

  clock = T0 + 100_000;
  await using spool = await open();
  expect(spool.next).toBe(107);
  expect({ file: spool.cursor("file"), quiet: spool.cursor("quiet") }).toEqual({ file: "f3", quiet: "c1" });
  expect(spool.remembered).toEqual({ manifest: 3, leaf, next: 13 });
  expect(await deliver(spool, "a\n", { id: "one", source: "caller" })).toEqual({ first: 100, count: 1, duplicate: true });
  expect(await deliver(spool, "e\n", { id: "two", source: "caller" })).toEqual({ first: 104, count: 1, duplicate: true });
  expect(await deliver(spool, "x\ny\n", { id: "archived", source: "quiet" })).toEqual({ first: 10, count: 2, duplicate: true });
  expect(await deliver(spool, "new\n")).toEqual({ first: 107, count: 1, duplicate: false });
});

test("does nothing where nothing waits, or all stands where it should", async () => {
  {
    await using spool = await open();
    spool.start(5);
    expect(await spool.close()).toBeUndefined();
  }
  expect(await reindex()).toBeNull();
  {
    await using spool = await open();
    spool.start(100);
    await deliver(spool, "a\n");
  }
  expect(await reindex()).toBeNull();
  expect(await readdir(root)).toEqual([basename(folder)]);
});

/** Opens the spool in a process of its own; what it said. */
async function openElsewhere(): Promise<string> {
  const module = new URL("../../../src/archive/spool/spool.ts", import.meta.url).href;
  const program = `
    const { Spool } = await import(${JSON.stringify(module)});
    const limits = { bytes: 1000, entries: 4, entryBytes: 1000, ageMillis: 1000 };
    try {
      const spool = await Spool.open(${JSON.stringify(folder)}, { origin: ${JSON.stringify(ORIGIN)}, limits, now: Date.now });
      await spool.append({ source: "s", count: 1, bytes: Buffer.from("elsewhere\\n") });
      await spool.close();
      console.log("accepted");
    } catch (error) {
      console.log(error.code);
    }`;
  const flags = ["--conditions=stele-source", "--no-warnings", "--input-type=module", "--eval", program];
  return (await promisify(execFile)(process.execPath, flags)).stdout.trim();
}

describe("another process", () => {
  test("is refused until the new spool is in its place, and then writes to that", async () => {
    await fill();
    const before = await contents();
    const said: string[] = [];
    let creates = 0;
    const moved = await reindex({
      ...nodeFiles,
      create: async (path) => {
        if (++creates === 2) said.push(await openElsewhere());
        return nodeFiles.create(path);
      },
      rename: async (from, to) => {
        if (to.endsWith(".REINDEXED") || from === folder) said.push(await openElsewhere());
        await nodeFiles.rename(from, to);
        if (to === folder) said.push(await openElsewhere());
      },
    });
    expect(said).toEqual(["spool.locked", "spool.locked", "spool.locked", "accepted"]);
    expect(await contents(moved?.keptAs)).toEqual(before);
    expect((await contents()).text).toBe(`${before.text}elsewhere\n`);
  });

  test("that finishes the reindexing, and has the new spool open, keeps it whole when the old one is let go", async () => {
    await fill();
    const before = await contents();
    const other: Spool[] = [];
    const moved = await reindex({
      ...nodeFiles,
      rename: async (from, to) => {
        if (to === folder) {
          expect(await finishReindex(folder)).toBe(true);
          other.push(await open());
        }
        await nodeFiles.rename(from, to);
      },
    });
    expect(moved).toMatchObject({ entries: 7, from: 13, to: 100 });
    expect(await readdir(folder)).toContain("state.db-wal");
    for (const spool of other) {
      await expect(open()).rejects.toMatchObject({ code: "spool.locked" });
      await deliver(spool, "new\n", { id: "new" });
      await spool.close();
    }
    expect(await contents(moved?.keptAs)).toEqual(before);
    expect((await contents()).text).toBe(`${before.text}new\n`);
  });

  test("that wrote just before the spool was taken is not set aside", async () => {
    await fill();
    let lists = 0;
    const files: SpoolFiles = {
      ...nodeFiles,
      // The last look, once the old spool's state is held.
      list: async (path) => [
        ...(await nodeFiles.list(path)),
        ...(++lists === 3 ? [{ name: "0000000000000020.spool", bytes: 1 }] : []),
      ],
    };
    await expect(reindex(files)).rejects.toMatchObject({ code: "spool.locked" });
    expect(await readdir(root)).toEqual([basename(folder)]);
  });

  test("that made a new spool in the place of the old one is told of, with where all is", async () => {
    await fill();
    const before = await contents();
    const reindexing = reindex({
      ...nodeFiles,
      rename: async (from, to) => {
        if (to === folder) await (await open()).close();
        await nodeFiles.rename(from, to);
      },
    });
    await expect(reindexing).rejects.toMatchObject({ code: "spool.failed", message: expect.stringContaining(".FENCED-") });
    await rm(folder, { recursive: true });
    expect(await finishReindex(folder)).toBe(true);
    expect(await contents()).toEqual({ ...before, first: 100 });
  });
});

/** The real file system, until the process dies at a call. */
function dyingAt(call: number): { files: SpoolFiles; calls: () => number } {
  let calls = 0;
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    if (++calls >= call) throw new Error("the process died here");
    return work();
  };
  return {
    calls: () => calls,
    files: {
      ...nodeFiles,
      makeFolder: (path) => counted(() => nodeFiles.makeFolder(path)),
      create: (path) => counted(() => nodeFiles.create(path)),
      rename: (from, to) => counted(() => nodeFiles.rename(from, to)),
      syncFolder: (path) => counted(() => nodeFiles.syncFolder(path)),
    },
  };
}

describe("a crash at any call", () => {
  test("leaves the old spool, or what the next start ends; either way all is there once, and can be moved", async () => {
    await fill();
    const before = await contents();
    const whole = dyingAt(Number.POSITIVE_INFINITY);
    await reindex(whole.files);
    const calls = whole.calls();
    expect(calls).toBeGreaterThan(8);
    let finished = 0;
    for (let call = 1; call <= calls; call++) {
      for (const name of await readdir(root)) await rm(join(root, name), { recursive: true });
      await fill();
      await expect(reindex(dyingAt(call).files)).rejects.toThrow();
      if (await finishReindex(folder)) finished++;
      const left = await contents();
      expect({ call, ...left, first: 0 }).toEqual({ call, ...before, first: 0 });
      expect([13, 100]).toContain(left.first);
      const again = await reindex();
      expect(again === null).toBe(left.first === 100);
      expect({ call, ...(await contents()) }).toEqual({ call, ...before, first: 100 });
      const aside = (await readdir(root)).filter((name) => name.includes(".FENCED-"));
      expect(aside).toHaveLength(1);
      expect(await contents(join(dirname(folder), aside[0] ?? ""))).toEqual(before);
    }
    // The old one taken away, the new one not in its place yet.
    expect(finished).toBeGreaterThanOrEqual(2);
  });
});
