import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { confirm } from "../../src/cli/confirm.ts";
import { parseCheckpoint } from "../../src/core/checkpoint.ts";
import { type Outcome, type RunOptions, stele } from "./stele.ts";

const closeJson = z.strictObject({
  ok: z.boolean(),
  log: z.string(),
  origin: z.string(),
  entries: z.number(),
  head: z.strictObject({ size: z.number(), root: z.string(), checkpoint: z.string() }),
});
const failureJson = z.strictObject({ ok: z.literal(false), error: z.strictObject({ code: z.string(), message: z.string() }) });

describe("stele close", () => {
  let folder: string;
  let archive: string;
  let log: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "stele-close-")));
    archive = join(folder, "archive");
    log = join(folder, "app.log");
    env = { XDG_CONFIG_HOME: join(folder, "config"), XDG_STATE_HOME: join(folder, "state") };
    await run(["init", archive, "--origin", "audit.example/prod"]);
    await writeFile(log, "one\ntwo\n");
    await run(["archive", archive, "--log", "app", log]);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => stele(args, { env, ...options });
  const close = (...args: string[]): Promise<Outcome> => run(["close", archive, "--log", "app", ...args]);

  test("ends the log, prints and keeps the final checkpoint, and the log is sound and refuses more", async () => {
    const kept = join(folder, "app.checkpoint");
    const { code, stdout, stderr } = await close("--yes", "--save-checkpoint", kept);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^log app of audit\.example\/prod is closed with manifest 1: nothing can be appended to it any more\n/,
    );
    expect(stdout).toContain("\nhead: 2 manifests, 2 entries, root ");
    const note = await readFile(kept, "utf8");
    expect(stdout.endsWith(`\n\n${note}`)).toBe(true);
    expect(parseCheckpoint(Buffer.from(note))).toMatchObject({ origin: "audit.example/prod/app", size: 2 });

    await writeFile(log, "one\ntwo\nthree\n");
    const more = await run(["archive", archive, "--log", "app", log]);
    expect(more.code).toBe(2);
    expect(more.stderr).toContain("log app was closed with manifest 1 at ");
    expect(await run(["cat", archive, "--log", "app"])).toMatchObject({ code: 0, stdout: "one\ntwo\n" });
    const verified = await run(["verify", archive, "--checkpoint", kept, "--log", "app"]);
    expect(verified.code).toBe(0);
    // Another log of the archive is as open as it was.
    expect(await run(["archive", archive, "--log", "next", log])).toMatchObject({ code: 0 });
  });

  test("where nobody can be asked it needs --yes, and says what it means", async () => {
    for (const stdin of ["", "app\n", "yes\n"]) {
      const { code, stdout, stderr } = await run(["close", archive, "--log", "app"], { stdin });
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain("closing log app of audit.example/prod, with 2 entries, can't be undone: give --yes");
    }
    await writeFile(log, "one\ntwo\nthree\n");
    expect(await run(["archive", archive, "--log", "app", log])).toMatchObject({ code: 0 });
  });

  test("as JSON: one object, also for a log that is closed already, and one that is not there", async () => {
    const first = await close("--yes", "--json");
    expect(first.code).toBe(0);
    const made = closeJson.parse(JSON.parse(first.stdout));
    expect(made).toMatchObject({ ok: true, log: "app", origin: "audit.example/prod/app", entries: 2, head: { size: 2 } });
    expect(parseCheckpoint(Buffer.from(made.head.checkpoint))).toMatchObject({ size: 2 });
    const again = await close("--yes", "--json");
    expect(again.code).toBe(2);
    expect(failureJson.parse(JSON.parse(again.stdout)).error.code).toBe("log.closed");
    // A mistyped name must not make a log, and close it.
    const other = await run(["close", archive, "--log", "ap", "--yes", "--json"]);
    expect(other.code).toBe(3);
    expect(failureJson.parse(JSON.parse(other.stdout)).error.code).toBe("log.not-found");
    expect(await run(["archive", archive, "--log", "ap", log])).toMatchObject({ code: 0 });
  });

  test("needs the archive's own key", async () => {
    const key = join(folder, "other.key");
    await run(["keys", "generate", "--origin", "audit.example/prod", "-o", key]);
    const refused = await close("--yes", "--key-file", key);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("has not signed this archive's description");
    const own = join(folder, "config/stele/keys/audit.example_prod.key");
    env = {};
    expect(await close("--yes")).toMatchObject({ code: 2 });
    expect(await close("--yes", "--key-file", own)).toMatchObject({ code: 0 });
  });
});

describe("asking a person", () => {
  const ask = async (typed: string | null): Promise<{ agreed: boolean; said: string }> => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const asked = confirm("its name: ", "app", { input, output });
    if (typed === null) input.end();
    else input.write(typed);
    const agreed = await asked;
    output.end();
    return { agreed, said: (await output.toArray()).join("") };
  };

  test.each([
    ["app\n", true],
    ["  app \n", true],
    ["y\n", false],
    ["yes\n", false],
    ["App\n", false],
    ["\n", false],
    ["apps\n", false],
    [null, false],
  ])("%j: %s", async (typed, expected) => {
    const { agreed, said } = await ask(typed);
    expect(agreed).toBe(expected);
    expect(said).toContain("its name: ");
  });
});
