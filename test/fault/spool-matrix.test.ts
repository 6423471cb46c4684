import { expect, test } from "vitest";
import type { Log } from "../../src/archive/log/log.ts";
import { openArchive } from "../../src/archive/log/open-archive.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { newArchive, NOW, OWNER } from "../archive/fixture.ts";
import { temporaryFolder } from "../archive/log/logs.ts";
import { type Fault, FaultyFiles } from "../archive/spool/faulty-files.ts";
import { codeOf, flushed, session } from "./durable-life.ts";
import { checkArchive, checkRefusals, Ledger } from "./ledger.ts";

/** The `nth` call of an operation, from 0. */
interface Target {
  readonly operation: string;
  readonly nth: number;
}

interface Life {
  readonly ledger: Ledger;
  readonly store: MemoryStore;
  readonly spool: string;
  /** Sessions that could not be opened, or whose log was stopped. */
  readonly ended: readonly unknown[];
  /** How many appends were refused. */
  readonly refused: number;
}

/** Appends one after the other, so that nearly each is a frame of its own, and every life makes the same calls. */
async function appends(log: Log, ledger: Ledger): Promise<void> {
  await ledger.append(log, 4);
  await ledger.append(log, 2, { id: `${ledger.given}` });
  await ledger.append(log, 1);
  await ledger.append(log, 1);
  const archived = ledger.append(log, 3, { ack: "archived" });
  await ledger.append(log, 1, { id: `${ledger.given}` });
  await log.flush().catch(() => undefined);
  await archived;
}

/** Two sessions on a disk that fails as the files say. */
async function live(files: FaultyFiles): Promise<Life> {
  const store = new MemoryStore({ now: () => NOW });
  await newArchive(store);
  const spool = await temporaryFolder();
  const ledger = new Ledger();
  const ended: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const seen = await session(store, spool, (log) => appends(log, ledger), { files });
    const trouble = seen.unopened ?? seen.stopped;
    if (trouble !== null) ended.push(codeOf(trouble));
  }
  return { ledger, store, spool, ended, refused: ledger.refused.length };
}

/** With a disk that is well: what was refused under an id is tried again, all is archived and nothing stays. */
async function recovered({ ledger, store, spool }: Life): Promise<void> {
  const seen = await session(store, spool, async (log) => {
    // Together: what waits to be archived waits for the flush.
    await Promise.all([ledger.repeat(log), ledger.append(log, 1), flushed(log)]);
  });
  expect(seen).toMatchObject({ unopened: null, stopped: null, remaining: 0 });
  const findings = await checkArchive(ledger, await openArchive(store, { keys: [OWNER.key] }), store);
  expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual([]);
}

const ERRNOS = ["EIO", "ENOSPC", "EROFS"] as const;

async function targets(): Promise<Target[]> {
  const files = new FaultyFiles();
  const life = await live(files);
  expect([life.ended, life.ledger.refused, life.ledger.given]).toEqual([[], [], 24]);
  await recovered(life);
  const counted = new Map<string, number>();
  return files.calls.map((operation) => {
    const nth = counted.get(operation) ?? 0;
    counted.set(operation, nth + 1);
    return { operation, nth };
  });
}

/** @param times how many calls fail, from the target on, whatever they are */
async function inTurn(when: Fault["when"], times: number): Promise<{ wrong: string[]; lives: Map<string, Life[]> }> {
  const wrong: string[] = [];
  const lives = new Map<string, Life[]>();
  const all = await targets();
  const one = async ({ operation, nth }: Target, i: number): Promise<void> => {
    const files = new FaultyFiles();
    let start: number | null = null;
    files.plan = (call, made) => {
      const isTarget = made === operation && files.calls.filter((before) => before === operation).length === nth;
      if (isTarget) start ??= call;
      const fails = start !== null && call < start + times;
      return fails ? { errno: ERRNOS[i % ERRNOS.length] ?? "EIO", when } : null;
    };
    try {
      const life = await live(files);
      lives.set(operation, [...(lives.get(operation) ?? []), life]);
      expect(start).not.toBeNull();
      expect(life.ended.filter((code) => code !== "spool.failed")).toEqual([]);
      checkRefusals(life.ledger, "spool.failed");
      expect(files.descriptors).toBe(0);
      await recovered(life);
    } catch (error) {
      wrong.push(`${operation} #${nth}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const queue = all.map((target, i) => [target, i] as const);
  const next = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) await one(...entry);
  };
  // The disk is what is waited for.
  await Promise.all(Array.from({ length: 6 }, next));
  return { wrong, lives };
}

test.each(["before", "after"] as const)(
  "every call of the file system fails once, %s it did its work: what was acknowledged is archived once, and the log goes on",
  async (when) => {
    const { wrong, lives } = await inTurn(when, 1);
    expect(wrong).toEqual([]);
    for (const operation of ["create", "write", "datasync"]) {
      // At most the one frame that met it was refused, of one append or two. On a busy machine frames are put together otherwise
      // than counted before; that what was acknowledged is there was checked of each life.
      for (const { ended, refused } of lives.get(operation) ?? []) {
        expect(ended).toEqual([]);
        expect(refused).toBeLessThanOrEqual(2);
      }
    }
  },
);

test.each(["before", "after"] as const)(
  "the disk fails from any call on, %s its work, until it is well again: what was acknowledged is archived once",
  async (when) => {
    const { wrong } = await inTurn(when, 12);
    expect(wrong).toEqual([]);
  },
);
