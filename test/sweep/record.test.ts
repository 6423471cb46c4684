import { describe, expect, test } from "vitest";
import { type Archive, createArchive, openArchive } from "../../src/archive/archive.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { parsePeriod } from "../../src/core/retention.ts";
import type { RecordOptions } from "../../src/sweep/record.ts";
import { record } from "../../src/sweep/record.ts";
import { readSweepEntries } from "../../src/sweep/restore.ts";
import type { SweepState } from "../../src/sweep/state/state.ts";
import { withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { commitLines, openWriter, OWNER } from "../archive/fixture.ts";
import { Clock, copyOf, found, openState, ORIGIN, START, summary, temporaryFolder } from "./state/states.ts";

const clock = new Clock();
const APP = { log: "app", block: null } as const;
/** A key that the archive names for its log of sweeps. */
const SWEEPER = signerFromSeed(`${ORIGIN}/_sweeps`, new Uint8Array(32).fill(9));
const INTRUDER = signerFromSeed(`${ORIGIN}/_sweeps`, new Uint8Array(32).fill(10));

async function anArchive(store: MemoryStore, delegated = [SWEEPER.key]): Promise<Archive> {
  const terms = { signer: OWNER, mode: "COMPLIANCE", period: parsePeriod("1y"), now: START } as const;
  await createArchive(store, { origin: ORIGIN, ...terms, delegated });
  return openArchive(store, { pinned: [OWNER.key] });
}

function options(more: Partial<RecordOptions> = {}): RecordOptions {
  return { signer: SWEEPER, spool: temporaryFolder(), writerId: "test", now: clock.read, ...more };
}

function aState(folder = temporaryFolder(), place = "memory:"): SweepState {
  return openState(folder, clock, { place });
}

async function recorded(archive: Archive, from = 0, to = 1000): Promise<string[]> {
  return (await readSweepEntries(archive, from, to)).map(({ entry }) => `${entry.kind} ${entry.id}`);
}

describe("reports in the archive's own log", () => {
  test("signed by their own key, the archive is sound to whoever pins the archive's key alone", async () => {
    const store = new MemoryStore({ now: clock.read });
    const archive = await anArchive(store);
    await commitLines(await openWriter(archive, { now: clock.read }), ["one"]);
    const state = aState();
    state.settle("head", APP, [found("log.silent")], true);
    state.report(summary());
    const waiting = state.reports.pending().map(({ id }) => id);
    expect(await record(archive, state, options())).toBe(2);
    expect(state.reports.pending()).toEqual([]);
    expect(await recorded(archive)).toEqual([`report ${waiting[0]}`, `state ${waiting[1]}`]);

    for (const pinned of [[OWNER.key], []]) {
      const report = await verifyArchive(store, { pinned, level: "content", now: clock.now, threads: 1 });
      expect(report.findings).toEqual([]);
      expect(report.logs.map(({ log, entries }) => [log, entries])).toEqual([
        ["_sweeps", 2],
        ["app", 1],
      ]);
    }
  });

  test("by the archive's key where it names no other, and by no other", async () => {
    const store = new MemoryStore({ now: clock.read });
    const archive = await anArchive(store, []);
    const state = aState();
    state.report(summary());
    await expect(record(archive, state, options())).rejects.toMatchObject({ code: "log.key" });
    expect(state.reports.pending()).toHaveLength(2);
    await record(archive, state, options({ signer: OWNER }));
    expect((await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: clock.now, threads: 1 })).findings).toEqual(
      [],
    );
  });

  test("a key that the archive does not name writes nothing there, and its own key writes nowhere else", async () => {
    const archive = await anArchive(new MemoryStore({ now: clock.read }));
    const state = aState();
    state.report(summary());
    await expect(record(archive, state, options({ signer: INTRUDER }))).rejects.toMatchObject({ code: "log.key" });
    await expect(openWriter(archive, { signer: SWEEPER, now: clock.read })).rejects.toMatchObject({ code: "log.key" });
    await expect(openWriter(archive, { signer: SWEEPER, log: "_sweeps2", now: clock.read })).rejects.toMatchObject({
      code: "log.key",
    });
    await openWriter(archive, { signer: SWEEPER, log: "_sweeps/shard", now: clock.read });
  });

  test("a kill after it was archived and before that was noted: it is there once", async () => {
    const archive = await anArchive(new MemoryStore({ now: clock.read }));
    const folder = temporaryFolder();
    const state = aState(folder);
    state.report(summary());
    const killed = copyOf(folder);
    const common = options();
    await record(archive, state, common);
    const again = aState(killed);
    expect(again.reports.pending()).toHaveLength(2);
    await record(archive, again, common);
    expect(again.reports.pending()).toEqual([]);
    expect(await recorded(archive)).toHaveLength(2);
  });

  test("while the store can't be reached they wait, and come once it can", async () => {
    const memory = new MemoryStore({ now: clock.read });
    const archive = await anArchive(memory);
    const state = aState();
    state.report(summary());
    const common = options({ signal: AbortSignal.timeout(200) });
    const away = withFaults(memory, () => ({ kind: "unpersisted" }));
    await expect(record({ ...archive, store: away }, state, common)).rejects.toThrow();
    expect(state.reports.pending()).toHaveLength(2);
    await record(archive, state, { ...common, signal: undefined });
    expect(await recorded(archive)).toHaveLength(2);
  });

  test("two machines report to the same log", async () => {
    const archive = await anArchive(new MemoryStore({ now: clock.read }));
    const states = [aState(), aState()];
    for (const [i, state] of states.entries()) {
      for (let n = 0; n < 3; n++) state.report(summary({ sweeper: `host/${i}` }));
    }
    await Promise.all(states.map((state) => record(archive, state, options())));
    expect(states.map((state) => state.reports.pending())).toEqual([[], []]);
    expect(new Set(await recorded(archive)).size).toBe(8);
    expect(await recorded(archive)).toHaveLength(8);
  });
});
