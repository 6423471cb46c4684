import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { isSteleError } from "../../../src/core/error.ts";
import { allEntries, delivery, newFolder, newSpool, openSpool } from "./fixture.ts";
import { LIMITS } from "./constants.ts";

const FIRST = "0000000000000000.spool";
const SECOND = "0000000000000004.spool";
const limits = { ...LIMITS, entries: 4 };
/** Seven entries in two files, of two and of two frames. */
const entries = ["a", "b", "c", "d", "e", "f", "g"].map((name) => `${name} `.repeat(30));

let folder: string;
let pristine: string;
beforeAll(async () => {
  folder = newFolder();
  const spool = await newSpool(folder, { limits });
  for (const group of [entries.slice(0, 3), entries.slice(3, 4), entries.slice(4, 5), entries.slice(5)]) {
    await Promise.all(group.map((entry) => spool.append(delivery(entry))));
  }
  await spool.close();
  pristine = newFolder();
  mkdirSync(pristine);
  for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(pristine, name));
});

function restore(): void {
  for (const name of [FIRST, SECOND]) copyFileSync(join(pristine, name), join(folder, name));
}

/** Entries and torn bytes, or where the spool says it is damaged. */
async function found(): Promise<{ entries: string[]; torn: number } | "damaged"> {
  try {
    const spool = await openSpool(folder, { limits });
    try {
      return { entries: await allEntries(spool), torn: spool.recovery.tornBytes };
    } finally {
      await spool.close();
    }
  } catch (error) {
    if (isSteleError(error, "spool.damaged")) return "damaged";
    throw error;
  }
}

test("undamaged, all is found", async () => {
  restore();
  expect(readdirSync(folder)).toEqual([FIRST, SECOND, "state.db"]);
  expect(await found()).toEqual({ entries, torn: 0 });
});

describe.each([
  ["a bit flips", 0, (byte: number, at: number) => byte ^ (1 << (at % 8))],
  ["a byte is zero", 0, () => 0],
  // Where a file was filled again that was longer.
  ["with zeros behind, a bit flips", 700, (byte: number, at: number) => byte ^ (1 << (at % 8))],
  ["with zeros behind, a byte is zero", 700, () => 0],
])("%s, at every place in turn", (_, zeros, change) => {
  test.each([
    ["in an earlier file: refused", FIRST],
    ["in the last file: refused, or said as torn where a crash would look the same", SECOND],
  ])("%s", async (__, name) => {
    const { length } = readFileSync(join(pristine, name));
    const content = Buffer.concat([readFileSync(join(pristine, name)), Buffer.alloc(zeros)]);
    let torn = 0;
    for (let at = 0; at < content.length; at++) {
      restore();
      const damaged = Buffer.from(content);
      damaged[at] = change(damaged[at] ?? 0, at);
      if (damaged.equals(content)) continue;
      writeFileSync(join(folder, name), damaged);
      const result = await found();
      if (result === "damaged") continue;
      expect([at, name]).toEqual([at, SECOND]);
      expect(result.torn).toBeGreaterThan(0);
      if (at >= length) {
        // Behind the last frame: what a write that was under way may have left.
        expect(result.entries).toEqual(entries);
        continue;
      }
      expect(result.entries).toEqual(entries.slice(0, 5));
      torn++;
    }
    // Only a piece of one byte can look torn by one byte.
    expect(torn).toBeLessThanOrEqual(1);
  });
});

test("the last file cut short at every place: torn, and every frame before is kept", async () => {
  const content = readFileSync(join(pristine, SECOND));
  const kept = new Set<number>();
  for (let length = 0; length < content.length; length++) {
    restore();
    truncateSync(join(folder, SECOND), length);
    const result = await found();
    if (result === "damaged") throw new Error(`damaged at length ${length}`);
    expect(result.entries).toEqual(entries.slice(0, result.entries.length));
    kept.add(result.entries.length);
    if (result.entries.length === 4) expect(result.torn).toBe(length);
    // What is torn is cut off for good.
    expect(await found()).toEqual({ entries: result.entries, torn: 0 });
  }
  expect([...kept]).toEqual([4, 5]);
});

test("an earlier file cut short at any place, or gone, is damage", async () => {
  const { length } = readFileSync(join(pristine, FIRST));
  for (let left = 0; left < length; left++) {
    restore();
    truncateSync(join(folder, FIRST), left);
    expect([left, await found()]).toEqual([left, "damaged"]);
  }
  restore();
  rmSync(join(folder, FIRST));
  expect(await found()).toBe("damaged");
});

test("zeros by right don't make damage look torn", async () => {
  const at = newFolder();
  const spool = await newSpool(at);
  await spool.append(delivery("\0".repeat(5000)));
  await spool.close();
  const path = join(at, FIRST);
  const content = readFileSync(path);
  const damaged = Buffer.from(content);
  damaged[3000] = 1;
  writeFileSync(path, damaged);
  await expect(openSpool(at)).rejects.toMatchObject({ code: "spool.damaged", message: expect.stringContaining(path) });
  // A sector that never got there is another zero piece than were written.
  const torn = Buffer.from(content);
  torn.fill(0, 0, 512);
  writeFileSync(path, torn);
  const again = await openSpool(at);
  expect([again.recovery.tornBytes, again.entries]).toEqual([content.length, 0]);
  await again.close();
});

test("what changes after recovery is refused when it is read", async () => {
  restore();
  const spool = await openSpool(folder, { limits });
  const [file] = spool.pending;
  const content = readFileSync(join(folder, FIRST));
  content[400] = (content[400] ?? 0) ^ 1;
  writeFileSync(join(folder, FIRST), content);
  await expect(file && spool.read(file)).rejects.toMatchObject({ code: "spool.damaged" });
  await spool.close();
});

test("a damaged state is refused", async () => {
  const at = newFolder();
  mkdirSync(at);
  writeFileSync(join(at, "state.db"), Buffer.alloc(8192, "no database"));
  await expect(openSpool(at)).rejects.toMatchObject({ code: "spool.damaged", message: expect.stringContaining("state.db") });
});
