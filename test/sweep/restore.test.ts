import { beforeEach, describe, expect, test } from "vitest";
import { type Archive, createArchive, openArchive } from "../../src/archive/archive.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { parsePeriod } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import { acknowledge, acknowledgementLines, followAcknowledgements } from "../../src/sweep/acknowledge.ts";
import { appendReports, record, type RecordOptions } from "../../src/sweep/record.ts";
import { readSweeps, restore } from "../../src/sweep/restore.ts";
import type { SweepState } from "../../src/sweep/state/state.ts";
import { withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { SweepResult } from "../../src/sweep/result.ts";
import { sweep } from "../../src/sweep/sweep.ts";
import { commitLines, openWriter, OWNER, SUCCESSOR } from "../archive/fixture.ts";
import { manifest, versionOf } from "./fixture.ts";
import {
  alarmsOf,
  Clock,
  DAY,
  found,
  HOUR,
  openState,
  ORIGIN,
  plain,
  remembered,
  roundLog,
  START,
  summary,
  temporaryFolder,
} from "./state/states.ts";

const APP = { log: "app", block: null } as const;
const SWEEPER = signerFromSeed(`${ORIGIN}/_sweeps`, new Uint8Array(32).fill(9));

describe("a machine without a state", () => {
  let clock: Clock;
  let store: MemoryStore;
  let archive: Archive;
  let spool: RecordOptions;
  beforeEach(async () => {
    clock = new Clock();
    store = new MemoryStore({ now: clock.read });
    const terms = { signer: OWNER, mode: "COMPLIANCE", period: parsePeriod("1y"), now: START } as const;
    await createArchive(store, { origin: ORIGIN, ...terms, delegated: [SWEEPER.key] });
    archive = await openArchive(store, { pinned: [OWNER.key] });
    spool = { signer: SWEEPER, spool: temporaryFolder(), writerId: "test", now: clock.read };
  });

  const machine = (): SweepState => openState(temporaryFolder(), clock);
  const known = (state: SweepState): object => ({
    logs: state.logs().map(plain),
    // When it was last seen stands in what opened it and in the daily state, not in every report.
    open: state.ledger.open().map((one) => ({ ...one, episode: null, lastSeen: null })),
  });
  async function restored(): Promise<SweepState> {
    const state = machine();
    await restore(archive, state);
    return state;
  }

  test("has nothing to restore where no sweep was reported, and says so", async () => {
    const state = machine();
    expect(await restore(archive, state)).toBeNull();
    expect(state.isNew).toBe(true);
  });

  test("knows what the other knew: heads, passes, what is open since when, and who answers for it", async () => {
    const first = machine();
    const head = await remembered(300, { nextBy: timestamp(START + HOUR) });
    first.advanceHead(head, { findings: [found("segment.altered", 4)] });
    first.settle("head", APP, [found("log.silent"), found("log.truncated")], true);
    const pass = first.beginPass("locks", "app", "1/1");
    first.finishBlock(pass, 0, [found("lock.short", 7), found("lock.expiring", 8)], true);
    first.report(summary({ logs: [roundLog(head)] }));
    await record(archive, first, spool);

    // After the state was written down: more is found, something is gone, someone answers, a pass goes on and another ends.
    clock.now += HOUR;
    first.settle("head", APP, [found("log.truncated")], true);
    const bigger = await remembered(301);
    first.advanceHead(bigger, { findings: [found("object.shadowed", 300)] });
    const truncated = first.ledger.open().find(({ code }) => code === "log.truncated")?.id ?? "";
    acknowledge(first, truncated, { by: "kim", why: "restored from a copy", until: null, sweeper: "host/1", now: clock.now });
    const content = first.beginPass("content", "app", "1/1");
    first.finishBlock(content, 0, [], true);
    first.finishPass(content);
    const progress = { started: pass.startedAt, finished: null, nextBlock: 1 };
    first.report(summary({ round: "locks", logs: [roundLog(bigger, { pass: progress })] }));
    const done = { started: content.startedAt, finished: timestamp(clock.now), nextBlock: 1 };
    first.report(summary({ round: "content", logs: [roundLog(bigger, { pass: done })] }));
    await record(archive, first, spool);

    const second = await restored();
    expect(known(second)).toEqual(known(first));
    expect(second.ledger.open().map(({ code, acknowledged }) => [code, acknowledged?.by])).toEqual(
      expect.arrayContaining([
        ["lock.expiring", undefined],
        ["log.truncated", "kim"],
        ["lock.short", undefined],
        ["object.shadowed", undefined],
      ]),
    );
    expect(second.pass("locks", "app", "1/1")).toMatchObject({ startedAt: pass.startedAt, nextBlock: 1, done: new Set() });
    expect(second.lastPass("content", "app", "1/1")).toEqual(first.lastPass("content", "app", "1/1"));
    expect(second.isNew).toBe(false);
    expect(alarmsOf(second)).toEqual([]);
    expect(second.reports.pending()).toEqual([]);
  });

  test("makes the same alarms with the same ids as the first would have made", async () => {
    const first = machine();
    first.settle("head", APP, [found("log.silent"), found("log.truncated"), found("log.missing")], true);
    first.report(summary());
    const [, truncated] = first.ledger.open();
    const until = timestamp(START + 2 * DAY);
    acknowledge(first, truncated?.id ?? "", { by: "kim", why: "known", until, sweeper: "host/1", now: clock.now });
    await record(archive, first, spool);
    const before = alarmsOf(first).length;
    const second = await restored();

    for (const state of [first, second]) {
      clock.now = START + DAY + HOUR;
      state.remind();
      clock.now = START + 2 * DAY + HOUR;
      state.settle("head", APP, [found("log.truncated"), found("log.missing"), found("lock.absent")], true);
      state.remind();
    }
    const alarms = alarmsOf(first).slice(before);
    expect(alarms.map(({ kind }) => kind)).toEqual([
      "finding.reminder",
      "finding.reminder",
      "finding.opened",
      "finding.cleared",
      "finding.opened",
      "finding.reminder",
    ]);
    expect(alarmsOf(second)).toEqual(alarms);
  });

  test("what was opened, closed and opened again between two reports is open", async () => {
    const first = machine();
    for (const findings of [[found("log.silent")], [], [found("log.silent")]]) {
      first.settle("head", APP, findings, true);
      clock.now += HOUR;
    }
    first.settle("head", APP, [found("log.silent"), found("log.missing")], true);
    first.settle("head", APP, [found("log.silent")], true);
    first.report(summary());
    await record(archive, first, spool);
    expect(known(await restored())).toEqual(known(first));
  });

  test("goes back until it has a whole state and two days, and reads no further", async () => {
    const first = machine();
    let size = 0;
    // On the last day, more reports follow the state than are read at first.
    for (const reports of [20, 20, 20, 20, 20, 20, 90]) {
      for (let n = 0; n < reports; n++) {
        const code = (["log.silent", "log.missing", "log.truncated"] as const)[n % 3] ?? "log.silent";
        first.settle("head", APP, [found(code), ...(size >= 20 ? [found("lock.absent")] : [])], true);
        const head = await remembered(++size);
        first.advanceHead(head);
        first.report(summary({ logs: [roundLog(head)] }));
        clock.now += DAY / reports;
      }
      await record(archive, first, spool);
    }
    const watched = withFaults(store, () => null);
    const second = machine();
    const folded = await restore({ ...archive, store: watched }, second);
    expect(known(second)).toEqual(known(first));
    expect(folded?.end).toBe(217);
    // Of the seven days, the first were not read.
    const segments = watched.log.filter(({ call, key }) => call === "get" && key.includes("/segments/")).map(({ key }) => key);
    expect(new Set(segments).size).toBeLessThan(7);
  });

  test("a state of several lines, and lines of other programs between", async () => {
    const first = machine();
    const findings = Array.from({ length: 400 }, (_, i) => found("manifest.altered", i, { message: "x".repeat(1900) }));
    first.settle("head", APP, findings, true);
    first.report(summary());
    await record(archive, first, spool);
    const writer = await openWriter(archive, { log: "_sweeps", now: clock.read });
    await commitLines(writer, ['{"format":"other/1"}', "no JSON at all", ""], { time: timestamp(clock.now) });
    expect(known(await restored())).toEqual(known(first));
  });

  test("what claims to be a report and can't be understood ends it: nothing is taken over", async () => {
    const first = machine();
    first.report(summary());
    await record(archive, first, spool);
    const writer = await openWriter(archive, { log: "_sweeps", now: clock.read });
    await commitLines(writer, ['{"format":"stele-sweep/2","kind":"report"}'], { time: timestamp(clock.now) });
    const state = machine();
    await expect(restore(archive, state)).rejects.toMatchObject({
      code: "sweep.failed",
      message: expect.stringMatching(/entry 2 /),
    });
    expect(state.isNew).toBe(true);
  });

  test("a log of sweeps that can't be read, or was changed, is not one that says nothing", async () => {
    const first = machine();
    first.report(summary());
    await record(archive, first, spool);
    const away = withFaults(store, ({ call }) => (call === "get" ? { kind: "unpersisted" } : null));
    const state = machine();
    await expect(restore({ ...archive, store: away }, state)).rejects.toMatchObject({ code: "store.unreachable" });
    const changed = withFaults(store, ({ call, key }) =>
      call === "get" && key.includes("/segments/") ? { kind: "altered", body: (body) => body.map((byte) => byte ^ 1) } : null,
    );
    await expect(restore({ ...archive, store: changed }, state)).rejects.toThrow();
    expect(state.isNew).toBe(true);
  });

  test("the key of the log of sweeps makes nobody the signer of another log", async () => {
    const stranger = signerFromSeed(`${ORIGIN}/app`, new Uint8Array(32).fill(66));
    const first = machine();
    const head = await remembered(300, { keys: [stranger.key] });
    first.advanceHead(head);
    first.report(summary({ logs: [roundLog(head)] }));
    await record(archive, first, spool);
    expect((await restored()).log("app")?.keys.map(({ vkey }) => vkey)).toEqual([OWNER.rename(`${ORIGIN}/app`).key.vkey]);
  });

  test("a key that the log itself has let sign is taken over", async () => {
    const writer = await openWriter(archive, { now: clock.read });
    await writer.rotate(SUCCESSOR);
    const first = machine();
    await sweep(archive, { state: first, now: clock.read, rounds: ["head"], threads: 1 });
    const keys = first.log("app")?.keys.map(({ vkey }) => vkey);
    expect(keys).toEqual([SUCCESSOR.rename(`${ORIGIN}/app`).key.vkey]);
    await record(archive, first, spool);
    expect((await restored()).log("app")?.keys.map(({ vkey }) => vkey)).toEqual(keys);
  });

  test("a head that is not what its checkpoint says is taken over by nobody", async () => {
    const first = machine();
    first.advanceHead({ ...(await remembered(300)), name: "other" });
    first.report(summary());
    await record(archive, first, spool);
    await expect(restored()).rejects.toMatchObject({ code: "sweep.failed" });
  });

  test("what can't be believed now is held against the logs once it can be", async () => {
    const writer = await openWriter(archive, { now: clock.read });
    for (const line of ["a", "b", "c"]) await commitLines(writer, [line]);
    const first = machine();
    const run = (state: SweepState, of: Archive): Promise<SweepResult> =>
      sweep(of, { state, now: clock.read, rounds: ["head"], threads: 1 });
    await run(first, archive);
    await record(archive, first, spool);
    // Someone cuts off a tail, and takes away what says whose key signs the log of sweeps.
    const last = manifest(2);
    store.vanish(last, await versionOf(store, last));
    const undescribed: Archive = { ...archive, description: null, keys: [OWNER.key] };
    const second = machine();
    await expect(restore(undescribed, second)).rejects.toMatchObject({ code: "log.unsound" });
    second.setTakenOver("owed");
    expect((await run(second, undescribed)).notObservable.join("\n")).toContain("can't be understood");
    await followAcknowledgements(archive, second);
    const { findings } = await run(second, archive);
    expect(findings.find(({ code }) => code === "log.truncated")).toMatchObject({ log: "app", standing: "new" });
  });

  test("what was read from the archive itself may have been cut off with it, and that is said once", async () => {
    const first = machine();
    first.advanceHead(await remembered(3));
    first.report(summary());
    await record(archive, first, spool);
    const second = await restored();
    const said = async (): Promise<string> =>
      (await sweep(archive, { state: second, now: clock.read, rounds: ["head"], threads: 1 })).notObservable.join("\n");
    expect(await said()).toContain("from _sweeps alike");
    expect(await said()).not.toContain("from _sweeps alike");
  });

  test("nothing is restored over what is known", async () => {
    const first = machine();
    first.report(summary());
    await record(archive, first, spool);
    await expect(restore(archive, first)).rejects.toMatchObject({ code: "sweep.failed" });
  });

  test("two machines of two shards: what either knows is restored", async () => {
    const [a, b] = [machine(), machine()];
    a.settle("locks", { log: "app", block: 0 }, [found("lock.short", 3)], true);
    a.report(summary({ sweeper: "a/1", shard: "1/2" }));
    await record(archive, a, spool);
    clock.now += HOUR;
    b.settle("locks", { log: "app", block: 1 }, [found("lock.short", 300)], true);
    b.report(summary({ sweeper: "b/1", shard: "2/2" }));
    await record(archive, b, { ...spool, spool: temporaryFolder() });
    clock.now += HOUR;
    b.settle("locks", { log: "app", block: 1 }, [], true);
    b.settle("locks", { log: "app", block: 3 }, [found("lock.absent", 800)], true);
    b.report(summary({ sweeper: "b/1", shard: "2/2" }));
    await record(archive, b, { ...spool, spool: temporaryFolder() });
    expect((await readSweeps(archive))?.findings.map(({ index }) => index)).toEqual([3, 800]);
  });
});

describe("an acknowledgement made elsewhere", () => {
  test("is taken over by a sweep that goes on, once, and by a machine that restores", async () => {
    const clock = new Clock();
    const store = new MemoryStore({ now: clock.read });
    const terms = { signer: OWNER, mode: "COMPLIANCE", period: parsePeriod("1y"), now: START } as const;
    await createArchive(store, { origin: ORIGIN, ...terms });
    const archive = await openArchive(store, { pinned: [OWNER.key] });
    const options = (): RecordOptions => ({ signer: OWNER, spool: temporaryFolder(), writerId: "test", now: clock.read });
    const running = openState(temporaryFolder(), clock);
    running.settle("head", APP, [found("log.silent"), found("log.missing")], true);
    running.report(summary());
    await record(archive, running, options());
    expect(await followAcknowledgements(archive, running)).toBe(0);

    clock.now += HOUR;
    const open = (await readSweeps(archive))?.findings ?? [];
    const silent = open.find(({ code }) => code === "log.silent")?.id ?? "";
    const acknowledging = { by: "kim", why: "the host is gone", until: null, sweeper: "desk/7", now: clock.now };
    const { lines } = acknowledgementLines(ORIGIN, open, silent, acknowledging);
    await appendReports(archive, lines, options());
    await appendReports(archive, lines, options());

    expect(await followAcknowledgements(archive, running)).toBe(1);
    expect(await followAcknowledgements(archive, running)).toBe(0);
    expect(running.ledger.find(silent)?.acknowledged).toEqual({
      by: "kim",
      why: "the host is gone",
      at: timestamp(clock.now),
      until: null,
    });
    expect(alarmsOf(running).map(({ kind }) => kind)).toEqual(["finding.opened", "finding.opened", "finding.acknowledged"]);
    // It stands in the archive already.
    expect(running.reports.pending()).toEqual([]);

    const fresh = openState(temporaryFolder(), clock);
    await restore(archive, fresh);
    expect(fresh.ledger.find(silent)?.acknowledged?.by).toBe("kim");
    clock.now += 2 * DAY;
    fresh.remind();
    expect(alarmsOf(fresh).map(({ finding: of }) => of?.code)).toEqual(["log.missing"]);
  });

  test("is not forgotten because a machine that has not heard of it yet writes down what it knows", async () => {
    const clock = new Clock();
    const store = new MemoryStore({ now: clock.read });
    const terms = { signer: OWNER, mode: "COMPLIANCE", period: parsePeriod("1y"), now: START } as const;
    await createArchive(store, { origin: ORIGIN, ...terms });
    const archive = await openArchive(store, { pinned: [OWNER.key] });
    const options = (): RecordOptions => ({ signer: OWNER, spool: temporaryFolder(), writerId: "test", now: clock.read });
    const running = openState(temporaryFolder(), clock);
    running.settle("head", APP, [found("log.silent")], true);
    running.report(summary());
    await record(archive, running, options());
    const open = (await readSweeps(archive))?.findings ?? [];
    const acknowledging = { by: "kim", why: "known", until: null, sweeper: "desk/7", now: clock.now };
    await appendReports(archive, acknowledgementLines(ORIGIN, open, open[0]?.id ?? "", acknowledging).lines, options());
    clock.now += DAY;
    running.report(summary());
    await record(archive, running, options());
    expect((await readSweeps(archive))?.findings.map(({ acknowledged }) => acknowledged?.by)).toEqual(["kim"]);
  });
});
