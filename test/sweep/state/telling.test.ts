import { describe, expect, test } from "vitest";
import { timestamp } from "../../../src/core/time.ts";
import { alarmId } from "../../../src/sweep/alarm.ts";
import { acknowledge } from "../../../src/sweep/acknowledge.ts";
import { alarmsOf, Clock, DAY, found, HOUR, newState, START, toldBy } from "./states.ts";

const APP = { log: "app", block: null } as const;
const many = (count: number, code: "manifest.altered" | "lock.short" = "manifest.altered"): ReturnType<typeof found>[] =>
  Array.from({ length: count }, (_, index) => found(code, index));

describe("alarms of findings", () => {
  test("one for a finding, however often it is found, and the all-clear shares its subject", () => {
    const clock = new Clock();
    const state = newState(clock);
    for (let i = 0; i < 5; i++) {
      state.settle("head", APP, [found("log.truncated")], true);
      clock.now += HOUR;
    }
    state.settle("head", APP, [], true);
    const [opened, cleared] = alarmsOf(state);
    expect(toldBy(state)).toEqual(["finding.opened log.truncated", "finding.cleared log.truncated"]);
    expect(opened).toMatchObject({ severity: "critical", at: timestamp(START), log: "app", origin: "audit.example/prod" });
    expect(opened?.id).toBe(alarmId("finding.opened", opened?.subject ?? "", timestamp(START)));
    expect(cleared).toMatchObject({ subject: opened?.subject, severity: "info", at: timestamp(START + 5 * HOUR) });
    expect(cleared?.finding).toMatchObject({
      id: opened?.subject,
      firstSeen: timestamp(START),
      lastSeen: timestamp(START + 4 * HOUR),
    });
  });

  test("a finding that comes back is another episode, with another alarm of the same subject", () => {
    const clock = new Clock();
    const state = newState(clock);
    for (const findings of [[found("log.truncated")], [], [found("log.truncated")]]) {
      state.settle("head", APP, findings, true);
      clock.now += HOUR;
    }
    const [first, , again] = alarmsOf(state);
    expect(again).toMatchObject({ kind: "finding.opened", subject: first?.subject, at: timestamp(START + 2 * HOUR) });
    expect(again?.id).not.toBe(first?.id);
    expect(state.ledger.all()).toHaveLength(2);
    expect(state.ledger.open()).toHaveLength(1);
  });

  test("what is only worth knowing makes none until it is worse, and what can't be read always does", () => {
    const state = newState();
    const stray = found("object.stray", null, { object: "_doctor/x", severity: "info" });
    state.settle("locks", APP, [stray], true);
    expect(alarmsOf(state)).toEqual([]);
    state.settle("locks", APP, [{ ...stray, severity: "warning" }, found("lock.unreadable", null, { severity: "info" })], true);
    expect(toldBy(state)).toEqual(["finding.opened object.stray", "finding.opened lock.unreadable"]);
    state.settle("locks", APP, [{ ...stray, severity: "warning" }], true);
    expect(toldBy(state).slice(2)).toEqual(["finding.cleared lock.unreadable"]);
  });

  test("above the bound, the rest of a sweep shares one, which says how many of what", () => {
    const clock = new Clock();
    const state = newState(clock, { maxAlarms: 3 });
    state.beginSweep();
    state.settle("head", APP, [...many(5), ...many(4, "lock.short")], true);
    state.settle("head", { log: "other", block: null }, [found("log.truncated", null, { log: "other" })], true);
    expect(toldBy(state)).toEqual([...Array<string>(3).fill("finding.opened manifest.altered"), "finding.opened log.truncated"]);
    state.endSweep();
    const last = alarmsOf(state).at(-1);
    expect(last).toMatchObject({
      kind: "findings.many",
      severity: "critical",
      log: "app",
      title: "6 more findings in audit.example/prod/app",
    });
    expect(last?.message).toContain("2 manifest.altered, 4 lock.short");
    expect(alarmsOf(state)).toHaveLength(5);
    expect(state.ledger.open()).toHaveLength(10);
    expect(state.ledger.toldBy(last?.subject ?? "")).toHaveLength(6);

    // Reminded of as one, and cleared as one, when the last of them is gone.
    clock.now += DAY + HOUR;
    state.remind();
    expect(toldBy(state).slice(5)).toEqual([
      ...Array<string>(3).fill("finding.reminder manifest.altered"),
      "finding.reminder log.truncated",
      "finding.reminder many in app",
    ]);
    state.settle("locks", { log: "app", block: 0 }, many(4, "lock.short"), true);
    expect(toldBy(state).slice(10)).toEqual(Array<string>(3).fill("finding.cleared manifest.altered"));
    state.settle("head", APP, [], true, { first: 0, end: 256 });
    state.settle("locks", { log: "app", block: 0 }, [], true);
    expect(alarmsOf(state).slice(13)).toMatchObject([{ kind: "finding.cleared", subject: last?.subject }]);
    expect(state.ledger.open(APP.log)).toEqual([]);
  });

  test("what a killed sweep held back is told when the next begins, with the same id as if it had ended", () => {
    const clock = new Clock();
    const sweep = (end: "endSweep" | "beginSweep"): string[] => {
      const state = newState(clock, { maxAlarms: 1 });
      state.beginSweep();
      state.settle("head", APP, many(4), true);
      state[end]();
      return alarmsOf(state).map(({ id }) => id);
    };
    expect(sweep("beginSweep")).toEqual(sweep("endSweep"));
    expect(sweep("endSweep")).toHaveLength(2);
  });

  test("each sweep has its own bound", () => {
    const state = newState(new Clock(), { maxAlarms: 1 });
    for (const log of ["app", "app"]) {
      state.beginSweep();
      state.settle("head", { log, block: null }, many(state.ledger.count + 1), true);
      state.endSweep();
    }
    expect(toldBy(state)).toEqual(["finding.opened manifest.altered", "finding.opened manifest.altered"]);
  });
});

