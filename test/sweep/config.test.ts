import { expect, test } from "vitest";
import { sweepConfigSchema } from "../../src/sweep/config.ts";

test("reads all that may be configured", () => {
  const text = {
    contentDays: 14,
    budget: "10GB",
    maxRequests: 5000,
    bandwidth: "20MB",
    connections: 8,
    grace: "10m",
    remindEvery: "12h",
    maxAlarms: 50,
    policy: { mode: "COMPLIANCE", minimumLeft: "90d" },
  };
  expect(sweepConfigSchema.parse(text)).toEqual({
    contentDays: 14,
    budget: 10e9,
    maxRequests: 5000,
    bandwidth: 20e6,
    connections: 8,
    grace: 600_000,
    remindEvery: 43_200_000,
    maxAlarms: 50,
    policy: { mode: "COMPLIANCE", minimumLeft: 90 * 86_400_000 },
  });
  expect(sweepConfigSchema.parse({})).toEqual({});
  expect(sweepConfigSchema.parse({ budget: "auto" })).toEqual({ budget: "auto" });
});

test.each([
  [{ grace: 5 }],
  [{ grace: "soon" }],
  [{ budget: "much" }],
  [{ bandwidth: "0MB" }],
  [{ contentDays: 0 }],
  [{ connections: 1000 }],
  [{ remindEvery: "1s" }],
  [{ policy: { mode: "NONE" } }],
  [{ policy: { least: "1d" } }],
  [{ intervals: {} }],
])("%j is refused", (value) => {
  expect(sweepConfigSchema.safeParse(value).success).toBe(false);
});

test("what a duration or a size may be is said", () => {
  const { error } = sweepConfigSchema.safeParse({ grace: "soon" });
  expect(error?.issues[0]?.message).toContain("such as 30s, 5m, 1h or 30d");
});
