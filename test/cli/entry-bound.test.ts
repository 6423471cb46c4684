import fc from "fast-check";
import { expect, test } from "vitest";
import { checkRange, parseEntryBound } from "../../src/cli/entry-bound.ts";

test.each([
  ["0", { index: 0 }],
  ["61234", { index: 61234 }],
  ["2026-11-23", { time: "2026-11-23T00:00:00.000Z" }],
  ["2026-11-23T15:00:00Z", { time: "2026-11-23T15:00:00.000Z" }],
  ["2026-11-23t15:00:00.5z", { time: "2026-11-23T15:00:00.500Z" }],
  ["2026-11-23T15:00:00+02:00", { time: "2026-11-23T13:00:00.000Z" }],
  ["2026-11-23T23:30:00-01:30", { time: "2026-11-24T01:00:00.000Z" }],
  ["2024-02-29", { time: "2024-02-29T00:00:00.000Z" }],
  // An entry at .123 came before .1231, one at .124 after it.
  ["2026-11-23T15:00:00.1231Z", { time: "2026-11-23T15:00:00.124Z" }],
  ["2026-11-23T15:00:00.123000Z", { time: "2026-11-23T15:00:00.123Z" }],
])("reads %s", (text, expected) => {
  expect(parseEntryBound(text, "--from")).toEqual(expected);
});

test.each([
  "",
  "-1",
  "1.5",
  "99999999999999999",
  "2026-02-30",
  "2026-13-01",
  "2025-02-29",
  "2026-11-23T24:00:00Z",
  "2026-11-23T15:00:00",
  "2026-11-23T15:00Z",
  "2026-11-23T15:00:60Z",
  "2026-11-23T15:00:00+24:00",
  "yesterday",
  "2026-11-23 15:00:00Z",
])("refuses %j", (text) => {
  expect(() => parseEntryBound(text, "--from")).toThrow(/^--from: expected an entry's index/);
});

test("reads every instant that Date writes as that instant", () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true }),
      (date) => {
        expect(parseEntryBound(date.toISOString(), "--to")).toEqual({ time: date.toISOString() });
      },
    ),
  );
});

test("a range that can hold nothing is refused; bounds of two kinds can't be compared", () => {
  const one = parseEntryBound("1", "");
  const two = parseEntryBound("2", "");
  const day = parseEntryBound("2026-11-23", "");
  expect(() => checkRange(one, two)).not.toThrow();
  expect(() => checkRange(one, day)).not.toThrow();
  expect(() => checkRange(undefined, one)).not.toThrow();
  expect(() => checkRange(two, two)).toThrow(/--to/);
  expect(() => checkRange(two, one)).toThrow(/--to/);
  expect(() => checkRange(day, day)).toThrow(/--to/);
});
