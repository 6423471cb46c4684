import { expect, test } from "vitest";
import { parseByteCount } from "../../src/sweep/byte-count.ts";
import { parseDuration } from "../../src/sweep/duration.ts";
import { refusal } from "../core/refusal.ts";

test.each([
  ["0s", 0],
  ["250ms", 250],
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["30d", 2_592_000_000],
])("%s is %d ms", (text, millis) => {
  expect(parseDuration(text)).toBe(millis);
});

test.each(["", "5", "m", "-5m", "1.5h", "5 m", "5M", "1w", "1y", "12345678d", "5m "])("%j is no duration", (text) => {
  expect(refusal(() => parseDuration(text))).toBe("input.invalid");
});

test.each([
  ["1KB", 1000],
  ["20MB", 20_000_000],
  ["10GB", 10_000_000_000],
  ["512MiB", 536_870_912],
  ["1TiB", 2 ** 40],
])("%s is %d bytes", (text, bytes) => {
  expect(parseByteCount(text)).toBe(bytes);
});

test.each(["", "10", "0GB", "10G", "10gb", "1.5GB", "10 GB", "auto"])("%j is no number of bytes", (text) => {
  expect(refusal(() => parseByteCount(text))).toBe("input.invalid");
});
