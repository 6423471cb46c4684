import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type Places, places } from "./places.ts";
import type { Outcome } from "./stele.ts";

let at: Places;
beforeEach(async () => {
  at = await places();
});
afterEach(() => at[Symbol.asyncDispose]());

/** Nothing listens there: a store that can't be reached. */
const NO_STORE = ["s3://bucket", "--endpoint", "http://127.0.0.1:9"];
const keyFile = (): string => join(at.folder, "config/stele/keys/audit.example_prod.key");
const credentials = { AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none", AWS_REGION: "us-east-1" };

const statusJson = z.strictObject({
  ok: z.boolean(),
  spool: z.string(),
  spools: z.array(
    z.strictObject({
      origin: z.string(),
      folder: z.string(),
      state: z.string(),
      entries: z.number().nullable(),
      bytes: z.number(),
      files: z.number(),
      oldest: z.string().nullable(),
      manifest: z.number().nullable(),
      quarantined: z.number(),
      message: z.string().nullable(),
    }),
  ),
});
async function status(...args: string[]): Promise<z.infer<typeof statusJson>["spools"]> {
  const { stdout } = await at.run(["spool", "status", "--json", ...args]);
  return statusJson.parse(JSON.parse(stdout)).spools;
}

/** Leaves `events` in the spool: archives `first`, so that the spool knows its log, then writes while there is no store. */
async function leaveInSpool(events: string, first = "first\n"): Promise<Outcome> {
  await at.run(["archive", at.archive, "--log", "app"], { stdin: first });
  const running = at.start(["archive", ...NO_STORE, "--log", "app", "--key-file", keyFile(), "--drain-timeout", "1s", "--json"]);
  await running.says("safe to interrupt");
  running.write(events);
  running.endInput();
  await running.says("the store can't be reached");
  running.kill("SIGTERM");
  return running.outcome;
}

beforeEach(() => {
  Object.assign(at.env, credentials);
});

test("while the store can't be reached events are kept; after the time to drain it says how many, where, and what to do", async () => {
  const { code, stdout, stderr } = await leaveInSpool("two\nthree\n");
  expect(code).toBe(143);
  expect(stderr).toMatch(/^warning: the store can't be reached: .*ECONNREFUSED.*; events are kept in .*; trying again$/m);
  expect(stderr).toContain(`warning: 2 entries (`);
  expect(stderr).toContain(
    `, not archived yet, are safe in ${at.spool}. The next run here archives them, or: stele spool drain s3://bucket --log app`,
  );
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, entries: 0, head: null, spooled: { entries: 2 } });

  expect(await status()).toMatchObject([
    { origin: "audit.example/prod/app", folder: at.spool, state: "waiting", entries: 2, manifest: 0, quarantined: 0 },
  ]);
  const drained = await at.run(["spool", "drain", at.archive, "--log", "app", "--json"]);
  expect(drained).toMatchObject({ code: 0, stderr: expect.stringContaining("holds 2 entries") });
  expect(JSON.parse(drained.stdout)).toMatchObject({
    ok: true,
    entries: 2,
    spooled: { entries: 0, bytes: 0 },
    head: { size: 2 },
  });
  expect(await at.entries()).toEqual(["first", "two", "three"]);
  expect(await status()).toMatchObject([{ state: "empty", entries: 0, bytes: 0, files: 0, oldest: null, manifest: 1 }]);
});

test("what waits in the spool is archived before a file is, so that its places stay its own", async () => {
  await leaveInSpool("two\n");
  const { code, stdout, stderr } = await at.run(["archive", at.archive, "--log", "app", "package.json", "--json"]);
  expect(code).toBe(0);
  expect(stderr).toContain("holds 1 entry");
  expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  expect((await at.entries()).slice(0, 3)).toEqual(["first", "two", "{"]);
});

test("a full spool pauses the reading and drops nothing: what was read is kept, in order", async () => {
  await at.run(["archive", at.archive, "--log", "app"], { stdin: "first\n" });
  const small = ["--segment-bytes", "65536", "--max-event-bytes", "1000", "--max-spool", "128KiB", "--drain-timeout", "0s"];
  const running = at.start(["archive", ...NO_STORE, "--log", "app", "--key-file", keyFile(), ...small]);
  await running.says("safe to interrupt");
  const events = Array.from({ length: 20_000 }, (_, i) => `event ${i}`.padEnd(99, "."));
  running.write(`${events.join("\n")}\n`);
  await running.says("the spool is full (128 KiB, --max-spool): nothing more is read until the store has taken some");
  running.kill("SIGTERM");
  expect((await running.outcome).code).toBe(143);
  await at.run(["spool", "drain", at.archive, "--log", "app"]);
  const kept = (await at.entries()).slice(1);
  expect(kept.length).toBeGreaterThan(1300);
  expect(kept.length).toBeLessThan(20_000);
  // The last may be cut where the pipe was: what is left of an event at an interrupt is one too.
  expect(kept.slice(0, -1)).toEqual(events.slice(0, kept.length - 1));
});

