import { readdirSync, rmSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { isSteleError } from "../../../src/core/error.ts";
import type { ClosedFile } from "../../../src/archive/spool/delivery.ts";
import type { Spool } from "../../../src/archive/spool/spool.ts";
import { loadSqlite } from "../../../src/archive/spool/sqlite.ts";
import { errnoOf } from "../../../src/store/directory/errno.ts";
import { LIMITS } from "./constants.ts";
import { type Fault, FaultyFiles } from "./faulty-files.ts";
import { commitOf, delivery, entriesOf, newFolder, newSpool, openSpool } from "./fixture.ts";

/** What the test's archive holds, by index, and what was promised to it. */
class Ledger {
  readonly archived = new Map<number, string>();
  readonly acked = new Map<number, string>();
  commits = 0;

  async append(spool: Spool, ...entries: string[]): Promise<void> {
    try {
      const { first } = await spool.append(delivery(entries));
      for (const [i, entry] of entries.entries()) this.acked.set(first + i, entry);
    } catch (error) {
      if (!isSteleError(error, "spool.failed")) throw error;
    }
  }

  /** Archives the oldest file, as far as it gets. */
  async archive(spool: Spool, file: ClosedFile): Promise<void> {
    for (const [i, entry] of (await entriesOf(spool, file)).entries()) {
      // What an earlier try committed is what a later one reads.
      const before = this.archived.get(file.first + i) ?? entry;
      if (before !== entry) throw new Error(`entry ${file.first + i} was ${before} and is ${entry}`);
      this.archived.set(file.first + i, entry);
    }
    await spool.retire(file, commitOf(this.commits++));
  }
}

function checkLedger({ archived, acked }: Ledger): void {
  for (const [index, entry] of acked) expect(archived.get(index)).toBe(entry);
  const all = [...archived.values()];
  expect(new Set(all).size).toBe(all.length);
  expect([...archived.keys()].sort((a, b) => a - b)).toEqual(all.map((_, i) => i));
}

const limits = { ...LIMITS, entries: 6 };

/** A spool's life; what the disk refuses in it is `spool.failed` and never anything else. */
async function life(files: FaultyFiles, folder: string, ledger: Ledger, spareFrom: number): Promise<void> {
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!isSteleError(error, "spool.failed")) throw error;
    }
  };
  for (let round = 0; round < 2; round++) {
    await attempt(async () => {
      const spool = await openSpool(folder, { files, limits, spareFrom });
      try {
        if (spool.next === null) spool.start(0);
        const name = (what: string): string => `${round} ${what}`;
        await Promise.all([ledger.append(spool, name("a"), name("b")), ledger.append(spool, name("c"))]);
        await ledger.append(spool, name("d"), name("e"));
        await Promise.all([ledger.append(spool, name("f"), name("g")), ledger.append(spool, name("h"))]);
        await attempt(() => spool.cut());
        const [oldest] = spool.pending;
        if (oldest !== undefined) await attempt(() => ledger.archive(spool, oldest));
        await ledger.append(spool, name("i"));
      } finally {
        await spool.close();
      }
    });
  }
}

async function checkWithHealthyDisk(folder: string, ledger: Ledger): Promise<void> {
  const spool = await openSpool(folder, { limits });
  if (spool.next === null) spool.start(0);
  await ledger.append(spool, "afterwards");
  await spool.cut();
  for (const file of spool.pending) await ledger.archive(spool, file);
  expect([spool.entries, spool.bytes]).toEqual([0, 0]);
  await spool.close();
  checkLedger(ledger);
  expect([...ledger.acked.values()]).toContain("afterwards");
}

const faults: readonly Fault[] = (["EIO", "ENOSPC", "EROFS"] as const).flatMap((errno) => [
  { errno, when: "before" },
  { errno, when: "after" },
]);

