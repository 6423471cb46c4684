import { chmod, mkdtemp, readFile, realpath, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type Outcome, type RunOptions, stele } from "./stele.ts";

const FIRST = '{"user":"ann"}\n{"user":"ben"}\n';
const SECOND = '{"user":"cem"}\n';
const SEGMENT = /^segments\/dt=[\d-]+\/0{16}\.ndjson\.zst$/;

let folder: string;
let archive: string;
let key: string;
let env: NodeJS.ProcessEnv;

const run = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => stele(args, { env, ...options });
const inArchive = (command: string, ...args: string[]): Promise<Outcome> => run([command, archive, "--key", key, ...args]);

/** A log `app` of three events in two manifests, and the checkpoint after the first of them. */
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "stele-verify-")));
  archive = join(folder, "archive");
  env = { XDG_CONFIG_HOME: join(folder, "config"), XDG_STATE_HOME: join(folder, "state") };
  const made = await run(["init", archive, "--origin", "audit.example", "--json"]);
  key = z.object({ vkey: z.string() }).parse(JSON.parse(made.stdout)).vkey;
  await run(["archive", archive, "--log", "app", "--save-checkpoint", join(folder, "first")], { stdin: FIRST });
  await run(["archive", archive, "--log", "app", "--save-checkpoint", join(folder, "second")], { stdin: SECOND });
});
afterEach(() => rm(folder, { recursive: true }));

const report = z.strictObject({
  ok: z.boolean(),
  logs: z.array(
    z.strictObject({
      log: z.string(),
      origin: z.string(),
      manifests: z.number(),
      entries: z.number(),
      bytes: z.number(),
      head: z.strictObject({ size: z.number(), root: z.string() }).nullable(),
      keyPinned: z.boolean(),
      anchors: z.array(z.never()),
    }),
  ),
  findings: z.array(
    z.strictObject({
      code: z.string(),
      severity: z.enum(["critical", "warning", "info"]),
      log: z.string(),
      object: z.string().nullable(),
      versionId: z.string().nullable(),
      index: z.number().nullable(),
      message: z.string(),
      expected: z.string().nullable(),
      actual: z.string().nullable(),
    }),
  ),
  notObservable: z.array(z.string()),
});

async function verifyJson(...args: string[]): Promise<{ code: number | null; report: z.infer<typeof report> }> {
  const { code, stdout } = await inArchive("verify", "--json", ...args);
  return { code, report: report.parse(JSON.parse(stdout)) };
}

/** What the folder's owner can do, past the program. */
async function tamper(path: string, change: (before: Buffer) => Buffer): Promise<void> {
  const file = join(archive, path);
  await chmod(file, 0o600);
  await writeFile(file, change(await readFile(file)));
}

async function alterSegment(): Promise<string> {
  const { stdout } = await inArchive("prove", "--log", "app", "0");
  const proof = z.object({ manifest: z.string() }).parse(JSON.parse(stdout));
  const { segment } = z.object({ segment: z.object({ key: z.string().regex(SEGMENT) }) }).parse(JSON.parse(proof.manifest));
  await tamper(`app/${segment.key}`, (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.of((bytes.at(-1) ?? 0) ^ 1)]));
  return `app/${segment.key}`;
}

test("a sound archive is SOUND, for a person and for a script", async () => {
  const human = await inArchive("verify");
  expect(human).toMatchObject({ code: 0, stderr: "" });
  expect(human.stdout).toMatch(/\n {2}app {2}3 entries, 2 manifests, 45 B, head \S{44} at 2\n/);
  expect(human.stdout).toMatch(/\nSOUND\n$/);
  expect(human.stdout).not.toContain("key not pinned");
  const { code, report: json } = await verifyJson();
  expect(code).toBe(0);
  expect(json).toMatchObject({
    ok: true,
    logs: [{ log: "app", origin: "audit.example/app", manifests: 2, entries: 3, bytes: 45, head: { size: 2 }, keyPinned: true }],
    findings: [],
  });
});

