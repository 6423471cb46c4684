import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Spool } from "../../../src/archive/spool/spool.ts";
import { LIMITS } from "./constants.ts";
import { FaultyFiles } from "./faulty-files.ts";
import { allEntries, delivery, newFolder, newSpool, openSpool } from "./fixture.ts";

const FIRST = "0000000000000000.spool";
const SECOND = "0000000000000006.spool";
const limits = { ...LIMITS, entries: 6 };
const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
const entries = names.map((name) => `${name} `.repeat(100));

/** Three frames of two entries in one file, and one of three in another, each with an id. */
async function filled(): Promise<string> {
  const folder = newFolder();
  const spool = await newSpool(folder, { limits });
  for (const group of [
    [0, 1],
    [2, 3],
    [4, 5],
    [6, 7, 8],
  ]) {
    await Promise.all(group.map((i) => spool.append(delivery(entries[i] ?? "", { id: names[i] }))));
  }
  await spool.close();
  return folder;
}

/** Where each frame of a file begins. */
function framesOf(content: Buffer): number[] {
  const mark = content.subarray(content.indexOf("\n") - 16, content.indexOf("\n")).toString();
  const found: number[] = [];
  for (let at = content.indexOf(`\n${mark} `); at >= 0; at = content.indexOf(`\n${mark} `, at + 1)) found.push(at + 1);
  return found;
}

function change(folder: string, name: string, how: (content: Buffer, frames: number[]) => Buffer): Buffer {
  const path = join(folder, name);
  const damaged = how(readFileSync(path), framesOf(readFileSync(path)));
  writeFileSync(path, damaged);
  return damaged;
}

const flip = (content: Buffer, at: number): Buffer => {
  content[at] = (content[at] ?? 0) ^ 1;
  return content;
};
const open = (folder: string): Promise<Spool> => openSpool(folder, { limits, quarantine: true });
const reasonOf = (entry: string): string => /"reason":"([^"]*)"/.exec(entry)?.[1] ?? "";
const short = (all: readonly string[]): string[] =>
  all.map((entry) => (entry.startsWith("{") ? `lost: ${reasonOf(entry)}` : entry.slice(0, 1)));

