import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  coversRetention,
  describePeriod,
  formatPeriod,
  type LockMode,
  parsePeriod,
  type Period,
  retainUntil,
} from "../../src/core/retention.ts";
import { parseTimestamp, timestamp, toMillis } from "../../src/core/time.ts";
import { refusal } from "./refusal.ts";

const until = (from: string, period: string): string => retainUntil(parseTimestamp(from), parsePeriod(period));

describe("parsePeriod", () => {
  it.each([
    ["7y", { count: 7, unit: "y" }, "7 years"],
    ["1y", { count: 1, unit: "y" }, "1 year"],
    ["18m", { count: 18, unit: "m" }, "18 months"],
    ["90d", { count: 90, unit: "d" }, "90 days"],
    ["1d", { count: 1, unit: "d" }, "1 day"],
    ["36h", { count: 36, unit: "h" }, "36 hours"],
  ])("reads %s", (text, period, words) => {
    expect(parsePeriod(text)).toEqual(period);
    expect(formatPeriod(parsePeriod(text))).toBe(text);
    expect(describePeriod(parsePeriod(text))).toBe(words);
  });

  it.each(["100y", "1200m", "36525d", "876600h"])("allows %s, a hundred years", (text) => {
    expect(formatPeriod(parsePeriod(text))).toBe(text);
  });

  it.each(["101y", "1201m", "36526d", "876601h", "9999999h", "9999999y", "99999999y", `${"9".repeat(400)}d`])(
    "refuses %s, more than a hundred years",
    (text) => {
      expect(refusal(() => parsePeriod(text))).toBe("input.invalid");
    },
  );

  it.each([
    "",
    "7",
    "y",
    "0y",
    "0d",
    "-1y",
    "+1y",
    "07y",
    "7Y",
    "7 y",
    " 7y",
    "7y ",
    "7y\n",
    "7.5y",
    "7,5y",
    "1e3d",
    "0x10d",
    "7yy",
    "7y6m",
    "7 years",
    "7w",
    "7s",
    "7min",
    "P7Y",
    "Infinityd",
    "NaNd",
    "٧y",
    "７y",
    "1_000d",
    "7y\u0000",
  ])("refuses %j", (text) => {
    expect(refusal(() => parsePeriod(text))).toBe("input.invalid");
  });

  it("refuses any other text, briefly and with no other error", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        fc.pre(!/^[1-9]\d*[ymdh]$/.test(text));
        expect(refusal(() => parsePeriod(text))).toBe("input.invalid");
        expect(() => parsePeriod(text)).toThrow(/^[^\n]{1,600}$/);
      }),
    );
  });
});

