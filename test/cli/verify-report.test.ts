import { expect, test } from "vitest";
import { ADVICE, adviceOverall } from "../../src/cli/advice.ts";
import { bySeverity, lastLine, reportAsJson } from "../../src/cli/verify-report.ts";
import { finding } from "../../src/archive/finding.ts";

const missing = finding("segment.missing", "app", "it is gone");
const stray = finding("object.stray", "app", "no manifest names it");
const duplicate = finding("object.duplicate", "app", "twice");
const unreadable = finding("segment.unreadable", "app", "no permission");

test("the worst comes first, else in the order found", () => {
  const other = finding("manifest.missing", "web", "it is gone");
  expect(bySeverity([duplicate, missing, stray, other])).toEqual([missing, other, stray, duplicate]);
});

test("the last line says the verdict, and never calls unreadable either sound or altered", () => {
  expect(lastLine("sound", [duplicate])).toBe("SOUND");
  expect(lastLine("unsound", [missing, stray, duplicate])).toBe("NOT SOUND: 3 findings (1 critical, 1 warning, 1 info)");
  expect(lastLine("unknown", [unreadable])).toBe(
    "COULD NOT TELL: 1 finding; nothing wrong was seen, but not everything could be read",
  );
});

test("every finding has its meaning; only damage calls for keeping evidence", () => {
  for (const text of Object.values(ADVICE)) expect(text).toMatch(/\.$/);
  expect(adviceOverall([missing])).toMatch(/^What to do now: change nothing/);
  expect(adviceOverall([stray, duplicate, unreadable])).toBeNull();
});

test("only a sound verdict is ok in JSON", () => {
  const json = (verdict: "sound" | "unsound" | "unknown"): object =>
    reportAsJson({ verdict, logs: [], findings: [], notObservable: [] });
  expect([json("sound"), json("unsound"), json("unknown")]).toEqual([
    { ok: true, logs: [], findings: [], notObservable: [] },
    { ok: false, logs: [], findings: [], notObservable: [] },
    { ok: false, logs: [], findings: [], notObservable: [] },
  ]);
});
