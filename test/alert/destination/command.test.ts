import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commandDestination } from "../../../src/alert/destination/command.ts";
import type { Outcome } from "../../../src/alert/destination/destination.ts";
import { type Alarm, parseAlarm } from "../../../src/sweep/alarm.ts";
import { until } from "../../cli/places.ts";
import { eventAlarm, findingAlarm } from "../samples.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-command-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs a program written for the test, in Node. */
async function run(
  program: string,
  { alarm = findingAlarm(), timeout = 20_000, signal = new AbortController().signal, args = [] as string[] } = {},
): Promise<Outcome> {
  const path = join(folder, "page.mjs");
  await writeFile(path, `#!${process.execPath}\nimport { readFileSync, writeFileSync } from "node:fs";\n${program}`);
  await chmod(path, 0o700);
  return commandDestination(
    { name: "page", type: "command", command: ["./page.mjs", ...args], timeout },
    { folder, env: {}, timeout },
  ).deliver(alarm, 0, signal);
}

test("gets the alarm on standard input, its words as they are, and nothing of the environment but the alarm's", async () => {
  const alarm: Alarm = { ...eventAlarm({ text: "a\u0000b" }), title: "line one\nline\u0000two $(touch x)" };
  process.env["STELE_TEST_SECRET"] = "hushhush";
  const program = `writeFileSync("got", JSON.stringify({ alarm: readFileSync(0, "utf8"), env: process.env, args: process.argv.slice(2) }));`;
  expect(await run(program, { alarm, args: ["$HOME", "; touch y", "*"] })).toEqual({ kind: "delivered" });
  const got: unknown = JSON.parse(await readFile(join(folder, "got"), "utf8"));
  expect(got).toEqual({
    alarm: expect.any(String),
    args: ["$HOME", "; touch y", "*"],
    env: {
      STELE_ALARM_ID: alarm.id,
      STELE_ALARM_KIND: "event.matched",
      STELE_ALARM_SEVERITY: "critical",
      STELE_ALARM_AT: alarm.at,
      STELE_ALARM_ORIGIN: "audit.example/prod",
      STELE_ALARM_LOG: "cloudtrail",
      STELE_ALARM_SUBJECT: alarm.subject,
      STELE_ALARM_TITLE: "line one line\\u{0}two $(touch x)",
      STELE_ALARM_CODE: "aws.logging-stopped",
      STELE_ALARM_INDEX: "61234",
    },
  });
  if (typeof got !== "object" || got === null || !("alarm" in got)) throw new Error("nothing");
  expect(String(got.alarm).endsWith("}\n")).toBe(true);
  expect(parseAlarm(String(got.alarm))).toEqual(alarm);
});

test("an exit code is said, with the end of what was said", async () => {
  const outcome = await run(
    `process.stdout.write("x".repeat(1e6)); process.stderr.write("\\u001b[31mno pager\\n"); process.exitCode = 7;`,
  );
  expect(outcome).toMatchObject({ kind: "failed", why: expect.stringMatching(/^ended with exit code 7: /) });
  if (outcome.kind !== "failed") throw new Error(outcome.kind);
  expect(outcome.why.length).toBeLessThan(400);
  expect(outcome.why).not.toMatch(/\p{Cc}/u);
});

test("one that does not read its input decides all the same", async () => {
  expect(await run("process.exit(0);", { alarm: eventAlarm({ text: "x".repeat(2_000_000) }) })).toEqual({ kind: "delivered" });
});

test("one that takes too long is ended, with what it started", async () => {
  const path = join(folder, "slow.sh");
  await writeFile(path, "#!/bin/sh\nsleep 1000 &\necho $! > pid\nwait\n");
  await chmod(path, 0o700);
  const to = commandDestination({ name: "page", type: "command", command: [path] }, { folder, env: {}, timeout: 1000 });
  const outcome = await to.deliver(findingAlarm(), 0, new AbortController().signal);
  expect(outcome).toEqual({ kind: "failed", why: "did not end within 1 s", after: null });
  const pid = Number(await readFile(join(folder, "pid"), "utf8"));
  await until(async () => isGone(pid));
});

test("one whose child holds its output open is not waited for", async () => {
  const program = `
    import { spawn } from "node:child_process";
    spawn(process.execPath, ["-e", "setTimeout(() => {}, 20000)"], { stdio: "inherit", detached: true }).unref();
    process.exit(0);`;
  expect(await run(program)).toEqual({ kind: "delivered" });
});

test("one that is not there fails", async () => {
  const to = commandDestination({ name: "page", type: "command", command: ["./nothing"] }, { folder, env: {}, timeout: 1000 });
  expect(await to.deliver(findingAlarm(), 0, new AbortController().signal)).toMatchObject({
    kind: "failed",
    why: expect.stringContaining("could not be run: "),
  });
});

test("broken off from outside, it is ended and throws", async () => {
  const stop = new AbortController();
  const running = run(`writeFileSync("runs", ""); setInterval(() => {}, 1000);`, { signal: stop.signal });
  await until(() =>
    readFile(join(folder, "runs")).then(
      () => true,
      () => false,
    ),
  );
  stop.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
});

/** Ended, and not only waiting for its parent to notice. */
async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return stat === null || / Z /.test(stat);
}
