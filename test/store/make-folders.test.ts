import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeFolders } from "../../src/store/directory/make-folders.ts";
import { temporaryFolder } from "../archive/log/logs.ts";

test("folders are made from the outermost, and those that are there are left alone", async () => {
  const root = await temporaryFolder();
  const path = join(root, "a", "b", "c");
  expect(await makeFolders(path, 0o700)).toEqual([join(root, "a"), join(root, "a", "b"), path]);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect(await makeFolders(path)).toEqual([]);
});

test("a file in the way, and a place that takes no folders, are refused at once", async () => {
  const root = await temporaryFolder();
  await writeFile(join(root, "file"), "");
  await expect(makeFolders(join(root, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeFolders(join(root, "file", "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(makeFolders("/proc/stele/spool")).rejects.toMatchObject({ code: "ENOENT" });
});
