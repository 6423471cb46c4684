import { expect, it } from "vitest";
import type { DestinationFilter } from "../../src/alert/config.ts";
import { wants } from "../../src/alert/filter.ts";
import { findingAlarm, plainAlarm } from "./samples.ts";

const asks = (filter: Omit<DestinationFilter, "name">, alarm = findingAlarm(), knows = false): boolean =>
  wants({ name: "a", ...filter }, alarm, () => knows);

it.each([
  [{}, true],
  [{ minSeverity: "critical" }, true],
  [{ kinds: ["finding.*"] }, true],
  [{ kinds: ["finding.opened"] }, true],
  [{ kinds: ["findings.many"] }, false],
  [{ kinds: ["event.*", "finding.cleared"] }, false],
  [{ logs: ["app"] }, true],
  [{ logs: ["ap*"] }, true],
  [{ logs: ["**"] }, true],
  [{ logs: ["other", "k8s/*"] }, false],
] as const)("%j: %s", (filter, expected) => {
  expect(asks(filter)).toBe(expected);
});

it("a milder alarm is not sent where only severe ones are wanted", () => {
  expect(asks({ minSeverity: "critical" }, findingAlarm("finding.opened", { severity: "warning" }))).toBe(false);
  expect(asks({ minSeverity: "warning" }, findingAlarm("finding.opened", { severity: "info" }))).toBe(false);
});

it("an all-clear goes where its alarm went, however mild it is, and nowhere else", () => {
  for (const kind of ["finding.cleared", "finding.acknowledged", "stream.recovered", "sweep.recovered"] as const) {
    const clear = findingAlarm(kind, { severity: "info" });
    expect(asks({ minSeverity: "critical" }, clear, true)).toBe(true);
    expect(asks({ minSeverity: "critical" }, clear, false)).toBe(false);
  }
  expect(asks({ minSeverity: "critical" }, findingAlarm("finding.reminder", { severity: "info" }), true)).toBe(false);
});

it("what is of the archive as a whole goes to whoever watches any log", () => {
  expect(asks({ logs: ["k8s/*"] }, plainAlarm())).toBe(true);
});