test("closing a log archives first what waits for it", async () => {
  await leaveInSpool("two\n");
  const { code, stderr } = await at.run(["close", at.archive, "--log", "app", "--yes"]);
  expect(code).toBe(0);
  expect(stderr).toContain("holds 1 entry");
  expect(await at.entries()).toEqual(["first", "two"]);
  const refused = await at.run(["archive", at.archive, "--log", "app"], { stdin: "late\n" });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("was closed with manifest") });
});

test("a log that was never written from here can't be begun without the store, and nothing is read", async () => {
  const { code, stdout, stderr } = await at.run(["archive", ...NO_STORE, "--log", "new", "--key-file", keyFile()], {
    stdin: "x\n",
  });
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toContain("ECONNREFUSED");
});

test("status names spools by archive and log, says what another process has open, and what is none is left out", async () => {
  expect((await at.run(["spool", "status"])).stdout).toContain("no spools: nothing waits here");
  const running = at.start(["archive", at.archive, "--log", "app"]);
  await running.says("safe to interrupt");
  await at.run(["archive", at.archive, "--log", "other/eu"], { stdin: "1\n" });
  expect(await status()).toMatchObject([
    { origin: "audit.example/prod/app", state: "in use", entries: null },
    { origin: "audit.example/prod/other/eu", state: "empty", entries: 0 },
  ]);
  expect(await status("--log", "eu")).toMatchObject([{ origin: "audit.example/prod/other/eu" }]);
  expect(await status(at.archive, "--log", "app")).toMatchObject([{ origin: "audit.example/prod/app" }]);
  expect(await status(at.archive, "--log", "eu")).toEqual([]);
  running.endInput();
  expect(await running.outcome).toMatchObject({ code: 0 });
});

test("damage is named with file and byte and stops every command; quarantine sets it aside and the log says what was lost", async () => {
  await leaveInSpool("two\nthree\n");
  const [name = ""] = (await readdir(at.spool)).filter((file) => file.endsWith(".spool"));
  const file = await open(join(at.spool, name), "r+");
  const { size } = await file.stat();
  await file.write("X", size - 3);
  await file.close();

  const { code, stdout } = await at.run(["spool", "status"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/│ damaged/);
  expect(stdout).toContain(`${join(at.spool, name)} is damaged at byte `);
  const refused = await at.run(["spool", "drain", at.archive, "--log", "app"]);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain("--quarantine");
  expect(await at.run(["archive", at.archive, "--log", "app"], { stdin: "four\n" })).toMatchObject({ code: 1, stdout: "" });

  const drained = await at.run(["spool", "drain", at.archive, "--log", "app", "--quarantine"]);
  expect(drained.code).toBe(0);
  expect(drained.stderr).toMatch(
    /^warning: .* was damaged at byte \d+: .* lost, which the log will say for ever; the damaged file is kept as /m,
  );
  expect((await at.entries())[1]).toContain('{"stele":"lost"');
  expect(await status()).toMatchObject([{ state: "empty", quarantined: 1 }]);
});

test("draining where nothing is spooled says so", async () => {
  const { code, stderr, stdout } = await at.run(["spool", "drain", at.archive, "--log", "app"]);
  expect(code).toBe(0);
  expect(stderr).toContain("has no spool in");
  expect(stdout).toContain("0 entries archived");
});

test.each<[string, string[], string]>([
  ["a heartbeat for files", ["package.json", "--heartbeat", "1h"], "--heartbeat: expected standard input or --follow"],
  [
    "a size without a unit that is known",
    ["--max-spool", "4GB"],
    "--max-spool: expected a whole number with KiB, MiB, GiB or TiB",
  ],
  ["a spool that holds no two segments", ["--max-spool", "1MiB"], "--max-spool: expected room for two segments"],
  ["a period without a unit", ["--drain-timeout", "30"], "--drain-timeout: expected a whole number with s, m (minutes), h or d"],
  ["a heartbeat at no time", ["--heartbeat", "0s"], "--heartbeat: expected a whole number with s"],
  ["a segment older than a day", ["--segment-age", "2d"], "--segment-age: expected at most 24h"],
  ["files and standard input", ["package.json", "-"], 'expected files or standard input ("-"), got both'],
])("%s is wrong use", async (_what, args, message) => {
  const { code, stdout, stderr } = await at.run(["archive", at.archive, "--log", "app", ...args]);
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
});
