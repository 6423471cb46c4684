import { expect, test } from "vitest";
import { anomaliesConfigSchema } from "../../../src/alert/anomaly/config.ts";
import { profile } from "./profile.ts";

test("silence and rate are looked at unless turned off, what needs a field when it is named", () => {
  expect(profile({})).toEqual({
    logs: ["**"],
    severity: "warning",
    silence: { quantile: 0.99, factor: 4, atLeast: 300_000, warmUp: 50 },
    rate: { window: 300_000, deviations: 6, warmUp: 24, atLeast: 100 },
    clock: null,
    duplicates: null,
    sequence: null,
  });
  expect(profile({ silence: false, rate: false, duplicates: {} })).toMatchObject({
    silence: null,
    rate: null,
    duplicates: { within: 3_600_000, atLeast: 20, share: 0.05 },
  });
  expect(profile({ clock: { field: "metadata.time" }, sequence: { field: ["a.b", "c"], settle: "2h" } })).toMatchObject({
    clock: { field: ["metadata", "time"], format: "auto", ahead: 300_000, behind: 3_600_000 },
    sequence: { field: ["a.b", "c"], settle: 7_200_000 },
  });
});

test.each([
  [{ silenc: {} }],
  [{ silence: { atLeast: "5 minutes" } }],
  [{ silence: true }],
  [{ rate: { window: 300 } }],
  [{ clock: {} }],
  [{ clock: { field: "t", format: "iso" } }],
  [{ logs: [] }],
  [{ duplicates: { share: 2 } }],
])("%j is refused", (given) => {
  expect(anomaliesConfigSchema.safeParse([given]).success).toBe(false);
});