test("without a key it says so", async () => {
  const { code, stdout } = await run(["verify", archive]);
  expect(code).toBe(0);
  expect(stdout).toContain("key not pinned");
});

test("a changed event is NOT SOUND, with where, why and what to do", async () => {
  const object = await alterSegment();
  const { code, stdout } = await inArchive("verify");
  expect(code).toBe(1);
  expect(stdout).toContain("CRITICAL segment.altered in app");
  expect(stdout).toContain(`  object    ${object}\n`);
  expect(stdout).toContain("Events were changed after they were committed.");
  expect(stdout).toContain("What to do now: change nothing");
  expect(stdout).toMatch(/\nNOT SOUND: 1 finding \(1 critical\)\n$/);
  const json = await verifyJson();
  expect(json).toMatchObject({ code: 1, report: { ok: false, findings: [{ code: "segment.altered", object }] } });
  expect(await verifyJson("--level", "manifests")).toMatchObject({ code: 0, report: { ok: true } });
});

test("a log that was cut off shows against a checkpoint, and its head is not remembered", async () => {
  await unlink(join(archive, "app/manifests/0000000000000001.ndjson"));
  const kept = join(folder, "second");
  const before = await readFile(kept, "utf8");
  const args = ["--log", "app", "--checkpoint", kept];
  const { code, report: json } = await verifyJson(...args);
  expect(code).toBe(1);
  expect(json.findings.map((found) => found.code)).toContain("log.truncated");
  const { stderr } = await inArchive("verify", ...args, "--save-checkpoint", kept);
  expect(stderr).toContain("was not written");
  expect(await readFile(kept, "utf8")).toBe(before);

  expect(await inArchive("cat", ...args)).toMatchObject({ code: 1, stdout: "" });
  const appended = await run(["archive", archive, ...args], { stdin: "more\n" });
  expect(appended).toMatchObject({ code: 1, stdout: "" });
});

test("the head of a sound log is remembered", async () => {
  const kept = join(folder, "kept");
  expect(
    await inArchive("verify", "--log", "app", "--checkpoint", join(folder, "first"), "--save-checkpoint", kept),
  ).toMatchObject({ code: 0 });
  expect(await readFile(kept, "utf8")).toBe(await readFile(join(folder, "second"), "utf8"));
});

test("a key of someone else, and a checkpoint of another log, are not passed over", async () => {
  await run(["init", join(folder, "other"), "--origin", "audit.example", "--json"], {
    env: { XDG_CONFIG_HOME: join(folder, "x") },
  });
  const other = (await run(["keys", "show", join(folder, "other")])).stdout.trim();
  expect((await run(["verify", archive, "--key", other, "--log", "app"])).code).toBe(1);
  await run(["archive", archive, "--log", "web"], { stdin: "event\n" });
  const args = ["--log", "web", "--checkpoint", join(folder, "first")];
  const refused = await inArchive("cat", ...args);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("is of audit.example/app");
  expect((await inArchive("verify", ...args)).stdout).toContain("the checkpoint of audit.example/app: that log was not verified");
});

test("a place that holds nothing is not sound, unless it is said to be empty", async () => {
  const empty = join(folder, "empty");
  await run(["init", empty, "--origin", "audit.example"]);
  expect((await run(["verify", empty])).code).toBe(1);
  expect((await run(["verify", empty, "--allow-empty"])).code).toBe(0);
  expect((await run(["verify", join(folder, "none")])).code).toBe(3);
  expect((await inArchive("verify", "--log", "ap")).code).toBe(1);
});

