import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { timestamp } from "../../../src/core/time.ts";
import { acknowledge } from "../../../src/sweep/acknowledge.ts";
import { blockOf, type Place, type RoundName } from "../../../src/sweep/place.ts";
import type { Found } from "../../../src/sweep/state/found.ts";
import type { SweepState } from "../../../src/sweep/state/state.ts";
import { idOf, LedgerModel } from "./ledger-model.ts";
import { alarmsOf, Clock, copyOf, found, HOUR, openState, temporaryFolder } from "./states.ts";

/** Of every kind that the rules tell apart: by round, by place, by severity, and what could not be read. */
const FINDINGS: readonly Found[] = [
  found("manifest.altered", 3),
  found("manifest.missing", 300),
  found("manifest.unreadable", 4),
  found("segment.altered", 3),
  found("segment.unreadable", 301),
  found("lock.short", 5),
  found("lock.expiring", 6),
  found("object.stray", null, { object: "app/segments/x" }),
  found("log.truncated"),
  found("object.shadowed", 3, { log: "other" }),
];
const EVERY = 6 * HOUR;

const subset = fc.subarray([...FINDINGS]);
const round = fc.constantFrom<RoundName>("head", "locks", "content");
const place = fc.record({ log: fc.constantFrom("app", "other"), block: fc.constantFrom(null, 0, 1) });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("look" as const), round, place, findings: subset, readable: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("advance" as const), findings: subset }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("block" as const),
      round: fc.constantFrom<RoundName>("locks", "content"),
      block: fc.constantFrom(0, 1),
      early: subset,
      late: subset,
      readable: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), hours: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("acknowledge" as const),
      which: fc.nat(FINDINGS.length - 1),
      hours: fc.option(fc.integer({ min: 1, max: 30 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remind" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function ofLog(findings: readonly Found[], log: string): Found[] {
  return findings.filter((one) => one.log === log);
}

/** Does a step in the state and, where it is given, in the model. */
function take(one: Step, state: SweepState, clock: Clock, model?: LedgerModel): void {
  switch (one.do) {
    case "look": {
      const findings = ofLog(one.findings, one.place.log);
      state.settle(one.round, one.place, findings, one.readable);
      model?.look(one.round, one.place, findings, one.readable, clock.now);
      return;
    }
    case "advance": {
      const at: Place = { log: "app", block: null };
      const findings = ofLog(one.findings, "app");
      state.settle("head", at, findings, false);
      model?.sight("head", at, findings, clock.now);
      return;
    }
    case "block": {
      const pass = state.beginPass(one.round, "app", "1/1");
      const early = ofLog(one.early, "app").filter(({ index }) => index !== null && blockOf(index) === one.block);
      for (const early1 of early) state.checked(pass, early1.index ?? 0, [early1]);
      const late = ofLog(one.late, "app");
      state.finishBlock(pass, one.block, late, one.readable);
      const at: Place = { log: "app", block: one.block };
      model?.sight(one.round, at, early, clock.now);
      model?.look(one.round, at, [...new Set([...early, ...late])], one.readable, clock.now);
      return;
    }
    case "wait":
      clock.now += one.hours * HOUR;
      return;
    case "acknowledge": {
      const id = idOf(FINDINGS[one.which] ?? found("log.missing"));
      if (state.ledger.find(id) === null) return;
      const until = one.hours === null ? null : clock.now + one.hours * HOUR;
      const by = { by: "kim", why: "known", sweeper: "test", now: clock.now };
      acknowledge(state, id, { ...by, until: until === null ? null : timestamp(until) });
      model?.acknowledge(id, until, clock.now);
      return;
    }
    case "remind":
      state.remind();
      model?.remind(EVERY, clock.now);
      return;
  }
}

function openIn(state: SweepState): object[] {
  return state.ledger
    .open()
    .map(({ id, firstSeen, lastSeen, places }) => ({ id, firstSeen, lastSeen, places }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function openInModel({ open }: LedgerModel): object[] {
  const order: readonly RoundName[] = ["head", "locks", "content"];
  return open
    .map(({ found: one, firstSeen, lastSeen, seen }) => ({
      id: idOf(one),
      firstSeen,
      lastSeen,
      places: seen
        .map(({ log, block, rounds }) => ({ log, block, rounds: order.filter((name) => rounds.includes(name)) }))
        .sort((a, b) => (a.block ?? -1) - (b.block ?? -1)),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

describe("the ledger", () => {
  test("opens, closes, reminds and tells as the rules say", () => {
    const folder = temporaryFolder();
    let run = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const clock = new Clock();
        const model = new LedgerModel();
        using state = openState(`${folder}/${run++}`, clock, { remindEveryMillis: EVERY, maxAlarms: 1_000_000 });
        for (const one of steps) {
          take(one, state, clock, model);
          expect(openIn(state)).toEqual(openInModel(model));
        }
        expect(
          alarmsOf(state)
            .map(({ id }) => id)
            .sort(),
        ).toEqual([...new Set(model.alarms)].sort());
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  test("goes on after a kill between any two steps as if there had been none", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 4, maxLength: 12 }), (steps) => {
        const clock = new Clock();
        const folder = temporaryFolder();
        using state = openState(folder, clock, { remindEveryMillis: EVERY });
        const left: { readonly folder: string; readonly now: number }[] = [];
        for (const one of steps) {
          left.push({ folder: copyOf(folder), now: clock.now });
          take(one, state, clock);
        }
        const whole = { open: openIn(state), alarms: alarmsOf(state) };
        for (const [i, { folder: copy, now }] of left.entries()) {
          clock.now = now;
          using other = openState(copy, clock, { remindEveryMillis: EVERY });
          for (const one of steps.slice(i)) take(one, other, clock);
          expect({ open: openIn(other), alarms: alarmsOf(other) }).toEqual(whole);
        }
      }),
      { seed: 5, numRuns: 15 },
    );
  });

  test("keeps nothing of what was under way when it was killed", () => {
    const clock = new Clock();
    const folder = temporaryFolder();
    const state = openState(folder, clock);
    state.settle("head", { log: "app", block: null }, [found("log.truncated")], true);
    const before = { open: openIn(state), alarms: alarmsOf(state) };
    let copy = "";
    state.atomically(() => {
      state.settle("locks", { log: "app", block: 0 }, [found("lock.short", 5)], true);
      state.settle("head", { log: "app", block: null }, [], true);
      copy = copyOf(folder);
    });
    const killed = openState(copy, clock);
    expect({ open: openIn(killed), alarms: alarmsOf(killed) }).toEqual(before);
    expect(alarmsOf(state)).toHaveLength(3);
  });
});