test.each([
  ["once", "each file is new", 1, Number.POSITIVE_INFINITY],
  ["from there on", "each file is new", Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ["once", "archived files are filled again", 1, 0],
  ["from there on", "archived files are filled again", Number.POSITIVE_INFINITY, 0],
])(
  "every call of the file system fails in turn, %s, and %s: what was acknowledged is there once and in order",
  async (_, __, times, spareFrom) => {
    const healthy = new FaultyFiles();
    const whole = new Ledger();
    const folder = newFolder();
    await life(healthy, folder, whole, spareFrom);
    expect(whole.acked.size).toBe(18);
    await checkWithHealthyDisk(folder, whole);

    const refused = new Set<string>();
    for (let call = 0; call < healthy.calls.length; call++) {
      const fault = faults[call % 2 === 0 ? call % faults.length : (call * 5 + 1) % faults.length];
      for (const when of ["before", "after"] as const) {
        const files = new FaultyFiles();
        files.plan = (at) => (fault !== undefined && at >= call && at < call + times ? { ...fault, when } : null);
        const ledger = new Ledger();
        const at = newFolder();
        await life(files, at, ledger, spareFrom);
        expect(files.descriptors).toBe(0);
        if (ledger.acked.size < whole.acked.size) refused.add(files.calls[call] ?? "");
        // A single failure costs no more than the calls that met it: the rest of the life goes on.
        if (times === 1 && files.calls[call] === "write") expect(ledger.acked.size).toBeGreaterThanOrEqual(15);
        await checkWithHealthyDisk(at, ledger);
      }
    }
    expect([...refused]).toEqual(expect.arrayContaining(["create", "write", "datasync", "syncFolder"]));
  },
);

test("a full disk refuses, and the spool goes on by itself once there is room", async () => {
  const files = new FaultyFiles();
  const closed: ClosedFile[] = [];
  const spool = await newSpool(newFolder(), { files, onClosed: (file) => closed.push(file) });
  await spool.append(delivery(["a", "b"]));
  files.plan = (_, operation) => (operation === "write" ? { errno: "ENOSPC", when: "before" } : null);
  for (let i = 0; i < 3; i++) {
    await expect(spool.append(delivery("refused"))).rejects.toMatchObject({
      code: "spool.failed",
      message: expect.stringMatching(/the disk is full \(ENOSPC\)/),
      cause: { code: "ENOSPC" },
    });
  }
  expect([spool.next, spool.entries, closed.length, spool.filling]).toEqual([2, 2, 1, null]);
  files.plan = () => null;
  expect(await spool.append(delivery("c"))).toEqual({ first: 2, count: 1, duplicate: false });
  await spool.cut();
  expect(await Promise.all(spool.pending.map((file) => entriesOf(spool, file)))).toEqual([["a", "b"], ["c"]]);
  await spool.close();
  expect(files.descriptors).toBe(0);
});

test("when a failed write can't be taken back, everything is refused until the spool is opened again", async () => {
  const files = new FaultyFiles();
  const folder = newFolder();
  const spool = await newSpool(folder, { files });
  await spool.append(delivery("kept"));
  files.plan = (_, operation) => (operation === "datasync" || operation === "truncate" ? { errno: "EIO", when: "before" } : null);
  const refused = { code: "spool.failed", message: expect.stringMatching(/open the spool again/) };
  const [a, cut] = await Promise.allSettled([spool.append(delivery("a", { id: "1" })), spool.cut()]);
  expect([a, cut]).toMatchObject([
    { status: "rejected", reason: refused },
    { status: "rejected", reason: refused },
  ]);
  files.plan = () => null;
  await expect(spool.append(delivery("b"))).rejects.toMatchObject(refused);
  expect([spool.next, spool.entries, spool.pending]).toEqual([1, 1, []]);
  await spool.close();
  expect(files.descriptors).toBe(0);

  const again = await openSpool(folder);
  const [file] = again.pending;
  expect(file && (await entriesOf(again, file))[0]).toBe("kept");
  await again.close();
});

test("a state that has no room is a full disk, and retiring works once there is some", async () => {
  const spool = await newSpool(newFolder());
  for (let i = 0; i < 50; i++) await spool.append(delivery("x", { source: `${i}`, cursor: "c".repeat(4096) }));
  const file = await spool.cut();
  if (file === null) throw new Error("expected a file");
  const { prototype } = loadSqlite().DatabaseSync;
  const exec: unknown = Reflect.get(prototype, "exec");
  let pages = 1;
  const watched = vi.spyOn(prototype, "exec").mockImplementation(function limited(this: unknown, sql) {
    if (typeof exec !== "function") return;
    Reflect.apply(exec, this, [`PRAGMA max_page_count = ${pages}`]);
    Reflect.apply(exec, this, [sql]);
  });
  try {
    const error = await spool.retire(file, commitOf(0)).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: "spool.failed", message: expect.stringMatching(/full/) });
    expect(errnoOf(error instanceof Error ? error.cause : null)).toBe("ENOSPC");
    pages = 1_000_000;
    await spool.retire(file, commitOf(0));
  } finally {
    watched.mockRestore();
  }
  expect(spool.pending).toEqual([]);
  await spool.close();
});

test("archived files that can't be removed are tried again a few at a time, and not once they are gone", async () => {
  const files = new FaultyFiles();
  const folder = newFolder();
  const spool = await newSpool(folder, { files });
  const retireOne = async (): Promise<number> => {
    const { first } = await spool.append(delivery("x"));
    await spool.cut();
    const before = files.calls.length;
    for (const file of spool.pending) await spool.retire(file, commitOf(first));
    return files.calls.slice(before).filter((call) => call === "remove").length;
  };
  const left = (): string[] => readdirSync(folder).filter((name) => name.endsWith(".spool"));
  files.plan = (_, operation) => (operation === "remove" ? { errno: "EIO", when: "before" } : null);
  const tries: number[] = [];
  for (let i = 0; i < 10; i++) tries.push(await retireOne());
  expect(tries).toEqual([1, 2, 3, 4, 4, 4, 4, 4, 4, 4]);
  for (const name of left().slice(0, 5)) rmSync(`${folder}/${name}`);
  files.plan = () => null;
  for (let i = 0; i < 4; i++) await retireOne();
  expect([left(), await retireOne()]).toEqual([[], 1]);
  await spool.close();
});
