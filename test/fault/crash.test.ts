import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Log } from "../../src/archive/log/log.ts";
import { openArchive, spoolFolder } from "../../src/archive/log/open-archive.ts";
import { SteleError } from "../../src/core/error.ts";
import { withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { LOG_ORIGIN, newArchive, NOW, OWNER } from "../archive/fixture.ts";
import { temporaryFolder } from "../archive/log/logs.ts";
import { seeded } from "../archive/spool/fixture.ts";
import { ForgetfulFiles } from "../archive/spool/forgetful-files.ts";
import { flushed, session } from "./durable-life.ts";
import { checkArchive, Ledger } from "./ledger.ts";

/** Events longer than a sector, so that frames are torn in many ways. */
const longText = (name: string): string => `${name} ${name.repeat(60)}`;

/** Ends what still runs: it would have no power either. */
const OFF = new SteleError("store.denied", "the power is off");

/** A machine with a spool's disk. When its power goes, nothing more gets to the store either. */
class Machine {
  readonly files = new ForgetfulFiles();
  readonly store: Store;
  readonly #folder: string;

  constructor(store: MemoryStore, spool: string) {
    this.store = withFaults(store, () => (this.files.isOff ? { kind: "unpersisted", error: OFF } : null));
    this.#folder = spoolFolder(spool, LOG_ORIGIN);
  }

  /** The state's database as it is on the disk at this moment. SQLite syncs it, so that all of it survives. */
  state(): Map<string, Buffer> {
    const names = existsSync(this.#folder) ? readdirSync(this.#folder) : [];
    return new Map(names.map((name) => [name, readFileSync(join(this.#folder, name))]));
  }

  /** What an earlier moment left of the database. */
  restore(state: ReadonlyMap<string, Buffer>): void {
    for (const name of this.state().keys()) rmSync(join(this.#folder, name));
    for (const [name, bytes] of state) writeFileSync(join(this.#folder, name), bytes);
  }
}

async function work(log: Log, ledger: Ledger): Promise<void> {
  await Promise.all([ledger.append(log, 3, { id: `${ledger.given}` }), ledger.append(log, 1)]);
  await ledger.append(log, 2);
  const archived = ledger.append(log, 2, { id: `${ledger.given}`, ack: "archived" });
  await Promise.all([ledger.append(log, 1), ledger.append(log, 2)]);
  await archived;
  await ledger.append(log, 1, { ack: "archived" });
  await ledger.append(log, 2);
}

/** Works until the power goes, or to the end. */
async function run(machine: Machine, spool: string, ledger: Ledger, spareFrom: number): Promise<void> {
  let state: ReadonlyMap<string, Buffer> | null = null;
  const { files } = machine;
  const watched = files.call.bind(files);
  files.call = async (operation) => {
    try {
      return await watched(operation);
    } finally {
      // What a process does after its power is gone must not be seen.
      if (files.isOff) state ??= machine.state();
    }
  };
  const seen = await session(machine.store, spool, (log) => work(log, ledger), { files, spareFrom });
  files.call = watched;
  if (state !== null) machine.restore(state);
  if (!files.isOff) expect([seen.unopened, seen.stopped]).toEqual([null, null]);
}

async function newMachine(): Promise<{ machine: Machine; memory: MemoryStore; spool: string }> {
  const memory = new MemoryStore({ now: () => NOW });
  await newArchive(memory);
  const spool = await temporaryFolder();
  return { machine: new Machine(memory, spool), memory, spool };
}

/** All is archived that the disk has, and what was refused under an id is given again. */
async function check(machine: Machine, memory: MemoryStore, spool: string, ledger: Ledger): Promise<void> {
  const { files } = machine;
  const seen = await session(
    memory,
    spool,
    async (log) => {
      // Together: what waits to be archived waits for the flush.
      await Promise.all([ledger.repeat(log), ledger.append(log, 1), flushed(log)]);
    },
    { files },
  );
  expect([seen.unopened, seen.stopped, ledger.refused, seen.remaining]).toEqual([null, null, [], 0]);
  const findings = await checkArchive(ledger, await openArchive(memory, { keys: [OWNER.key] }), memory);
  expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual([]);
}

/** From how many bytes on archived files are filled again. */
const ALWAYS = 0;
const NEVER = Number.POSITIVE_INFINITY;

test.each([
  ["nothing that was not synced is there", "each file is new", null, NEVER],
  ["some of it is there, sector by sector", "each file is new", 1, NEVER],
  ["nothing that was not synced is there", "archived files are filled again", null, ALWAYS],
  ["some of it is there, sector by sector", "archived files are filled again", 1, ALWAYS],
  ["some of it, drawn again", "archived files are filled again", 2, ALWAYS],
])(
  "the power goes at every call of the file system in turn; %s, and %s: what was acknowledged is archived once, in order",
  { timeout: 120_000 },
  async (_, __, seed, spareFrom) => {
    const whole = await newMachine();
    const all = new Ledger(longText);
    await run(whole.machine, whole.spool, all, spareFrom);
    await run(whole.machine, whole.spool, all, spareFrom);
    expect([all.given, all.refused]).toEqual([28, []]);
    const total = whole.machine.files.calls;
    await check(whole.machine, whole.memory, whole.spool, all);

    const wrong: string[] = [];
    const at = async (call: number): Promise<void> => {
      const { machine, memory, spool } = await newMachine();
      const { files } = machine;
      const ledger = new Ledger(longText);
      const draw = seed === null ? null : seeded(seed * 1000 + call);
      try {
        files.powerCut = { call, when: call % 2 === 0 ? "before" : "after" };
        await run(machine, spool, ledger, spareFrom);
        if (!files.isOff) await run(machine, spool, ledger, spareFrom);
        files.crash(draw);
        // And once more while that is being recovered.
        files.powerCut = { call: files.calls + (call % 11), when: "after" };
        await run(machine, spool, ledger, spareFrom);
        files.crash(draw);
        await check(machine, memory, spool, ledger);
      } catch (error) {
        wrong.push(`call ${call}: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    const queue = Array.from({ length: total }, (___, call) => call);
    const next = async (): Promise<void> => {
      for (let call = queue.shift(); call !== undefined; call = queue.shift()) await at(call);
    };
    await Promise.all(Array.from({ length: 6 }, next));
    expect(wrong).toEqual([]);
  },
);
