import { mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { parseCheckpoint } from "../../src/core/checkpoint.ts";
import { parseVerifierKey, renameVerifierKey } from "../../src/core/key.ts";
import { verifyNote } from "../../src/core/note.ts";
import { type Outcome, type RunOptions, stele } from "./stele.ts";

let folder: string;
let archive: string;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "stele-cli-")));
  archive = join(folder, "archive");
  env = { XDG_CONFIG_HOME: join(folder, "config"), XDG_STATE_HOME: join(folder, "state") };
});
afterEach(() => rm(folder, { recursive: true }));

const run = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => stele(args, { env, ...options });
const init = (...args: string[]): Promise<Outcome> => run(["init", archive, "--origin", "audit.example/prod", ...args]);

const initJson = z.object({ vkey: z.string(), keyFile: z.string(), created: z.boolean(), keyCreated: z.boolean() });
const archiveJson = z.strictObject({
  ok: z.boolean(),
  log: z.string(),
  origin: z.string(),
  entries: z.number(),
  segments: z.number(),
  rawBytes: z.number(),
  storedBytes: z.number(),
  spooled: z.strictObject({ entries: z.number(), bytes: z.number() }),
  head: z.strictObject({ size: z.number(), root: z.string(), checkpoint: z.string() }).nullable(),
});

test("init makes archive and key, says where the key is and what a folder can't do, and changes nothing when run again", async () => {
  const first = await init("--json");
  expect(first.code).toBe(0);
  const made = initJson.parse(JSON.parse(first.stdout));
  expect(made).toMatchObject({
    created: true,
    keyCreated: true,
    keyFile: join(folder, "config/stele/keys/audit.example_prod.key"),
  });
  expect((await stat(made.keyFile)).mode & 0o777).toBe(0o600);
  const key = await readFile(made.keyFile, "utf8");
  expect(first.stdout + first.stderr).not.toContain(key.trim());

  const again = await init();
  expect(again.code).toBe(0);
  expect(again.stdout).toContain(made.vkey);
  expect(again.stdout).toContain("was there already, unchanged");
  expect(again.stderr).toMatch(/^warning: a folder shows tampering and does not prevent it/);
  expect(await readFile(made.keyFile, "utf8")).toBe(key);

  expect(await init("--retention", "1y")).toMatchObject({ code: 2 });
});

