import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkPattern, interval, nextTurn, overdueFrom, type Schedule } from "../../../src/cli/watch/schedule.ts";

const at = (text: string): number => Date.parse(text);
const cron = (pattern: string): Schedule => ({ kind: "cron", pattern });
const every = (millis: number): Schedule => ({ kind: "every", millis });

describe("schedules", () => {
  it.each([
    [every(60_000), "2026-11-23T12:00:00Z", "2026-11-23T12:01:00Z"],
    [cron("0 3 * * *"), "2026-11-23T02:59:59.999Z", "2026-11-23T03:00:00Z"],
    [cron("0 3 * * *"), "2026-11-23T03:00:00Z", "2026-11-24T03:00:00Z"],
    // Summer time begins in Berlin at 01:00 UTC: turns are in UTC, none is left out.
    [cron("30 1 29 3 *"), "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"],
    [cron("*/10 * * * * *"), "2026-11-23T12:00:01Z", "2026-11-23T12:00:10Z"],
    [cron("0 0 * * 0"), "2026-11-23T12:00:00Z", "2026-11-29T00:00:00Z"],
  ])("%j after %s comes at %s", (schedule, after, next) => {
    expect(new Date(nextTurn(schedule, at(after)))).toEqual(new Date(next));
  });

  it("count as overdue after two turns were missed, and not before", () => {
    const last = at("2026-11-23T03:00:10Z");
    expect(overdueFrom(every(60_000), last, 0)).toBe(last + 180_000);
    expect(new Date(overdueFrom(cron("0 3 * * *"), last, 0))).toEqual(new Date("2026-11-26T03:00:00Z"));
    // A round that takes longer than its interval is not overdue for that.
    expect(overdueFrom(every(60_000), last, 600_000)).toBe(last + 780_000);
  });

  it("have an interval", () => {
    const now = at("2026-11-23T12:00:00Z");
    expect(interval(every(5000), now)).toBe(5000);
    expect(interval(cron("0 * * * *"), now)).toBe(3_600_000);
  });

  it("whatever the interval, a turn is after the last one and overdue is later still", () => {
    const patterns = fc.constantFrom("0 3 * * *", "*/5 * * * *", "17 4 1 * *", "* * * * * *");
    const schedules = fc.oneof(
      fc.integer({ min: 1000, max: 1e9 }).map(every),
      patterns.map((pattern) => cron(pattern)),
    );
    fc.assert(
      fc.property(schedules, fc.integer({ min: 0, max: 4e12 }), (schedule, last) => {
        const next = nextTurn(schedule, last);
        expect(next).toBeGreaterThan(last);
        expect(overdueFrom(schedule, last, 0)).toBeGreaterThan(next);
      }),
    );
  });

  it.each(["", "daily", "61 * * * *", "* * *", "0 3 * * * * * *", "0 0 1 1 * 2020"])("refuse %j", (pattern) => {
    expect(() => checkPattern(pattern, at("2026-11-23T12:00:00Z"))).toThrow(expect.objectContaining({ code: "input.invalid" }));
  });

  it("refuse a pattern whose time is over", () => {
    expect(() => checkPattern("0 0 0 1 1 * 2020", at("2026-11-23T12:00:00Z"))).toThrow("has no time to come");
    expect(nextTurn(cron("0 0 0 1 1 * 2020"), at("2026-11-23T12:00:00Z"))).toBe(Infinity);
  });
});
