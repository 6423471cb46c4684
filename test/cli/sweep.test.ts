import { existsSync } from "node:fs";
import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, afterEach, expect, test } from "vitest";
import { parseSweepJson, type SweepJson } from "../../src/sweep/sweep-json.ts";
import { type Places, places, until } from "./places.ts";

let at: Places;
beforeEach(async () => {
  at = await places();
  await at.run(["archive", at.archive, "--log", "app"], { stdin: '{"user":"ann"}\n{"user":"ben"}\n' });
});
afterEach(() => at[Symbol.asyncDispose]());

async function sweepJson(...args: string[]): Promise<{ code: number | null; json: SweepJson }> {
  const { code, stdout } = await at.run(["sweep", at.archive, "--json", ...args]);
  return { code, json: parseSweepJson(stdout, "stdout") };
}

const RULES = `rules:
  - name: ann
    title: Ann did something
    description: See what it was.
    severity: warning
    where: event.user == "ann"
`;

const manifest = (index: number): string => join(at.archive, `app/manifests/${String(index).padStart(16, "0")}.ndjson`);

test("a sound archive is SOUND, and what was looked at and what it cost is said", async () => {
  const { code, stdout, stderr } = await at.run(["sweep", at.archive]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/\n {2}app {2}head \S{44} at 1\n/);
  expect(stdout).toMatch(/\nhead round: .*\n {2}app {2}1 manifest\n {2}\d+ requests \(.*LIST\), .* read, in /);
  expect(stdout).toMatch(/\nlocks round: [^]*\ncontent round: every byte\n {2}app {2}1 manifest, 2 entries, 30 B\n/);
  expect(stdout).toContain("key not pinned");
  expect(stdout).toContain("it is the first to see these logs");
  expect(stdout).toMatch(/\nSOUND\n$/);
});

test("the sweep is signed into the archive, and the next one sweeps that as well", async () => {
  await at.run(["sweep", at.archive]);
  const reports = (await at.entries("_sweeps")).map((line): unknown => JSON.parse(line));
  expect(reports).toEqual(
    expect.arrayContaining(
      ["head", "locks", "content"].map((round) => expect.objectContaining({ kind: "report", round, verdict: "sound" })),
    ),
  );
  const { code, json } = await sweepJson();
  expect(code).toBe(0);
  expect(json.logs.map(({ log }) => log)).toEqual(["_sweeps", "app"]);
  expect(json).toMatchObject({ ok: true, complete: true, shard: "1/1" });
});

test("a tail that was cut off is NOT SOUND against what is remembered, on this machine and on a new one", async () => {
  await at.run(["archive", at.archive, "--log", "app"], { stdin: "more\n" });
  await at.run(["sweep", at.archive]);
  await unlink(manifest(1));
  const here = await at.run(["sweep", at.archive, "--rounds", "head"]);
  expect(here.code).toBe(1);
  expect(here.stdout).toContain("CRITICAL log.truncated in app, new");
  expect(here.stdout).toMatch(/\nNOT SOUND: 1 finding \(1 critical\)\n$/);
  const elsewhere = await at.run(["sweep", at.archive, "--rounds", "head", "--state", join(at.folder, "new")]);
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.stderr).toContain("taken over from the archive's log _sweeps");
  expect(elsewhere.stdout).toContain("log.truncated in app");
});

test("what an earlier sweep found still counts where this one did not look, until someone answers for it", async () => {
  await writeFile(join(at.archive, "app/manifests/what"), "what\n");
  const first = await sweepJson();
  expect(first.code).toBe(1);
  expect(first.json.findings).toMatchObject([{ code: "object.stray", standing: "new", seen: true }]);
  const other = await at.run(["sweep", at.archive, "--rounds", "content", "--log", "_sweeps"]);
  expect(other.code).toBe(1);
  expect(other.stdout).toContain("1 finding of earlier sweeps still counts");
  const [found] = first.json.findings;
  await at.run(["findings", "ack", at.archive, found?.id ?? "", "--why", "mine", "--by", "ann"]);
  const answered = await sweepJson("--rounds", "head");
  expect(answered.code).toBe(0);
  expect(answered.json.findings).toMatchObject([{ standing: "open", acknowledged: { by: "ann", why: "mine" } }]);
});