describe("retainUntil", () => {
  it.each([
    ["2026-11-23T15:00:01.000Z", "7y", "2033-11-23T15:00:01.000Z"],
    ["2026-11-23T15:00:01.001Z", "7y", "2033-11-23T15:00:02.000Z"],
    ["2026-11-23T15:00:01.999Z", "7y", "2033-11-23T15:00:02.000Z"],
    ["2026-12-31T23:59:59.999Z", "1d", "2027-01-02T00:00:00.000Z"],
    ["2024-02-29T12:00:00.000Z", "1y", "2025-02-28T12:00:00.000Z"],
    ["2024-02-29T12:00:00.000Z", "4y", "2028-02-29T12:00:00.000Z"],
    ["2096-02-29T12:00:00.000Z", "4y", "2100-02-28T12:00:00.000Z"],
    ["2023-02-28T12:00:00.000Z", "1y", "2024-02-28T12:00:00.000Z"],
    ["2026-01-31T00:00:00.000Z", "1m", "2026-02-28T00:00:00.000Z"],
    ["2024-01-31T00:00:00.000Z", "1m", "2024-02-29T00:00:00.000Z"],
    ["2026-01-29T00:00:00.000Z", "1m", "2026-02-28T00:00:00.000Z"],
    ["2026-03-31T00:00:00.000Z", "1m", "2026-04-30T00:00:00.000Z"],
    ["2026-03-31T00:00:00.000Z", "3m", "2026-06-30T00:00:00.000Z"],
    ["2026-08-31T10:20:30.000Z", "6m", "2027-02-28T10:20:30.000Z"],
    ["2026-10-31T00:00:00.000Z", "13m", "2027-11-30T00:00:00.000Z"],
    ["2026-12-15T00:00:00.000Z", "1m", "2027-01-15T00:00:00.000Z"],
    ["2026-11-30T00:00:00.000Z", "12m", "2027-11-30T00:00:00.000Z"],
    ["2023-12-31T00:00:00.000Z", "60d", "2024-02-29T00:00:00.000Z"],
    ["2022-12-31T00:00:00.000Z", "60d", "2023-03-01T00:00:00.000Z"],
    ["2026-03-28T12:00:00.000Z", "24h", "2026-03-29T12:00:00.000Z"],
    ["1969-12-31T23:59:59.500Z", "1h", "1970-01-01T01:00:00.000Z"],
    ["9998-12-31T23:59:59.000Z", "1y", "9999-12-31T23:59:59.000Z"],
  ])("from %s for %s is %s", (from, period, expected) => {
    expect(until(from, period)).toBe(expected);
  });

  it.each([
    ["9999-12-31T23:59:59.001Z", "1h"],
    ["9999-06-01T00:00:00.000Z", "1y"],
    ["9950-01-01T00:00:00.000Z", "100y"],
  ])("refuses an end after the year 9999: %s for %s", (from, period) => {
    expect(refusal(() => until(from, period))).toBe("input.invalid");
  });

  const start = fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(2200, 0, 1) });
  const calendar = (unit: "y" | "m", max: number): fc.Arbitrary<Period> =>
    fc.record({ count: fc.integer({ min: 1, max }), unit: fc.constant(unit) });

  it("is never shorter than asked, by less than a second longer, and a whole second", () => {
    const exact: fc.Arbitrary<readonly [Period, number]> = fc.oneof(
      fc.integer({ min: 1, max: 36_525 }).map((count) => [{ count, unit: "d" }, count * 86_400_000] as const),
      fc.integer({ min: 1, max: 876_600 }).map((count) => [{ count, unit: "h" }, count * 3_600_000] as const),
    );
    fc.assert(
      fc.property(start, exact, (from, [period, length]) => {
        const end = toMillis(retainUntil(timestamp(from), period));
        expect(end % 1000).toBe(0);
        expect(end - from - length).toBeGreaterThanOrEqual(0);
        expect(end - from - length).toBeLessThan(1000);
      }),
    );
  });

  it("lands in the month counted, on the same day or on the month's last", () => {
    fc.assert(
      fc.property(start, fc.oneof(calendar("y", 100), calendar("m", 1200)), (from, period) => {
        const whole = Math.ceil(from / 1000) * 1000;
        const [a, b] = [new Date(whole), new Date(toMillis(retainUntil(timestamp(whole), period)))];
        const months = period.count * (period.unit === "y" ? 12 : 1);
        const month = a.getUTCFullYear() * 12 + a.getUTCMonth() + months;
        expect(b.getUTCFullYear() * 12 + b.getUTCMonth()).toBe(month);
        const last = new Date(Date.UTC(b.getUTCFullYear(), b.getUTCMonth() + 1, 0)).getUTCDate();
        expect(b.getUTCDate()).toBe(Math.min(a.getUTCDate(), last));
        expect(b.getTime() % 86_400_000).toBe(a.getTime() % 86_400_000);
      }),
    );
  });

  it("counts a year as twelve months, and never goes back for a later start", () => {
    fc.assert(
      fc.property(start, start, fc.integer({ min: 1, max: 100 }), (one, other, count) => {
        const year: Period = { count, unit: "y" };
        expect(retainUntil(timestamp(one), year)).toBe(retainUntil(timestamp(one), { count: count * 12, unit: "m" }));
        const [early, late] = [Math.min(one, other), Math.max(one, other)];
        expect(retainUntil(timestamp(early), year) <= retainUntil(timestamp(late), year)).toBe(true);
      }),
    );
  });
});

describe("coversRetention", () => {
  const end = parseTimestamp("2033-11-23T00:00:00.000Z");
  const earlier = parseTimestamp("2033-11-22T23:59:59.999Z");
  const later = parseTimestamp("2033-11-23T00:00:00.001Z");
  const modes: LockMode[] = ["COMPLIANCE", "GOVERNANCE"];

  it("wants a lock, as late and as strong as promised", () => {
    for (const promised of modes) {
      expect(coversRetention(null, { mode: promised, until: end })).toBe(false);
      for (const actual of modes) {
        const strong = actual === "COMPLIANCE" || promised === "GOVERNANCE";
        expect(coversRetention({ mode: actual, until: end }, { mode: promised, until: end })).toBe(strong);
        expect(coversRetention({ mode: actual, until: later }, { mode: promised, until: end })).toBe(strong);
        expect(coversRetention({ mode: actual, until: earlier }, { mode: promised, until: end })).toBe(false);
      }
    }
  });
});
