import { copyFileSync, existsSync } from "node:fs";
import { expect, test } from "vitest";
import { nodeFiles, type SpoolFile, type SpoolFiles } from "../../../src/archive/spool/files.ts";
import { DEFAULT_LIMITS } from "../../../src/archive/input/segmenter.ts";
import { FaultyFiles } from "./faulty-files.ts";
import { allEntries, commitOf, delivery, entriesOf, newFolder, newSpool, openSpool } from "./fixture.ts";

test("a large spool is recovered in the memory of its largest frame", async () => {
  const folder = newFolder();
  const spool = await newSpool(folder, { limits: DEFAULT_LIMITS });
  const bytes = Buffer.alloc(1 << 20, `${"x".repeat(1023)}\n`);
  const appends: Promise<unknown>[] = [];
  for (let i = 0; i < 200; i++) {
    appends.push(spool.append({ source: "app", count: 1024, bytes }));
    if (appends.length === 20) await Promise.all(appends.splice(0));
  }
  const { entries } = spool;
  const onDisk = spool.bytes;
  await spool.close();

  let largest = 0;
  let opened = 0;
  const watched = (file: SpoolFile): SpoolFile => ({
    write: (data, position) => file.write(data, position),
    read: (into, position) => {
      largest = Math.max(largest, into.length);
      return file.read(into, position);
    },
    truncate: (length) => file.truncate(length),
    datasync: () => file.datasync(),
    close: () => file.close(),
  });
  const files: SpoolFiles = {
    ...nodeFiles,
    open: async (path) => {
      opened++;
      return watched(await nodeFiles.open(path));
    },
  };
  const again = await openSpool(folder, { limits: DEFAULT_LIMITS, files });
  expect(again.recovery).toEqual({ entries, bytes: onDisk, files: 13, tornBytes: 0, quarantined: [] });
  expect([again.entries, again.bytes, opened]).toEqual([204_800, onDisk, 13]);
  expect(largest).toBeLessThanOrEqual((4 << 20) + 4096);
  await again.close();
});

test("what was read once is what is read again, and a recovered file is not added to", async () => {
  const folder = newFolder();
  let spool = await newSpool(folder);
  await spool.append(delivery(["a", "b"], { id: "1" }));
  await spool.close();
  spool = await openSpool(folder);
  await spool.append(delivery("c"));
  await spool.cut();
  const before = await Promise.all(spool.pending.map((file) => spool.read(file)));
  const files = spool.pending;
  expect(files.map(({ first, count }) => [first, count])).toEqual([
    [0, 2],
    [2, 1],
  ]);
  await spool.close();
  spool = await openSpool(folder);
  expect(spool.pending).toMatchObject(
    files.map(({ path, first, count, rawBytes, fileBytes, since }) => ({ path, first, count, rawBytes, fileBytes, since })),
  );
  expect(await Promise.all(spool.pending.map((file) => spool.read(file)))).toEqual(before);
  await spool.close();
});

test("a crash between what is remembered of a file and its end: it is removed, and nothing comes twice", async () => {
  const folder = newFolder();
  const files = new FaultyFiles();
  let spool = await newSpool(folder, { files });
  await spool.append(delivery("a", { id: "1", cursor: "9" }));
  const file = await spool.cut();
  if (file === null) throw new Error("nothing was cut");
  await spool.append(delivery("b"));
  await spool.cut();
  const second = spool.pending[1];
  await expect(second && spool.retire(second, commitOf(0))).rejects.toThrow(RangeError);
  files.plan = (_, operation) => (operation === "remove" ? { errno: "EIO", when: "before" } : null);
  await spool.retire(file, commitOf(0));
  expect([existsSync(file.path), spool.entries, spool.pending.length]).toEqual([true, 1, 1]);
  await spool.close();

  spool = await openSpool(folder);
  expect(existsSync(file.path)).toBe(false);
  expect([await allEntries(spool), spool.remembered, spool.cursor("app"), spool.next]).toEqual([
    ["b"],
    { manifest: 0, leaf: new Uint8Array(32), next: 1 },
    "9",
    2,
  ]);
  expect(await spool.append(delivery("a", { id: "1" }))).toEqual({ first: 0, count: 1, duplicate: true });
  await spool.close();
});

test("a crash before anything is remembered of an archived file: it is there again, the same", async () => {
  const folder = newFolder();
  let spool = await newSpool(folder);
  await spool.append(delivery("a"));
  const file = await spool.cut();
  if (file === null) throw new Error("nothing was cut");
  copyFileSync(file.path, `${file.path}.copy`);
  await spool.close();
  spool = await openSpool(folder);
  expect([spool.remembered, spool.pending[0] && (await entriesOf(spool, spool.pending[0]))]).toEqual([null, ["a"]]);
  // Files that are none of the spool's are left alone.
  expect(existsSync(`${file.path}.copy`)).toBe(true);
  await spool.close();
});
