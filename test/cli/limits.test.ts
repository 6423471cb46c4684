import { expect, test } from "vitest";
import { segmentLimits } from "../../src/cli/limits.ts";

test("an event and its line feed always fit into a segment, whichever of the two is given", () => {
  for (const asked of [
    {},
    { segmentBytes: 1000 },
    { maxEventBytes: 50_000_000 },
    { maxEventBytes: 9, segmentBytes: 10 },
    { segmentEntries: 5 },
  ]) {
    const { bytes, entryBytes } = segmentLimits(asked);
    expect(entryBytes).toBeLessThan(bytes);
    expect(bytes).toBe(asked.segmentBytes ?? bytes);
    expect(entryBytes).toBe(asked.maxEventBytes ?? entryBytes);
  }
});

test.each([
  { maxEventBytes: 10, segmentBytes: 10 },
  { segmentBytes: 1 },
  { maxEventBytes: 64 * 1024 * 1024 + 1 },
  { segmentBytes: 256 * 1024 * 1024 + 1 },
  { segmentEntries: 16_777_217 },
])("refuses %j", (asked) => {
  expect(() => segmentLimits(asked)).toThrow(expect.objectContaining({ code: "input.invalid" }));
});
