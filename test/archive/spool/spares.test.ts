import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Spool, SpoolOptions } from "../../../src/archive/spool/spool.ts";
import { FaultyFiles } from "./faulty-files.ts";
import { allEntries, commitOf, delivery, newFolder, newSpool, openSpool } from "./fixture.ts";

const spoolFiles = (folder: string): string[] => readdirSync(folder).filter((name) => !name.startsWith("state.db"));
const nameOf = (first: number, kind = "spool"): string => `${String(first).padStart(16, "0")}.${kind}`;

/** Archives what was appended, and waits until nothing or a spare is left of it. */
async function archiveAll(spool: Spool, folder: string): Promise<void> {
  await spool.cut();
  for (const file of spool.pending) await spool.retire(file, commitOf(file.first));
  await expect.poll(() => spoolFiles(folder).filter((name) => name.endsWith(".spool"))).toEqual([]);
  // Until the spool has heard of it as well.
  await setTimeout(10);
  await setImmediate();
}

async function withSpare(options: Partial<SpoolOptions> = {}): Promise<{ spool: Spool; folder: string; length: number }> {
  const folder = newFolder();
  const spool = await newSpool(folder, { spareFrom: 3000, ...options });
  await spool.append(delivery("old ".repeat(1000)));
  const { bytes } = spool;
  await archiveAll(spool, folder);
  expect(spoolFiles(folder)).toEqual([nameOf(0, "spare")]);
  return { spool, folder, length: bytes };
}

test("an archived file is filled again: the same file, its zeros first", async () => {
  const { spool, folder, length } = await withSpare();
  const { ino, size } = statSync(join(folder, nameOf(0, "spare")));
  expect([size, spool.bytes]).toEqual([length, 0]);
  expect(readFileSync(join(folder, nameOf(0, "spare"))).every((byte) => byte === 0)).toBe(true);
  await spool.append(delivery("new"));
  expect(statSync(join(folder, nameOf(1))).ino).toBe(ino);
  const content = readFileSync(join(folder, nameOf(1)));
  expect(spoolFiles(folder)).toEqual([nameOf(1)]);
  expect([content.length, content.includes("old"), content.subarray(spool.bytes).every((byte) => byte === 0)]).toEqual([
    length,
    false,
    true,
  ]);
  expect(spool.bytes).toBeLessThan(length);
  await spool.append(delivery("longer ".repeat(1000)));
  await spool.cut();
  expect((await allEntries(spool)).at(-1)).toBe("longer ".repeat(1000));
  await spool.close();
});

test("what a file does not fill is cut off when it ends, but for a little", async () => {
  const { spool, folder, length } = await withSpare();
  await spool.append(delivery("short"));
  const file = await spool.cut();
  expect(statSync(join(folder, nameOf(1))).size).toBe(file?.fileBytes);
  await archiveAll(spool, folder);
  // A file as short as that is not worth it.
  expect(spoolFiles(folder)).toEqual([]);

  await spool.append(delivery("x".repeat(4000)));
  await archiveAll(spool, folder);
  await spool.append(delivery("x".repeat(3900)));
  const almost = await spool.cut();
  expect(almost?.fileBytes).toBe(length - 100);
  expect(statSync(join(folder, nameOf(3))).size).toBe(length);
  // And those zeros are there still when it is filled once more.
  await archiveAll(spool, folder);
  expect(statSync(join(folder, nameOf(3, "spare"))).size).toBe(length);
  await spool.close();
  expect(spoolFiles(folder)).toEqual([]);
});

test("zeros that a crash leaves behind the last frame are neither torn nor damage, and are cut off", async () => {
  for (const zeros of [1, 511, 512, 513, 100_000]) {
    const folder = newFolder();
    let spool = await newSpool(folder);
    await spool.append(delivery("a"));
    await spool.cut();
    await spool.append(delivery(["b", "c"], { id: "1" }));
    const { bytes } = spool;
    await spool.close();
    for (const name of spoolFiles(folder)) truncateSync(join(folder, name), statSync(join(folder, name)).size + zeros);
    spool = await openSpool(folder);
    expect(spool.recovery).toMatchObject({ entries: 3, bytes, files: 2, tornBytes: 0 });
    expect(await allEntries(spool)).toEqual(["a", "b", "c"]);
    expect(spool.pending.map(({ path }) => statSync(path).size)).toEqual(spool.pending.map(({ fileBytes }) => fileBytes));
    await spool.close();
  }
});

test("a spare that a crash leaves is removed, whatever is in it", async () => {
  const { spool, folder } = await withSpare();
  await spool.append(delivery("a"));
  await spool.close();
  writeFileSync(join(folder, nameOf(0, "spare")), "anything");
  const again = await openSpool(folder);
  expect([spoolFiles(folder), await allEntries(again)]).toEqual([[nameOf(1)], ["a"]]);
  await again.close();
});

test("a spare that can't be given its name costs the append that met it, and nothing stays of it", async () => {
  for (const when of ["before", "after"] as const) {
    const files = new FaultyFiles();
    const { spool, folder } = await withSpare({ files });
    files.plan = (_, operation) => (operation === "rename" ? { errno: "EIO", when } : null);
    await expect(spool.append(delivery("refused"))).rejects.toMatchObject({ code: "spool.failed" });
    expect(spoolFiles(folder)).toEqual([]);
    files.plan = () => null;
    expect(await spool.append(delivery("a"))).toEqual({ first: 1, count: 1, duplicate: false });
    await spool.cut();
    expect(await allEntries(spool)).toEqual(["a"]);
    await spool.close();
    expect(files.descriptors).toBe(0);
  }
});

test("one that can't be made is removed", async () => {
  for (const operation of ["open", "rename", "write", "datasync"]) {
    const files = new FaultyFiles();
    const folder = newFolder();
    const spool = await newSpool(folder, { files, spareFrom: 0 });
    await spool.append(delivery("a"));
    const file = await spool.cut();
    if (file === null) throw new Error("expected a file");
    files.plan = (_, called) => (called === operation ? { errno: "EIO", when: "before" } : null);
    await spool.retire(file, commitOf(0));
    await expect.poll(() => spoolFiles(folder)).toEqual([]);
    files.plan = () => null;
    await spool.append(delivery("b"));
    await spool.close();
    expect([files.descriptors, spoolFiles(folder)]).toEqual([0, [nameOf(1)]]);
  }
});
