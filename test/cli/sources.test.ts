import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { namedSources, streamName } from "../../src/cli/sources.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-sources-"));
  await mkdir(join(folder, "d.log"));
  for (const name of ["b.log", "a.log", "c.txt", "[x].log", "x.log"]) await writeFile(join(folder, name), "event\n");
});
afterEach(() => rm(folder, { recursive: true }));

async function names(...files: string[]): Promise<string[]> {
  return (await namedSources(files.map((file) => join(folder, file)))).map(({ label }) => basename(label));
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

test("standard input is asked for by nothing or -, has a name of its own, and does not come with files", () => {
  expect(streamName([], undefined)).toBe("stdin");
  expect(streamName(["-"], "k8s")).toBe("k8s");
  expect(streamName(["a.log"], undefined)).toBeNull();
  const refused = expect.objectContaining({ code: "input.invalid" });
  expect(() => streamName(["a.log"], "k8s")).toThrow(refused);
  expect(() => streamName(["a.log", "-"], undefined)).toThrow(refused);
});
