import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTimestamp, parseTimestamp, timestamp, toMillis } from "../../src/core/time.ts";
import { refusal } from "./refusal.ts";

const FIRST = "0001-01-01T00:00:00.000Z";
const LAST = "9999-12-31T23:59:59.999Z";
const instant = fc.integer({ min: Date.parse(FIRST), max: Date.parse(LAST) });

describe("a timestamp", () => {
  it("is spelled in one way", () => {
    expect(timestamp(0)).toBe("1970-01-01T00:00:00.000Z");
    expect(timestamp(Date.UTC(2026, 10, 23, 15, 0, 1, 123))).toBe("2026-11-23T15:00:01.123Z");
    expect(timestamp(-1)).toBe("1969-12-31T23:59:59.999Z");
    expect(timestamp(Date.parse(FIRST))).toBe(FIRST);
    expect(timestamp(Date.parse(LAST))).toBe(LAST);
  });

  it("keeps the millisecond both ways", () => {
    fc.assert(
      fc.property(instant, (ms) => {
        expect(toMillis(parseTimestamp(timestamp(ms)))).toBe(ms);
      }),
    );
  });

  it("compares as text as instants compare", () => {
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        expect(timestamp(a) < timestamp(b)).toBe(a < b);
      }),
    );
  });

  it.each([FIRST, LAST, "2024-02-29T00:00:00.000Z", "2000-02-29T12:34:56.789Z", "2026-12-31T23:59:59.999Z"])(
    "may be %s",
    (text) => {
      expect(isTimestamp(text)).toBe(true);
      expect(parseTimestamp(text)).toBe(text);
    },
  );

  it.each([
    ["no milliseconds", "2026-11-23T15:00:01Z"],
    ["one digit of a second", "2026-11-23T15:00:01.1Z"],
    ["microseconds", "2026-11-23T15:00:01.123456Z"],
    ["an offset", "2026-11-23T15:00:01.123+00:00"],
    ["another zone", "2026-11-23T16:00:01.123+01:00"],
    ["no zone", "2026-11-23T15:00:01.123"],
    ["lower case", "2026-11-23t15:00:01.123z"],
    ["a space for T", "2026-11-23 15:00:01.123Z"],
    ["a comma", "2026-11-23T15:00:01,123Z"],
    ["white space before", " 2026-11-23T15:00:01.123Z"],
    ["a line feed after", "2026-11-23T15:00:01.123Z\n"],
    ["a date alone", "2026-11-23"],
    ["the basic format", "20261123T150001.123Z"],
    ["30 February", "2026-02-30T00:00:00.000Z"],
    ["29 February of a common year", "2026-02-29T00:00:00.000Z"],
    ["29 February of 1900", "1900-02-29T00:00:00.000Z"],
    ["31 April", "2026-04-31T00:00:00.000Z"],
    ["month 13", "2026-13-01T00:00:00.000Z"],
    ["month 0", "2026-00-10T00:00:00.000Z"],
    ["day 0", "2026-01-00T00:00:00.000Z"],
    ["24:00", "2026-11-23T24:00:00.000Z"],
    ["minute 60", "2026-11-23T15:60:00.000Z"],
    ["a leap second", "2016-12-31T23:59:60.000Z"],
    ["five digits of a year", "+12026-11-23T15:00:01.123Z"],
    ["a year before Christ", "-000001-11-23T15:00:01.123Z"],
    ["Arabic digits", "٢٠٢٦-11-23T15:00:01.123Z"],
    ["nothing", ""],
    ["a number", "1700000000000"],
  ])("is not %s: %j", (_what, text) => {
    expect(isTimestamp(text)).toBe(false);
    expect(refusal(() => parseTimestamp(text))).toBe("format.encoding");
  });

  it("does not reach before the year 1 or after the year 9999", () => {
    expect(isTimestamp("0000-06-01T00:00:00.000Z")).toBe(false);
    expect(refusal(() => timestamp(Date.parse(FIRST) - 1))).toBe("input.invalid");
    expect(refusal(() => timestamp(Date.parse(LAST) + 1))).toBe("input.invalid");
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 8.64e15 + 1, 1e300])("is not made of %d", (ms) => {
    expect(refusal(() => timestamp(ms))).toBe("input.invalid");
  });

  it("is refused with what was found, cut short", () => {
    expect(() => parseTimestamp("x".repeat(1000))).toThrow(/^.{1,300}$/);
  });
});