describe("reminders", () => {
  test("come at the interval, once for all that a machine slept through", () => {
    const clock = new Clock();
    const state = newState(clock, { remindEveryMillis: DAY });
    state.settle("head", APP, [found("log.truncated")], true);
    for (const wait of [DAY - 1, 0, 1, 0, DAY, 5 * DAY + HOUR]) {
      clock.now += wait;
      state.remind();
    }
    const reminders = alarmsOf(state).filter(({ kind }) => kind === "finding.reminder");
    expect(reminders.map(({ at }) => at)).toEqual([DAY, 2 * DAY, 7 * DAY + HOUR].map((wait) => timestamp(START + wait)));
    const [{ subject } = { subject: "" }] = reminders;
    expect(reminders.map(({ id }) => id)).toEqual(
      [1, 2, 7].map((number) => alarmId("finding.reminder", subject, `${timestamp(START)} ${number}`)),
    );
  });

  test("of very many at once share one above the bound", () => {
    const clock = new Clock();
    const state = newState(clock, { maxAlarms: 2 });
    for (let i = 0; i < 3; i++) {
      state.beginSweep();
      state.settle("head", APP, many(2 * i + 2), true);
      state.endSweep();
    }
    clock.now += DAY;
    state.endSweep();
    const reminders = alarmsOf(state).filter(({ kind }) => kind === "finding.reminder");
    expect(reminders.map(({ finding: of }) => of !== undefined)).toEqual([true, true, false]);
    expect(reminders[2]?.title).toBe("4 findings in audit.example/prod/app are still open");
  });

  test("end with an acknowledgement, and come again when its time is over", () => {
    const clock = new Clock();
    const state = newState(clock);
    state.settle("head", APP, [found("log.truncated")], true);
    const [{ id } = { id: "" }] = state.ledger.open();
    const until = timestamp(START + 3 * DAY);
    acknowledge(state, id, { by: "kim", why: "known\u0007", until, sweeper: "test", now: clock.now });
    expect(state.ledger.find(id)?.acknowledged).toEqual({ by: "kim", why: "known\ufffd", at: timestamp(START), until });
    const told = (): string[] => toldBy(state).slice(2);
    clock.now += 2 * DAY + HOUR;
    state.remind();
    expect(told()).toEqual([]);
    clock.now += DAY;
    state.remind();
    state.remind();
    expect(told()).toEqual(["finding.opened log.truncated"]);
    expect(state.ledger.find(id)?.acknowledged).toBeNull();
    clock.now += DAY;
    state.remind();
    expect(told()).toEqual(["finding.opened log.truncated", "finding.reminder log.truncated"]);
    // The same matter all the time.
    expect(new Set(alarmsOf(state).map(({ subject }) => subject))).toEqual(new Set([id]));
  });

  test("end for all that one alarm told of, when its subject is acknowledged", () => {
    const clock = new Clock();
    const state = newState(clock, { maxAlarms: 1 });
    state.beginSweep();
    state.settle("head", APP, many(4), true);
    state.endSweep();
    const subject = alarmsOf(state).at(-1)?.subject ?? "";
    const answered = acknowledge(state, subject, { by: "kim", why: "one crash", until: null, sweeper: "test", now: clock.now });
    expect(answered).toHaveLength(3);
    clock.now += DAY;
    state.remind();
    expect(toldBy(state).at(-1)).toBe("finding.reminder manifest.altered");
    expect(toldBy(state).filter((one) => one.startsWith("finding.reminder"))).toHaveLength(1);
  });

  test.each([
    { by: " ", why: "x" },
    { by: "kim", why: "" },
    { by: "kim", why: "x", until: timestamp(START) },
  ])("who and why are asked for, and an end in the future: %o", (given) => {
    const state = newState();
    state.settle("head", APP, [found("log.truncated")], true);
    const [{ id } = { id: "" }] = state.ledger.open();
    const acknowledging = { until: null, sweeper: "test", now: START, ...given };
    expect(() => acknowledge(state, id, acknowledging)).toThrow(expect.objectContaining({ code: "input.invalid" }));
    expect(() => acknowledge(state, "0".repeat(32), { ...acknowledging, by: "kim", why: "x", until: null })).toThrow(
      /nothing is open/,
    );
    expect(state.ledger.find(id)?.acknowledged).toBeNull();
    expect(state.reports.pending()).toEqual([]);
  });
});

describe("the hand-over", () => {
  test("gives alarms in their order from a place on, and remembers the place", () => {
    const state = newState();
    for (const code of ["log.truncated", "log.missing", "log.silent"] as const) state.settle("head", APP, [found(code)], false);
    const first = state.alarms(0, 2);
    expect(first.map(({ alarm }) => alarm.finding?.code)).toEqual(["log.truncated", "log.missing"]);
    expect(state.lastHandedOver()).toBe(0);
    state.handedOver(first[1]?.seq ?? 0);
    expect(state.alarms(state.lastHandedOver(), 2).map(({ alarm }) => alarm.finding?.code)).toEqual(["log.silent"]);
    // Never back.
    state.handedOver(1);
    expect(state.lastHandedOver()).toBe(first[1]?.seq);
  });

  test("an alarm raised twice is one", () => {
    const state = newState();
    state.settle("head", APP, [found("log.truncated")], true);
    const [alarm] = alarmsOf(state);
    if (alarm === undefined) throw new Error("no alarm");
    state.raise([alarm, { ...alarm, id: "a".repeat(32), kind: "test" }]);
    state.raise([alarm]);
    expect(alarmsOf(state).map(({ kind }) => kind)).toEqual(["finding.opened", "test"]);
  });
});
