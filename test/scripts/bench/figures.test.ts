import { describe, expect, test } from "vitest";
import { inFigures, inRatio, median, spread } from "../../../scripts/bench/figures.ts";

const run = (seconds: number, peak: number | null): { seconds: number; peak: number | null; stdout: string } => ({
  seconds,
  peak,
  stdout: "",
});

describe("figures", () => {
  test.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 10, 2], 3],
    [[10, 9, 2, 1, 100], 9],
  ])("the median of %j is %d", (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  test("there is no median of nothing", () => {
    expect(() => median([])).toThrow(RangeError);
  });

  test("speeds are of the median run, memory of the largest", () => {
    const figures = inFigures("x", [run(4, 7), run(1, 9), run(2, 8)], { bytes: 6e6, events: 10 });
    expect(figures).toMatchObject({ median: 2, megabytesPerSecond: 3, eventsPerSecond: 5, peakMemory: 9, seconds: [4, 1, 2] });
    expect(inFigures("x", [run(1, null)], { bytes: 1, events: 1 }).peakMemory).toBeNull();
  });

  test("a ratio is met when it is reached", () => {
    expect(inRatio(8, 2, 4)).toEqual({ ratio: 4, wanted: 4, met: true });
    expect(inRatio(7.9, 2, 4).met).toBe(false);
  });

  test("the spread is how far the largest is above the smallest", () => {
    expect(spread([2, 2.3, 2])).toBeCloseTo(0.15);
    expect(spread([5])).toBe(0);
  });
});