test.each([
  ["all", [], FIRST + SECOND],
  ["by index", ["--from", "1", "--to", "3"], '{"user":"ben"}\n{"user":"cem"}\n'],
  ["by number", ["--first", "1", "--count", "1"], '{"user":"ben"}\n'],
  ["so many from the start", ["--count", "2"], FIRST],
  ["by time", ["--from", "2000-01-01", "--to", "2000-01-02"], ""],
  ["since a time", ["--from", "2000-01-01T00:00:00+02:00"], FIRST + SECOND],
  ["against a checkpoint", ["--checkpoint", "first"], FIRST + SECOND],
])("cat gives back what was archived, byte for byte: %s", async (_what, args, expected) => {
  const paths = args.map((arg) => (arg === "first" ? join(folder, arg) : arg));
  expect(await inArchive("cat", "--log", "app", ...paths)).toEqual({ code: 0, stdout: expected, stderr: "" });
});

test("cat prints nothing that was altered", async () => {
  await alterSegment();
  const { code, stdout, stderr } = await inArchive("cat", "--log", "app");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("Nothing was printed");
});

test.each([
  ["both ways to say a range", ["--log", "app", "--from", "1", "--count", "1"]],
  ["an empty range", ["--log", "app", "--from", "2", "--to", "2"]],
  ["a time that is none", ["--log", "app", "--from", "yesterday"]],
  ["no log", []],
])("cat refuses %s", async (_what, args) => {
  expect(await inArchive("cat", ...args)).toMatchObject({ code: 2, stdout: "" });
});

test("a proof holds without the archive, for the log's key and the archive's", async () => {
  const file = join(folder, "event.proof");
  const made = await inArchive("prove", "--log", "app", "2", "-o", file);
  expect(made).toMatchObject({ code: 0, stdout: `Proof of entry 2 of audit.example/app written to ${file}\n` });
  const ofLog = (await run(["keys", "show", archive, "--log", "app", "-q"])).stdout.trim();
  expect(made.stderr).toContain(`--key '${ofLog}'`);
  const proof = await readFile(file, "utf8");
  await rm(archive, { recursive: true });
  for (const vkey of [ofLog, key]) {
    const { code, stdout } = await run(["check-proof", file, "--key", vkey]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^PROVEN: this event is entry 2 of audit\.example\/app\n/);
    expect(stdout).toMatch(/\n\{"user":"cem"\}\n$/);
  }
  const json = await run(["check-proof", "-", "--key", key, "--json"], { stdin: proof });
  expect(JSON.parse(json.stdout)).toMatchObject({
    ok: true,
    index: 2,
    event: { text: '{"user":"cem"}' },
    arrived: { source: "stdin" },
  });

  const forged = proof.replace(
    Buffer.from('{"user":"cem"}').toString("base64"),
    Buffer.from('{"user":"dia"}').toString("base64"),
  );
  expect(forged).not.toBe(proof);
  const refused = await run(["check-proof", "-", "--key", key], { stdin: forged });
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(/^NOT PROVEN: /);
  expect((await run(["check-proof", "-", "--key", key], { stdin: "no proof" })).code).toBe(1);
});

test("what can't be judged is not called false", async () => {
  const file = join(folder, "event.proof");
  await inArchive("prove", "--log", "app", "2", "-o", file);
  expect(await run(["check-proof", file])).toMatchObject({ code: 2, stdout: "" });
  expect(await run(["check-proof", join(folder, "none"), "--key", key])).toMatchObject({ code: 2, stdout: "" });
  const stranger = (await run(["keys", "generate", "--origin", "other.example", "-o", join(folder, "o.key")])).stdout.trim();
  expect(await run(["check-proof", file, "--key", stranger])).toMatchObject({ code: 2, stdout: "" });
  expect(await inArchive("prove", "--log", "app", "3")).toMatchObject({ code: 2, stdout: "" });
});

test("an event can't write to the terminal of whoever checks its proof", async () => {
  await run(["archive", archive, "--log", "evil"], { stdin: "\u001b[2Jgone\n" });
  const { stdout } = await inArchive("prove", "--log", "evil", "0");
  const checked = await run(["check-proof", "-", "--key", key], { stdin: stdout });
  expect(checked.code).toBe(0);
  expect(checked.stdout).not.toContain("\u001b");
  expect(checked.stdout).toContain("\\u{1b}[2Jgone");
});