describe("a damaged file is kept aside, and lost entries have placeholders, so that later indexes stay true", () => {
  test.each<[string, string, (content: Buffer, frames: number[]) => Buffer, number | null, string[]]>([
    ["an entry", FIRST, (c, f) => flip(c, (f[1] ?? 0) + 200), 2, ["a", "b", "lost", "lost", "e", "f", "g", "h", "i"]],
    ["a frame's header", FIRST, (c, f) => flip(c, (f[1] ?? 0) + 20), 2, ["a", "b", "lost", "lost", "e", "f", "g", "h", "i"]],
    ["a frame's mark", FIRST, (c, f) => flip(c, f[1] ?? 0), 2, ["a", "b", "lost", "lost", "e", "f", "g", "h", "i"]],
    ["the first frame", FIRST, (c, f) => flip(c, (f[0] ?? 0) + 3), 2, ["lost", "lost", "c", "d", "e", "f", "g", "h", "i"]],
    ["the file's first line", FIRST, (c) => flip(c, 3), 0, names],
    [
      "the first line and the first header",
      FIRST,
      (c, f) => flip(flip(c, 3), (f[0] ?? 0) + 3),
      2,
      ["lost", "lost", "c", "d", "e", "f", "g", "h", "i"],
    ],
    [
      "a sector of zeros",
      FIRST,
      (c, f) => c.fill(0, (f[1] ?? 0) + 50, (f[1] ?? 0) + 400),
      2,
      ["a", "b", "lost", "lost", "e", "f", "g", "h", "i"],
    ],
    [
      "the end of an earlier file",
      FIRST,
      (c, f) => c.subarray(0, (f[2] ?? 0) + 90),
      2,
      ["a", "b", "c", "d", "lost", "lost", "g", "h", "i"],
    ],
    [
      "all of an earlier file",
      FIRST,
      () => Buffer.from("nothing that was ever here"),
      6,
      ["lost", "lost", "lost", "lost", "lost", "lost", "g", "h", "i"],
    ],
    [
      "the last frame's entries",
      SECOND,
      (c, f) => flip(c, (f[0] ?? 0) + 300),
      3,
      ["a", "b", "c", "d", "e", "f", "lost", "lost", "lost"],
    ],
    ["the last frame's header", SECOND, (c, f) => flip(c, (f[0] ?? 0) + 20), null, ["a", "b", "c", "d", "e", "f", "lost"]],
  ])("%s", async (_, name, how, lost, left) => {
    const folder = await filled();
    const damaged = change(folder, name, how);
    await expect(openSpool(folder, { limits })).rejects.toMatchObject({
      code: "spool.damaged",
      message: expect.stringMatching(new RegExp(`${name} is damaged at byte \\d+`)),
    });
    expect(readFileSync(join(folder, name))).toEqual(damaged);

    const spool = await open(folder);
    const [loss, ...more] = spool.recovery.quarantined;
    expect(more).toEqual([]);
    expect(loss).toMatchObject({ file: join(folder, name), lost, keptAs: join(folder, "quarantine", name) });
    expect(readFileSync(loss?.keptAs ?? "")).toEqual(damaged);
    const all = await allEntries(spool);
    expect(short(all).map((entry) => entry.replace(/:.*/, ""))).toEqual(left);
    for (const entry of all.filter((text) => text.startsWith("{"))) {
      expect(JSON.parse(entry)).toEqual({
        stele: "lost",
        reason: expect.any(String),
        file: name,
        offset: loss?.offset,
      });
    }
    expect(spool.next).toBe(left.length);
    // Who delivered what was lost may deliver it again; what is there is not taken twice.
    for (const [i, entry] of left.entries()) {
      const { duplicate } = await spool.append(delivery(`again ${i}`, { id: names[i] }));
      expect([i, duplicate]).toEqual([i, entry !== "lost"]);
    }
    await spool.close();

    const clean = await openSpool(folder, { limits });
    expect(clean.recovery.quarantined).toEqual([]);
    expect((await allEntries(clean)).slice(0, all.length)).toEqual(all);
    await clean.close();
  });

  test("provenance says who put the placeholders there, and of the others what it said", async () => {
    const folder = await filled();
    change(folder, FIRST, (content, frames) => flip(content, (frames[1] ?? 0) + 200));
    const spool = await open(folder);
    const [file] = spool.pending;
    const time = "2026-11-23T15:00:00.000Z";
    expect(file && (await spool.read(file)).appends).toEqual([
      { count: 1, time, source: "app", id: "a" },
      { count: 1, time, source: "app", id: "b" },
      { count: 2, time, source: "stele/quarantine" },
      { count: 1, time, source: "app", id: "e" },
      { count: 1, time, source: "app", id: "f" },
    ]);
    await spool.close();
  });

  test("several places in several files", async () => {
    const folder = await filled();
    change(folder, FIRST, (content, frames) => flip(flip(content, (frames[0] ?? 0) + 200), (frames[2] ?? 0) + 20));
    change(folder, SECOND, (content, frames) => flip(content, (frames[0] ?? 0) + 300));
    const spool = await open(folder);
    expect(spool.recovery.quarantined.map(({ lost }) => lost)).toEqual([2, 2, 3]);
    expect(short(await allEntries(spool)).map((entry) => entry.slice(0, 4))).toEqual([
      "lost",
      "lost",
      "c",
      "d",
      ...Array(5).fill("lost"),
    ]);
    await spool.close();
  });

  test("a file that is gone", async () => {
    const folder = await filled();
    rmSync(join(folder, FIRST));
    await expect(openSpool(folder, { limits })).rejects.toMatchObject({ code: "spool.damaged" });
    const spool = await open(folder);
    expect(spool.recovery.quarantined).toEqual([{ file: join(folder, FIRST), offset: 0, lost: 6, keptAs: "" }]);
    expect(short(await allEntries(spool))).toEqual([...Array(6).fill("lost: the file is missing"), "g", "h", "i"]);
    for (const [i, id] of names.entries()) {
      expect([id, (await spool.append(delivery(entries[i] ?? "", { id }))).duplicate]).toEqual([id, i >= 6]);
    }
    await spool.close();
  });
});

