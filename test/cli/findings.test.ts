import { mkdir, mkdtemp, readFile, realpath, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { createArchive } from "../../src/archive/archive.ts";
import { finding } from "../../src/archive/finding.ts";
import { age } from "../../src/cli/findings-list.ts";
import { formatKeyFile, parseKeyFile, signerFromSeed } from "../../src/core/key.ts";
import { parsePeriod } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import { openStore } from "../../src/store/open.ts";
import { SweepState } from "../../src/sweep/state/state.ts";
import { type Outcome, type RunOptions, stele } from "./stele.ts";

const ORIGIN = "audit.example/prod";
const HOUR = 3_600_000;
const listJson = z.strictObject({
  ok: z.boolean(),
  from: z.enum(["state", "archive"]).nullable(),
  findings: z.array(
    z.looseObject({ id: z.string(), code: z.string(), closedAt: z.string().nullable(), advice: z.string().nullable() }),
  ),
});

const OWNER = { name: ORIGIN, seed: new Uint8Array(32).fill(1) };
const SWEEPS = { name: `${ORIGIN}/_sweeps`, seed: new Uint8Array(32).fill(9) };
const VKEY = signerFromSeed(OWNER.name, OWNER.seed).key.vkey;

describe("stele findings", () => {
  let folder: string;
  let archive: string;
  let sweepKey: string;
  let ownKey: string;
  let states: string;
  let url: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "stele-findings-")));
    archive = join(folder, "archive");
    env = { XDG_CONFIG_HOME: join(folder, "config"), XDG_STATE_HOME: join(folder, "state") };
    ownKey = join(folder, "config/stele/keys/audit.example_prod.key");
    sweepKey = join(folder, "config/stele/keys/audit.example_prod__sweeps.key");
    states = join(folder, "state/stele/sweep");
    // As init leaves it, which has its own test below.
    await mkdir(join(folder, "config/stele/keys"), { recursive: true });
    for (const [file, { name, seed }] of [
      [ownKey, OWNER],
      [sweepKey, SWEEPS],
    ] as const) {
      await writeFile(file, formatKeyFile(name, seed), { mode: 0o600 });
    }
    const store = await openStore({ kind: "directory", path: archive }, { create: true });
    const delegated = [signerFromSeed(SWEEPS.name, SWEEPS.seed).key];
    const terms = { mode: "COMPLIANCE", period: parsePeriod("1d"), now: Date.now() } as const;
    await createArchive(store, { origin: ORIGIN, signer: signerFromSeed(OWNER.name, OWNER.seed), ...terms, delegated });
    ({ url } = store);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => stele(args, { env, ...options });
  /** What sweeps of this machine remember; the clock stands `ago` before now. */
  const open = (ago = 0): SweepState =>
    SweepState.open(join(states, "audit.example+prod"), { origin: ORIGIN, place: url, now: () => Date.now() - ago });
  function sweep(ago: number, ...codes: Parameters<typeof finding>[0][]): void {
    using state = open(ago);
    const findings = codes.map((code) =>
      finding(code, "app", `\u001b[31m${code}`, { object: "app/x", expected: "a", actual: "b" }),
    );
    state.settle("head", { log: "app", block: null }, findings, true);
  }
  async function list(...args: string[]): Promise<z.infer<typeof listJson>> {
    return listJson.parse(JSON.parse((await run(["findings", archive, "--json", ...args])).stdout));
  }

  test("init makes the key, names it in the description, and leaves both as they are when it is run again", async () => {
    const made = join(folder, "made");
    const key = join(folder, "keys/sweeps.key");
    const init = (...args: string[]): Promise<Outcome> => run(["init", made, "--origin", ORIGIN, "--json", ...args]);
    const first = JSON.parse((await init("--sweep-key", key)).stdout);
    expect(first).toMatchObject({ created: true, sweepKey: { keyFile: key, created: true } });
    const description = await readFile(join(made, "archive.json"), "utf8");
    const vkeys = [expect.stringMatching(/^audit\.example\/prod\+/), expect.stringMatching(/^audit\.example\/prod\/_sweeps\+/)];
    expect(JSON.parse(description.split("\n")[0] ?? "")).toMatchObject({ keys: vkeys });
    expect(parseKeyFile(await readFile(key, "utf8")).key.vkey).toBe(
      z.looseObject({ sweepKey: z.looseObject({ vkey: z.string() }) }).parse(first).sweepKey.vkey,
    );
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    expect(JSON.parse((await init("--sweep-key", key)).stdout)).toMatchObject({ created: false, sweepKey: { created: false } });
    expect(await readFile(join(made, "archive.json"), "utf8")).toBe(description);

    // One that comes too late, one of another name, one within the archive.
    const late = join(folder, "late.key");
    expect(await init("--sweep-key", late)).toMatchObject({ code: 2, stdout: expect.stringContaining("can't be changed") });
    await expect(stat(late)).rejects.toThrow("ENOENT");
    const own = await init("--sweep-key", ownKey);
    expect(own).toMatchObject({ code: 2, stdout: expect.stringContaining("expected a key of audit.example/prod/_sweeps") });
    expect(await init("--sweep-key", join(made, "k"))).toMatchObject({ code: 2 });
  });

  test("where no sweep has been, nothing is said to be sound", async () => {
    const { code, stdout } = await run(["findings", archive]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: expect.stringContaining("nothing was looked at") });
    expect(await list()).toEqual({ ok: false, from: null, findings: [] });
  });

  test("lists what is open, since when and what to do, safely for a terminal", async () => {
    sweep(50 * HOUR, "log.truncated", "object.stray");
    sweep(HOUR, "log.truncated");
    const { code, stdout, stderr } = await run(["findings", archive]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain("CRITICAL log.truncated in app, open for 2 d");
    expect(stdout).toContain("meaning   The newest part of the log is gone.");
    expect(stdout).toContain("What to do now: change nothing, it is evidence.");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).not.toContain("object.stray");
    expect(stdout.endsWith("\n1 finding open\n")).toBe(true);
    const { ok, from, findings } = await list("--all");
    expect({ ok, from }).toEqual({ ok: false, from: "state" });
    expect(findings.map((one) => [one.code, one.closedAt !== null])).toEqual([
      ["log.truncated", false],
      ["object.stray", true],
    ]);
  });

  test("what could not be told, what is wrong and what is only worth knowing differ in the exit code", async () => {
    for (const [codes, expected] of [
      [["lock.expiring"], 0],
      [["log.unreadable"], 3],
      [["log.unreadable", "object.stray"], 1],
    ] as const) {
      sweep(HOUR, ...codes);
      expect((await run(["findings", archive])).code, codes.join()).toBe(expected);
    }
  });

  test("acknowledged, it needs nothing more, and the archive's own log says who and why", async () => {
    sweep(HOUR, "log.truncated", "object.stray");
    const [{ id } = { id: "" }, stray] = (await list()).findings;
    const ack = await run(["findings", "ack", archive, id, "--why", "restored", "--by", "Kim", "--until", "2999-01-01"]);
    expect({ code: ack.code, stderr: ack.stderr }).toEqual({ code: 0, stderr: "" });
    expect(ack.stdout).toContain(`acknowledged: log.truncated in app (${id})`);
    const shown = await run(["findings", archive]);
    expect(shown).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("1 finding open; 1 finding acknowledged (shown with --all)"),
    });
    expect((await list()).findings.map((one) => one.id)).toEqual([stray?.id]);
    const lines = await run(["cat", archive, "--log", "_sweeps"]);
    expect(JSON.parse(lines.stdout)).toMatchObject({
      kind: "acknowledgement",
      finding: id,
      acknowledgement: { by: "Kim", why: "restored", until: "2999-01-01T00:00:00.000Z" },
    });
    const verified = await run(["verify", archive, "--key", VKEY]);
    expect(verified).toMatchObject({ code: 0, stderr: "" });
    expect((await run(["findings", "ack", archive, "f".repeat(32), "--why", "x"])).code).toBe(2);
    expect((await run(["findings", "ack", archive, id])).stderr).toContain("--why");
    expect((await run(["findings", "ack", archive, id, "--why", "x", "--until", "12"])).code).toBe(2);
  });

  test("while a sweep runs, the archive's log is asked and written to, and the sweep takes it over", async () => {
    sweep(HOUR, "log.truncated");
    {
      using state = open();
      const ended = timestamp(Date.now());
      const round = { round: "head", shard: "1/1", started: ended, ended, verdict: "unsound", logs: [] } as const;
      state.report({ sweeper: "host/1", ...round, requests: 1, bytes: 1, notObservable: [] });
    }
    const [{ id } = { id: "" }] = (await list()).findings;
    // Writes down what waits: the report, with the finding.
    const first = await run(["findings", "ack", archive, id, "--why", "until I have looked", "--until", "2999-01-01"]);
    expect(first.code).toBe(0);

    using _ = open();
    const { code, stdout, stderr } = await run(["findings", archive, "--all"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("a sweep is running on this machine") });
    expect(stdout).toContain("acknowledged by");
    const second = await run(["findings", "ack", archive, id, "--why", "looked", "--json"]);
    expect(JSON.parse(second.stdout)).toEqual({
      ok: true,
      recorded: true,
      findings: [{ id, code: "log.truncated", log: "app", until: null }],
    });
    expect((await list("--all")).findings[0]).toMatchObject({ acknowledged: { why: "looked" } });
  });

  test("without a key at hand it is remembered here, and says so; with a wrong one nothing happens", async () => {
    sweep(HOUR, "log.truncated");
    const [{ id } = { id: "" }] = (await list()).findings;
    const elsewhere = { ...env, XDG_CONFIG_HOME: join(folder, "elsewhere") };
    const wrong = join(folder, "wrong.key");
    await writeFile(wrong, formatKeyFile(SWEEPS.name, new Uint8Array(32).fill(7)), { mode: 0o600 });
    const refused = await run(["findings", "ack", archive, id, "--why", "x", "--sweep-key", wrong]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("expected a key of audit.example/prod/_sweeps") });
    expect((await list()).findings).toHaveLength(1);
    const ack = await run(["findings", "ack", archive, id, "--why", "x"], { env: elsewhere });
    expect(ack).toMatchObject({ code: 0, stderr: expect.stringContaining("only remembered on this machine") });
    expect((await list()).findings).toEqual([]);
    expect((await run(["cat", archive, "--log", "_sweeps"])).code).not.toBe(0);
  });

  test("a state that can't be read is an error, not an empty list", async () => {
    sweep(HOUR, "log.truncated");
    await truncate(join(states, "audit.example+prod/sweep.db"), 5000);
    const { code, stdout, stderr } = await run(["findings", archive]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toContain("sweep.db");
  });
});

test.each([
  [0, "under 1 min"],
  [59_999, "under 1 min"],
  [60_000, "1 min"],
  [2 * HOUR - 1, "1 h"],
  [24 * HOUR, "1 d"],
  [-5, "under 1 min"],
])("%i ms are %s", (millis, said) => {
  expect(age(1000, 1000 + millis)).toBe(said);
});