test("init never makes a new key for an archive that has one", async () => {
  await init();
  const other = { XDG_CONFIG_HOME: join(folder, "elsewhere") };
  const { code, stderr } = await run(["init", archive, "--origin", "audit.example/prod"], { env: other });
  expect(code).toBe(2);
  expect(stderr).toContain("--key-file");
  await expect(stat(join(folder, "elsewhere"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("init refuses a key file inside the archive and one of another name, and warns of GOVERNANCE", async () => {
  expect(await init("--key-file", join(archive, "a.key"))).toMatchObject({ code: 2 });
  await expect(stat(archive)).rejects.toMatchObject({ code: "ENOENT" });
  const other = join(folder, "other.key");
  await run(["keys", "generate", "--origin", "other.example", "-o", other]);
  expect(await init("--key-file", other)).toMatchObject({ code: 2 });
  const governance = await init("--mode", "GOVERNANCE", "--retention", "1d");
  expect(governance).toMatchObject({ code: 0 });
  expect(governance.stderr).toContain("GOVERNANCE mode: whoever has");
});

test("archives files, goes on where it stopped, and keeps the head's checkpoint", async () => {
  const { vkey } = initJson.parse(JSON.parse((await init("--json")).stdout));
  const log = join(folder, "app.log");
  const kept = join(folder, "app.checkpoint");
  await writeFile(log, "one\ntwo\n");
  const args = ["archive", archive, "--log", "app", log, "--save-checkpoint", kept];
  const first = await run(args);
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toMatch(/^2 entries archived into app of audit\.example\/prod, in 1 segment\n/);
  const second = await run(args);
  expect(second).toMatchObject({ code: 0, stderr: `${log}: nothing new, all 8 B are archived already\n` });
  expect(second.stdout).toMatch(/^0 entries archived/);
  await writeFile(log, "one\ntwo\nthree\n");
  const third = await run([...args, "--json"]);
  expect(third.stderr).toBe(`${log}: went on after the 8 B that are archived already\n`);
  const result = archiveJson.parse(JSON.parse(third.stdout));
  expect(result).toMatchObject({ ok: true, log: "app", origin: "audit.example/prod/app", entries: 1, segments: 1, rawBytes: 6 });
  expect(await readFile(kept, "utf8")).toBe(result.head?.checkpoint);
  const checkpoint = parseCheckpoint(await readFile(kept));
  expect(checkpoint).toMatchObject({ origin: "audit.example/prod/app", size: 2 });
  expect(verifyNote(checkpoint.note, [renameVerifierKey(parseVerifierKey(vkey), "audit.example/prod/app")])).toHaveLength(1);

  await writeFile(log, "other\n");
  expect((await run(args)).stderr).toBe(
    `${log}: is not the file any more whose first 14 B are archived; archived from its beginning\n`,
  );
});

test("archives patterns, compressed files and standard input", async () => {
  await init();
  await mkdir(join(folder, "logs"));
  await writeFile(join(folder, "logs/1.log"), "a\nb\n");
  await writeFile(join(folder, "logs/2.log.gz"), gzipSync("c\n"));
  await writeFile(join(folder, "logs/3.log.zst"), zstdCompressSync("d\ne"));
  const entries = async (args: string[], stdin = ""): Promise<number> => {
    const { stdout, stderr } = await run(["archive", archive, "--json", "--quiet", ...args], { stdin });
    expect(stderr).toBe("");
    return archiveJson.parse(JSON.parse(stdout)).entries;
  };
  expect(await entries(["--log", "files", join(folder, "logs/*")])).toBe(5);
  expect(await entries(["--log", "stdin"], "f\ng")).toBe(2);
  expect(await entries(["--log", "stdin", "-", "--source", "k8s/prod"], "h\n")).toBe(1);
  expect(await entries(["--log", "empty"], "")).toBe(0);
});

test.each([
  ["a pattern without a match", ["none*"], 2],
  ["a file that is not there", ["none.log"], 2],
  ["a log's name that can't be", ["--log", "A"], 2],
  ["a key file that is not there", ["--key-file", "none.key"], 2],
  ["limits that don't fit", ["--max-event-bytes", "10", "--segment-bytes", "5"], 2],
])("%s is refused", async (_what, args, code) => {
  await init();
  expect(await run(["archive", archive, "--log", "app", ...args])).toMatchObject({ code, stdout: "" });
});

test("a writer does not append to what someone else put in the archive's place", async () => {
  await init();
  const mine = join(folder, "config/stele/keys/audit.example_prod.key");
  const forged = join(folder, "forged");
  await run(["init", forged, "--origin", "audit.example/prod"], { env: { XDG_CONFIG_HOME: join(folder, "mallory") } });
  const { code, stderr } = await run(["archive", forged, "--log", "app", "--key-file", mine], { stdin: "event\n" });
  expect(code).toBe(1);
  expect(stderr).toContain("has not signed this archive's description");
});

test("keys show: of a file, of an archive, of a log", async () => {
  const { vkey, keyFile } = initJson.parse(JSON.parse((await init("--json")).stdout));
  const ofLog = renameVerifierKey(parseVerifierKey(vkey), "audit.example/prod/app").vkey;
  expect(await run(["keys", "show", keyFile])).toEqual({ code: 0, stdout: `${vkey}\n`, stderr: "" });
  expect(await run(["keys", "show", keyFile, "--log", "app"])).toEqual({ code: 0, stdout: `${ofLog}\n`, stderr: "" });
  expect(await run(["keys", "show", archive, "--key", vkey])).toEqual({ code: 0, stdout: `${vkey}\n`, stderr: "" });
  const unpinned = await run(["keys", "show", archive, "--log", "app"]);
  expect(unpinned).toMatchObject({ code: 0, stdout: `${ofLog}\n` });
  expect(unpinned.stderr).toContain("Compare them");
});

test("keys generate never overwrites", async () => {
  const file = join(folder, "a.key");
  const { code, stdout } = await run(["keys", "generate", "--origin", "a.example", "-o", file]);
  expect({ code, name: parseVerifierKey(stdout.trim()).name }).toEqual({ code: 0, name: "a.example" });
  const before = await readFile(file, "utf8");
  expect(await run(["keys", "generate", "--origin", "a.example", "-o", file])).toMatchObject({ code: 2, stdout: "" });
  expect(await readFile(file, "utf8")).toBe(before);
});

test("doctor says that a folder is not fit, and a script gets the same", async () => {
  await init();
  const human = await run(["doctor", archive]);
  expect(human.code).toBe(1);
  expect(human.stdout).toMatch(/\nNOT FIT: .* \(\d+ of \d+ checks passed/);
  const json = await run(["doctor", archive, "--json"]);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, store: archive });
});