test("of a loss that nothing measures, every id may come again, and is known from then on", async () => {
  const folder = await filled();
  const closed = await openSpool(folder, { limits });
  await closed.cut();
  await closed.close();
  change(folder, SECOND, (content, frames) => flip(content, (frames[0] ?? 0) + 20));
  const spool = await open(folder);
  expect(spool.recovery.quarantined.map(({ lost }) => lost)).toEqual([null]);
  const redeliver = (to: Spool, i: number): Promise<unknown> => to.append(delivery(entries[i] ?? "", { id: names[i] }));
  for (const i of [6, 7, 8]) expect(await redeliver(spool, i)).toEqual({ first: i + 1, count: 1, duplicate: false });
  await spool.close();
  const again = await openSpool(folder, { limits });
  for (const i of [6, 7, 8]) expect(await redeliver(again, i)).toEqual({ first: i + 1, count: 1, duplicate: true });
  await again.close();
});

test("an entry that looks like a frame is not taken for one behind damage", async () => {
  const folder = newFolder();
  const spool = await newSpool(folder);
  await spool.append(delivery("before"));
  const path = join(folder, FIRST);
  // A frame of another file, whole and in the right place, handed in as entries.
  const other = await filled();
  const content = readFileSync(join(other, FIRST));
  const forged = content.subarray(framesOf(content)[1], framesOf(content)[2]);
  await spool.append({ source: "stranger", count: forged.filter((byte) => byte === 10).length, bytes: forged });
  await spool.append(delivery("after"));
  await spool.close();
  const damaged = readFileSync(path);
  writeFileSync(path, flip(damaged, (framesOf(damaged)[1] ?? 0) + 20));
  const again = await openSpool(folder, { quarantine: true });
  const all = await allEntries(again);
  expect([all[0], all.at(-1), all.filter((entry) => entry.startsWith(`{"stele":"lost"`)).length]).toEqual([
    "before",
    "after",
    all.length - 2,
  ]);
  await again.close();
});

test("every call of the file system fails in turn while a file is set aside: the next open ends it", async () => {
  const counting = new FaultyFiles();
  const trial = await filled();
  change(trial, FIRST, (content, frames) => flip(content, (frames[1] ?? 0) + 200));
  await (await openSpool(trial, { limits, files: counting, quarantine: true })).close();
  for (let call = 0; call < counting.calls.length; call++) {
    for (const when of ["before", "after"] as const) {
      const folder = await filled();
      const damaged = change(folder, FIRST, (content, frames) => flip(content, (frames[1] ?? 0) + 200));
      const files = new FaultyFiles();
      files.plan = (at) => (at >= call ? { errno: "EIO", when } : null);
      await expect(openSpool(folder, { limits, files, quarantine: true })).rejects.toMatchObject({ code: "spool.failed" });
      expect(files.descriptors).toBe(0);
      const spool = await open(folder);
      expect(short(await allEntries(spool)).map((entry) => entry.slice(0, 4))).toEqual([
        "a",
        "b",
        "lost",
        "lost",
        "e",
        "f",
        "g",
        "h",
        "i",
      ]);
      for (const [i, name] of names.entries()) {
        const { duplicate } = await spool.append(delivery(entries[i] ?? "", { id: name }));
        expect([name, duplicate]).toEqual([name, i !== 2 && i !== 3]);
      }
      await spool.close();
      expect(readFileSync(join(folder, "quarantine", FIRST))).toEqual(damaged);
      expect(readdirSync(folder).filter((name) => name.endsWith(".mended"))).toEqual([]);
      expect(existsSync(join(folder, FIRST))).toBe(true);
    }
  }
});
