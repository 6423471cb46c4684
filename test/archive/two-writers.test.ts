import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { createDirectoryStore } from "../../src/store/directory/directory.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { NOW } from "./fixture.ts";
import { twoWriters } from "./two-writers.ts";

const now = (): number => NOW;

twoWriters("a bucket that heeds If-None-Match", { store: async () => new MemoryStore({ now }), now, stacks: false });

twoWriters("a bucket that ignores If-None-Match", {
  store: async () => new MemoryStore({ now, conditionalPut: false }),
  now,
  stacks: true,
});

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});
twoWriters("a folder", {
  store: async () => {
    const folder = await mkdtemp(join(tmpdir(), "stele-two-writers-"));
    folders.push(folder);
    return createDirectoryStore(folder, { now });
  },
  now,
  stacks: false,
});