test("shards are merged, and a missing one is said", async () => {
  const files: string[] = [];
  for (const shard of ["1/2", "2/2"]) {
    const { stdout } = await at.run([
      "sweep",
      at.archive,
      "--shard",
      shard,
      "--json",
      "--no-record",
      "--state",
      join(at.folder, shard.replace("/", "-")),
    ]);
    const file = join(at.folder, `${files.length}.json`);
    await writeFile(file, stdout);
    files.push(file);
  }
  const merged = await at.run(["sweep", "merge", ...files]);
  expect(merged).toMatchObject({ code: 0, stderr: "" });
  expect(merged.stdout).toContain("shard 1/2,2/2");
  expect(merged.stdout).toMatch(/\nSOUND\n$/);
  const [first = ""] = files;
  const part = await at.run(["sweep", "merge", first, "--json"]);
  expect(part.code).toBe(3);
  expect(JSON.parse(part.stdout)).toMatchObject({ ok: false, verdict: "unknown" });
  expect((await at.run(["sweep", "merge", first])).stdout).toContain("COULD NOT TELL");
  expect((await at.run(["sweep", "merge", first, first])).code).toBe(2);
  expect((await at.run(["sweep", "merge", manifest(0)])).code).toBe(2);
});

test("rules are asked about new events, once", async () => {
  const rules = join(at.folder, "rules.yaml");
  await writeFile(rules, RULES);
  const first = await at.run(["sweep", at.archive, "--rounds", "head", "--rules", rules]);
  expect(first).toMatchObject({ code: 0 });
  expect(first.stderr).toContain("1 alarm is kept on this machine");
  const second = await at.run(["sweep", at.archive, "--rounds", "head", "--rules", rules]);
  expect(second.stderr).toContain("1 alarm is kept on this machine");
  await writeFile(rules, "rules: what\n");
  expect((await at.run(["sweep", at.archive, "--rules", rules])).code).toBe(2);
});

test("a rule that fails does not look like one that finds nothing", async () => {
  const rules = join(at.folder, "failing.yaml");
  await writeFile(rules, RULES.replace('event.user == "ann"', "event.user + 1 == 2"));
  const { code, stderr } = await at.run(["sweep", at.archive, "--rounds", "head", "--rules", rules]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/warning:.* ann failed on \d+ of \d+ events?, last on entry \d+: /);
});

test("without a key it is remembered on this machine only, and says so", async () => {
  await at.run(["sweep", at.archive, "--rounds", "head"]);
  const { stdout } = await at.run(["keys", "show", at.archive]);
  expect(stdout).not.toBe("");
  const { code, stderr } = await at.run(["sweep", at.archive, "--rounds", "head"], {
    env: { ...at.env, XDG_CONFIG_HOME: join(at.folder, "none") },
  });
  expect(code).toBe(0);
  expect(stderr).toContain("only remembered on this machine");
});

test("a wrong use is said", async () => {
  for (const [option = "", value = "", said = ""] of [
    ["--rounds", "tail", "--rounds"],
    ["--shard", "3/2", "shard"],
    ["--budget", "much", "20MB"],
    ["--max-requests", "0", "--max-requests"],
  ]) {
    const { code, stderr } = await at.run(["sweep", at.archive, option, value]);
    expect({ option, code, stderr }).toEqual({ option, code: 2, stderr: expect.stringContaining(said) });
  }
});

test("a place where nothing is can't be told", async () => {
  expect((await at.run(["sweep", join(at.folder, "nowhere")])).code).toBe(3);
});

test("a signal ends it cleanly, and the next sweep goes on", async () => {
  await at.run(["archive", at.archive, "--log", "app", "--segment-entries", "1"], { stdin: "1\n2\n3\n4\n5\n" });
  const slow = at.start(["sweep", at.archive, "--rounds", "content", "--bandwidth", "2KB", "--connections", "1", "--no-record"]);
  await until(() => existsSync(join(at.folder, "state/stele/sweep/audit.example+prod/sweep.db")));
  slow.kill("SIGINT");
  await slow.says("goes on from there");
  const ended = await slow.outcome;
  expect(ended.code).toBe(130);
  // The signal comes before the round has reached the log, or in the midst of it: both are said.
  expect(ended.stdout).toMatch(
    /stopped before it was reached|app {2}.*not all: \d of 6 manifests are done; it goes on from there with the next sweep/,
  );
  const { code, json } = await sweepJson("--rounds", "content");
  expect({ code, complete: json.complete }).toEqual({ code: 0, complete: true });
});

test("a second store that is away is a matter of its own: the rounds are done, and could not tell of its anchors", async () => {
  const config = join(at.folder, "stele.yaml");
  await writeFile(config, "anchors: { copies: [nowhere] }\n");
  const { code, json } = await sweepJson("--config", config);
  expect(code).toBe(3);
  expect(json.findings.map(({ code: found }) => found)).toEqual(["anchor.unreadable"]);
  expect(json.findings[0]?.message).toContain("nowhere is not there");
  expect(json.rounds.map(({ round }) => round)).toEqual(["head", "locks", "content"]);
});

test("a folder that can't be made for what sweeps remember is refused", async () => {
  const file = join(at.folder, "file");
  await writeFile(file, "");
  const { code, stderr } = await at.run(["sweep", at.archive, "--state", join(file, "state")]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/file\/state\S*: the folder for what sweeps remember can't be made: ENOTDIR/);
});
