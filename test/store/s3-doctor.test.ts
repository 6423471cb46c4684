import { afterEach, expect, test } from "vitest";
import { isSteleError } from "../../src/core/error.ts";
import type { ConformanceReport } from "../../src/store/conformance.ts";
import { doctorS3 } from "../../src/store/s3/doctor.ts";
import { laxS3 } from "./lax-s3.ts";
import type { ScriptedS3 } from "./scripted-s3.ts";

let server: ScriptedS3 | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function examine(lax: ScriptedS3, signal?: AbortSignal): Promise<ConformanceReport> {
  server = lax;
  const client = { credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" } };
  return doctorS3({ bucket: "bucket", endpoint: lax.endpoint, region: "us-east-1", client, signal });
}

const ids = (report: ConformanceReport, verdict: string) =>
  report.checks.filter((check) => check.verdict === verdict).map(({ id }) => id);

const DELETIONS = ["version.delete", "version.batch-delete", "version.bypass"];
const WEAKENINGS = ["lock.shorten", "lock.downgrade"];

test("a store that shows locks and enforces none fails every attack, and is left clean", async () => {
  const report = await examine(await laxS3());
  expect(ids(report, "fail")).toEqual([...DELETIONS, ...WEAKENINGS, "hold.delete"]);
  expect(ids(report, "unknown")).toEqual([]);
  expect(ids(report, "pass")).toEqual(expect.arrayContaining(["lock.read-back", "lock.extend", "shadow.overwrite"]));
  expect(report.leftBehind).toEqual([]);
});

test("refusals that only show the caller's missing rights are no pass", async () => {
  const report = await examine(await laxS3({ denyChanges: true }));
  expect(ids(report, "unknown")).toEqual([...DELETIONS, ...WEAKENINGS, "hold.delete"]);
  expect(ids(report, "pass")).not.toEqual(expect.arrayContaining(DELETIONS));
  for (const check of report.checks.filter(({ verdict }) => verdict === "unknown")) {
    expect(check.observed).toMatch(/^refused: HTTP 403 AccessDenied; but this caller may not/);
  }
  expect(report.leftBehind.length).toBeGreaterThan(0);
});

test("an abort throws its reason", async () => {
  const reason = new Error("enough");
  await expect(examine(await laxS3(), AbortSignal.abort(reason))).rejects.toBe(reason);
});

test("a lock that would be too short to attack, or too long to leave behind, is refused", async () => {
  for (const lockSeconds of [9, 3601, 30.5]) {
    await expect(doctorS3({ bucket: "bucket", lockSeconds })).rejects.toSatisfy((error) => isSteleError(error, "input.invalid"));
  }
});
