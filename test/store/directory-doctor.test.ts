import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDirectoryStore, openDirectoryStore } from "../../src/store/directory/directory.ts";
import { doctorDirectory } from "../../src/store/directory/doctor.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "stele-doctor-"));
});
afterEach(() => rm(root, { recursive: true }));

test("says what a folder keeps to, and that its owner can delete all the same", async () => {
  const store = await createDirectoryStore(root);
  await store.putIfAbsent("log/a", Buffer.from("x"), { retention: null });
  const report = await doctorDirectory(root);
  expect(report.store).toBe(store.url);
  const verdicts = Object.fromEntries(report.checks.map(({ id, verdict }) => [id, verdict]));
  expect(verdicts).toMatchObject({
    "put.if-absent": "pass",
    "put.whole": "pass",
    "put.durable": "pass",
    "version.list": "quirk",
    "lock.read-back": "pass",
    "lock.shorten": "pass",
    "lock.downgrade": "pass",
    "lock.extend": "pass",
    "hold.set": "pass",
    "version.delete": "fail",
    "version.overwrite": "fail",
    "lock.delete": "fail",
  });
  expect(report.checks.find(({ id }) => id === "version.delete")?.consequence).toContain("tamper-evident, not undeletable");
  for (const { verdict, consequence } of report.checks) expect(consequence === undefined).toBe(verdict === "pass");
});

test("removes its probes, and nothing else", async () => {
  const store = await createDirectoryStore(root);
  await store.putIfAbsent("_doctor/mine", Buffer.from("x"), { retention: null });
  expect((await doctorDirectory(root)).leftBehind).toEqual([]);
  expect((await readdir(root, { recursive: true })).sort()).toEqual([
    ".stele",
    ".stele/locks",
    ".stele/tmp",
    "_doctor",
    "_doctor/mine",
  ]);
});

test("what can't be tried on a plain copy is unknown, not passed", async () => {
  await mkdir(join(root, "copy"));
  const { checks } = await doctorDirectory(join(root, "copy"));
  for (const { id, verdict } of checks)
    if (/^(lock|hold)\.|^version\.(delete|overwrite)$/.test(id)) expect([id, verdict]).toEqual([id, "unknown"]);
  expect((await openDirectoryStore(join(root, "copy"))).capabilities.locks).toBe("none");
});

test("where nothing can be written, all is unknown", async () => {
  await createDirectoryStore(root);
  await writeFile(join(root, "_doctor"), "a file is in the way");
  const { checks, leftBehind } = await doctorDirectory(root);
  expect(checks.filter(({ verdict }) => verdict === "pass")).toEqual([]);
  expect(leftBehind).toEqual([]);
});

test("a missing folder is an error, not a report", async () => {
  await expect(doctorDirectory(join(root, "none"))).rejects.toMatchObject({ code: "store.not-found" });
});
