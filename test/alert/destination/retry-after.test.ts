import { expect, it } from "vitest";
import { retryAfter } from "../../../src/alert/destination/retry-after.ts";

const NOW = Date.UTC(2026, 10, 23, 15, 0, 0);

it.each([
  [undefined, null],
  ["0", 0],
  ["120", 120_000],
  [" 7 ", 7000],
  ["99999999", 86_400_000],
  ["Mon, 23 Nov 2026 15:01:00 GMT", 60_000],
  ["Mon, 23 Nov 2026 14:00:00 GMT", 0],
  ["Mon, 23 Nov 2099 14:00:00 GMT", 86_400_000],
  ["-1", null],
  ["1.5", null],
  ["soon", null],
  ["2026-11-23", null],
  ["", null],
])("%j: %s ms", (header, expected) => {
  expect(retryAfter(header, NOW)).toBe(expected);
});
