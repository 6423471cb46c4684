import { describe, expect, test } from "vitest";
import { timestamp } from "../../../src/core/time.ts";
import type { Alarm } from "../../../src/sweep/alarm.ts";
import {
  alarmsOf,
  Clock,
  copyOf,
  found,
  HOUR,
  newState,
  openState,
  plain,
  remembered,
  START,
  temporaryFolder,
  toldBy,
} from "./states.ts";

describe("passes", () => {
  test("go on where they were, manifest by manifest and block by block", () => {
    const clock = new Clock();
    const folder = temporaryFolder();
    const state = openState(folder, clock);
    expect(state.pass("locks", "app", "1/1")).toBeNull();
    const pass = state.beginPass("locks", "app", "1/1");
    expect(pass).toMatchObject({ startedAt: timestamp(START), nextBlock: 0, done: new Set() });
    state.finishBlock(pass, 0, [], true);
    for (const index of [257, 256, 300]) state.checked(pass, index, []);
    clock.now += HOUR;

    const other = openState(copyOf(folder), clock);
    expect(other.beginPass("locks", "app", "1/1")).toEqual({ ...pass, nextBlock: 1, done: new Set([256, 257, 300]) });
    other.finishBlock(pass, 1, [], true);
    expect(other.pass("locks", "app", "1/1")).toMatchObject({ nextBlock: 2, done: new Set() });
    expect(other.lastPass("locks", "app", "1/1")).toBeNull();
    other.finishPass(pass);
    expect(other.pass("locks", "app", "1/1")).toBeNull();
    expect(other.lastPass("locks", "app", "1/1")).toEqual({ startedAt: timestamp(START), finishedAt: timestamp(START + HOUR) });
  });

  test("of rounds, logs and shards are apart, and only the newest finished one is kept", () => {
    const clock = new Clock();
    const state = newState(clock);
    const pass = state.beginPass("content", "app", "1/2");
    for (const [round, log, shard] of [
      ["locks", "app", "1/2"],
      ["content", "other", "1/2"],
      ["content", "app", "2/2"],
    ] as const) {
      expect(state.pass(round, log, shard)).toBeNull();
    }
    state.finishPass(pass);
    clock.now += HOUR;
    const second = state.beginPass("content", "app", "1/2");
    expect(second.id).not.toBe(pass.id);
    expect(state.lastPass("content", "app", "1/2")?.startedAt).toBe(timestamp(START));
    state.finishPass(second);
    expect(state.lastPass("content", "app", "1/2")?.startedAt).toBe(timestamp(START + HOUR));
  });

  test("what an earlier part of a look found is not gone because the later part passed it over", () => {
    const clock = new Clock();
    const folder = temporaryFolder();
    const state = openState(folder, clock);
    const pass = state.beginPass("locks", "app", "1/1");
    state.checked(pass, 3, [found("lock.short", 3)]);
    expect(toldBy(state)).toEqual(["finding.opened lock.short"]);
    const resumed = openState(copyOf(folder), clock);
    resumed.finishBlock(resumed.beginPass("locks", "app", "1/1"), 0, [], true);
    expect(resumed.ledger.open()).toHaveLength(1);
    // The next look at the block starts from nothing.
    resumed.finishBlock(pass, 0, [], true);
    expect(toldBy(resumed)).toEqual(["finding.opened lock.short", "finding.cleared lock.short"]);
  });

  test("where an earlier part of a look could not be read, nothing is closed by the whole", () => {
    const state = newState();
    const pass = state.beginPass("locks", "app", "1/1");
    state.finishBlock(pass, 0, [found("lock.short", 3)], true);
    state.checked(pass, 5, [found("lock.unreadable", 5)]);
    state.finishBlock(pass, 0, [], true);
    expect(state.ledger.open().map(({ code }) => code)).toEqual(["lock.short", "lock.unreadable"]);
    state.finishBlock(pass, 0, [], false);
    expect(state.ledger.open()).toHaveLength(2);
    state.finishBlock(pass, 0, [], true);
    expect(state.ledger.open()).toEqual([]);
  });

  test("what the head round found with an index is closed by a round over its block, or where the head walks it again", () => {
    const state = newState();
    const head = { log: "app", block: null } as const;
    const findings = [found("manifest.altered", 300), found("object.shadowed", 700), found("segment.altered", 301)];
    state.settle("head", head, findings, true);
    // Later head rounds look at later manifests, and rounds over other blocks at others.
    state.settle("head", head, [], true, { first: 701, end: 800 });
    const pass = state.beginPass("locks", "app", "1/1");
    state.finishBlock(pass, 0, [], true);
    expect(state.ledger.open()).toHaveLength(3);
    // Segments are not looked at by the locks round the way the head round with an observer does.
    state.finishBlock(pass, 1, [], true);
    expect(state.ledger.open().map(({ code }) => code)).toEqual(["object.shadowed", "segment.altered"]);
    state.settle("head", head, [], true, { first: 0, end: 702 });
    expect(state.ledger.open()).toEqual([]);
  });
});

describe("the head round", () => {
  test("keeps progress, notes, alarms and findings together, or none of them", async () => {
    const clock = new Clock();
    const folder = temporaryFolder();
    const state = openState(folder, clock);
    const first = await remembered(3);
    const second = await remembered(5, { nextBy: timestamp(START + HOUR), closed: true });
    state.advanceHead(first, { notes: new Map([["rules", "three"]]) });
    const alarm = { ...anAlarm, id: "a".repeat(32) };
    let killed = "";
    state.atomically(() => {
      const met = { alarms: [alarm], notes: new Map([["rules", "five"]]), findings: [found("object.shadowed", 4)] };
      state.advanceHead(second, met);
      killed = copyOf(folder);
    });
    const before = openState(killed, clock);
    expect(before.logs().map(plain)).toEqual([plain(first)]);
    expect(before.notes("rules", "app")).toBe("three");
    expect(alarmsOf(before)).toEqual([]);
    expect(before.ledger.open()).toEqual([]);

    const after = openState(copyOf(folder), clock);
    expect(after.logs().map(plain)).toEqual([plain(second)]);
    expect(after.log("other")).toBeNull();
    expect(after.notes("rules", "app")).toBe("five");
    expect(after.notes("rules", "other")).toBeNull();
    expect(toldBy(after)).toEqual(["event.matched many in app", "finding.opened object.shadowed"]);
    expect(alarmsOf(after)[0]).toEqual(alarm);
    // What it left behind is closed by a look at its block.
    const pass = after.beginPass("locks", "app", "1/1");
    after.finishBlock(pass, 0, [], true);
    expect(after.ledger.open()).toEqual([]);
  });
});

const anAlarm: Omit<Alarm, "id"> = {
  kind: "event.matched",
  severity: "critical",
  at: timestamp(START),
  origin: "audit.example/prod",
  log: "app",
  title: "logging stopped",
  message: "someone stopped logging",
  subject: "b".repeat(32),
};
