import { expect, test } from "vitest";
import { isSteleError } from "../../../src/core/error.ts";
import type { ClosedFile } from "../../../src/archive/spool/delivery.ts";
import type { Spool } from "../../../src/archive/spool/spool.ts";
import { LIMITS } from "./constants.ts";
import { commitOf, delivery, entriesOf, newFolder, openSpool, seeded } from "./fixture.ts";
import { ForgetfulFiles } from "./forgetful-files.ts";

const limits = { ...LIMITS, entries: 8 };
/** From how many bytes on archived files are filled again. */
const ALWAYS = 0;
const NEVER = Number.POSITIVE_INFINITY;
/** Entries longer than a sector, so that frames are torn in many ways. */
const text = (name: string): string => `${name} ${name.repeat(300)}`;

class Ledger {
  readonly archived = new Map<number, string>();
  readonly acked = new Map<number, string>();
  commits = 0;
}

async function append(spool: Spool, ledger: Ledger, ...names: string[]): Promise<void> {
  const entries = names.map(text);
  const { first } = await spool.append(delivery(entries, { id: names[0], cursor: names[0] }));
  for (const [i, entry] of entries.entries()) ledger.acked.set(first + i, entry);
}

async function archive(spool: Spool, ledger: Ledger, file: ClosedFile): Promise<void> {
  for (const [i, entry] of (await entriesOf(spool, file)).entries()) {
    expect(ledger.archived.get(file.first + i) ?? entry).toBe(entry);
    ledger.archived.set(file.first + i, entry);
  }
  await spool.retire(file, commitOf(ledger.commits++));
}

async function life(spool: Spool, ledger: Ledger, life_: string): Promise<void> {
  const name = (what: string): string => `${life_}${what}`;
  if (spool.next === null) spool.start(0);
  await Promise.all([append(spool, ledger, name("a"), name("b")), append(spool, ledger, name("c"))]);
  await append(spool, ledger, name("d"));
  await Promise.all([append(spool, ledger, name("e"), name("f")), append(spool, ledger, name("g"), name("h"), name("i"))]);
  const [oldest] = spool.pending;
  if (oldest !== undefined) await archive(spool, ledger, oldest);
  await append(spool, ledger, name("j"));
  await spool.cut();
  for (const file of spool.pending) await archive(spool, ledger, file);
  await append(spool, ledger, name("k"));
}

/** Opens, lives and closes; the power may go at any time. */
async function liveOn(files: ForgetfulFiles, folder: string, ledger: Ledger, name: string, spareFrom: number): Promise<void> {
  let spool: Spool | null = null;
  try {
    spool = await openSpool(folder, { files, limits, spareFrom });
    await life(spool, ledger, name);
  } catch (error) {
    if (!isSteleError(error, "spool.failed") || !files.isOff) throw error;
  } finally {
    await spool?.close();
  }
}

async function checkAll(files: ForgetfulFiles, folder: string, ledger: Ledger): Promise<number> {
  const spool = await openSpool(folder, { files, limits });
  try {
    for (const file of spool.pending) await archive(spool, ledger, file);
    const cursors = [...ledger.acked.values()].map((entry) => entry.split(" ")[0]);
    if (cursors.length > 0) expect(spool.cursor("app")).not.toBeNull();
    // Every acknowledged id is known: nothing comes in twice.
    for (const [index, entry] of ledger.acked) {
      const known = await spool.append(delivery(entry, { id: entry.split(" ")[0] })).catch(() => null);
      if (known?.duplicate === true) expect(known.first).toBe(index);
    }
    return spool.recovery.tornBytes;
  } finally {
    await spool.close();
    for (const [index, entry] of ledger.acked) expect(ledger.archived.get(index)).toBe(entry);
    const all = [...ledger.archived.values()];
    expect(new Set(all).size).toBe(all.length);
    expect([...ledger.archived.keys()].sort((a, b) => a - b)).toEqual(all.map((_, i) => i));
  }
}

test.each([
  ["nothing that was not synced is there", "each file is new", null, NEVER],
  ["some of it is there, sector by sector", "each file is new", 1, NEVER],
  ["some of it, drawn again", "each file is new", 2, NEVER],
  ["nothing that was not synced is there", "archived files are filled again", null, ALWAYS],
  ["some of it is there, sector by sector", "archived files are filled again", 1, ALWAYS],
  ["some of it, drawn again", "archived files are filled again", 2, ALWAYS],
  ["some of it, drawn once more", "archived files are filled again", 3, ALWAYS],
])(
  "the power goes at every call of the file system in turn; %s, and %s: all that was acknowledged is there once, in order",
  async (_, __, seed, spareFrom) => {
    const whole = new ForgetfulFiles();
    const wholeFolder = newFolder();
    const full = new Ledger();
    await liveOn(whole, wholeFolder, full, "A", spareFrom);
    await liveOn(whole, wholeFolder, full, "B", spareFrom);
    expect(full.acked.size).toBe(22);
    const total = whole.calls;
    await checkAll(whole, wholeFolder, full);

    let torn = 0;
    for (let call = 0; call < total; call++) {
      const draw = seed === null ? null : seeded(seed * 1000 + call);
      const files = new ForgetfulFiles();
      const folder = newFolder();
      const ledger = new Ledger();
      files.powerCut = { call, when: call % 2 === 0 ? "before" : "after" };
      await liveOn(files, folder, ledger, "A", spareFrom);
      if (!files.isOff) await liveOn(files, folder, ledger, "B", spareFrom);
      files.crash(draw);
      // And once more while that is being recovered.
      files.powerCut = { call: files.calls + (call % 7), when: "before" };
      await liveOn(files, folder, ledger, "C", spareFrom);
      files.crash(draw);
      torn += await checkAll(files, folder, ledger);
    }
    if (seed !== null) expect(torn).toBeGreaterThan(0);
  },
);
