import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { namedSources } from "../../src/cli/sources.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-sources-"));
  await mkdir(join(folder, "d.log"));
  for (const name of ["b.log", "a.log", "c.txt", "[x].log", "x.log"]) await writeFile(join(folder, name), "event\n");
});
afterEach(() => rm(folder, { recursive: true }));

async function names(...files: string[]): Promise<string[]> {
  return (
    await namedSources(
      files.map((file) => join(folder, file)),
      undefined,
    )
  ).map(({ label }) => basename(label));
}

test("files come in the order named, those of a pattern sorted, folders left out, each once", async () => {
  expect(await names("c.txt", "?.log", "a.log")).toEqual(["c.txt", "a.log", "b.log", "x.log"]);
});

test("a file whose very name looks like a pattern is that file", async () => {
  expect(await names("[x].log")).toEqual(["[x].log"]);
});

test("what matches nothing, is not there or is a folder is refused", async () => {
  await expect(names("*.zst")).rejects.toMatchObject({ code: "input.invalid" });
  await expect(names("none.log")).rejects.toMatchObject({ code: "input.unreadable" });
  await expect(names("d.log")).rejects.toMatchObject({ code: "input.unreadable" });
});

test("--source names standard input, not files", async () => {
  await expect(namedSources([join(folder, "a.log")], "k8s")).rejects.toMatchObject({ code: "input.invalid" });
});
