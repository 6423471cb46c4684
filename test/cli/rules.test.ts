import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type Places, places } from "./places.ts";

const RULES = `rules:
  - name: app.denied
    title: Somebody was refused
    description: Look who it was.
    severity: warning
    where: event.status == 403
    tests:
      - event: {status: 403}
        expect: match
      - event: {status: 200}
        expect: no match
  - name: app.fails
    title: A rule that fails
    description: It asks a number for its first letter.
    severity: info
    where: event.status.startsWith("4")
`;
const EVENTS = ['{"status":200}', '{"status":403,"user":"eve"}', "no json", '{"status":403,"user":"ann"}'];

let at: Places;
let file: string;
beforeEach(async () => {
  at = await places();
  file = join(at.folder, "rules.yaml");
  await writeFile(file, RULES);
});
afterEach(() => at[Symbol.asyncDispose]());

const vkeySchema = z.object({ keys: z.array(z.string()) });

test("rules test passes, names what is untested, and fails with 1", async () => {
  const good = await at.run(["rules", "test", file]);
  expect(good).toEqual({ code: 0, stderr: "", stdout: "without a test: app.fails\nPASSED: 2 rules, 2 tests\n" });
  await writeFile(file, RULES.replace("expect: no match", "expect: match"));
  const bad = await at.run(["rules", "test", file]);
  expect(bad.code).toBe(1);
  expect(bad.stdout).toContain("FAILED  app.denied, test 2: expected a match, got none in the event\n");
  expect(bad.stdout).toContain("1 FAILED: 2 rules, 2 tests\n");
  const { code, stdout } = await at.run(["rules", "test", file, "--json"]);
  expect([code, JSON.parse(stdout)]).toMatchObject([
    1,
    { ok: false, rules: 2, tests: 2, failed: [{ rule: "app.denied", test: "test 2" }] },
  ]);
});

test("rules check names the line that is wrong, and ends with 2", async () => {
  expect(await at.run(["rules", "check", file])).toEqual({ code: 0, stderr: "", stdout: "GOOD: 2 rules in 1 file\n" });
  await writeFile(file, RULES.replace("event.status == 403", "evnt.status == 403"));
  const bad = await at.run(["rules", "check", file]);
  expect(bad.code).toBe(2);
  expect(bad.stderr).toContain("rules.yaml:6: rules.0.where: unknown name evnt");
});

test("rules list shows names, severities and titles", async () => {
  const { stdout } = await at.run(["rules", "list", file]);
  expect(stdout).toBe("app.denied  warning   Somebody was refused\napp.fails   info      A rule that fails\n");
  const json = await at.run(["rules", "list", file, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ok: true,
    rules: [{ name: "app.denied", logs: ["**"], tests: 2 }, { tests: 0 }],
  });
});

test("rules run finds events of the past and proves them, for whoever has the key and nothing else", async () => {
  await at.run(["archive", at.archive, "--log", "app"], { stdin: `${EVENTS.join("\n")}\n` });
  await at.run(["archive", at.archive, "--log", "app"], { stdin: '{"status":403,"user":"ben"}\n' });
  const proofs = join(at.folder, "found", "here");
  const { code, stdout, stderr } = await at.run([
    "rules",
    "run",
    at.archive,
    "--log",
    "app",
    "--rules",
    file,
    "--proofs",
    proofs,
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain("warning   Somebody was refused: entry 1 of app");
  expect(stdout).toContain("app.denied  3 matches\n");
  expect(stdout).toContain("5 entries of audit.example/prod/app, each verified: 3 alarms of 1 of 2 rules\n");
  expect(stderr).toContain("no JSON object: 1 entry, which rules on event did not see");
  expect(stderr).toContain("app.fails failed on 4 of 4 events, last on entry 4");
  expect((await readdir(proofs)).sort()).toEqual(["app.denied-1.proof", "app.denied-3.proof", "app.denied-4.proof"]);
  const description = await at.run(["prove", at.archive, "--log", "app", "0", "-o", join(at.folder, "p"), "--json"]);
  const [key = ""] = vkeySchema.parse(JSON.parse(description.stdout)).keys;
  for (const name of await readdir(proofs)) {
    const checked = await at.run(["check-proof", join(proofs, name), "--key", key, "--json"]);
    expect([checked.code, JSON.parse(checked.stdout)]).toMatchObject([
      0,
      { ok: true, index: Number(/(\d+)\.proof/.exec(name)?.[1]) },
    ]);
  }
});

test("rules run takes a range, cut out of a manifest as well, and writes the same proofs", async () => {
  await at.run(["archive", at.archive, "--log", "app"], { stdin: `${EVENTS.join("\n")}\n` });
  const run = async (...more: string[]): Promise<z.infer<typeof result>> => {
    const { stdout } = await at.run(["rules", "run", at.archive, "--log", "app", "--rules", file, "--json", ...more]);
    return result.parse(JSON.parse(stdout));
  };
  const result = z.object({
    ok: z.literal(true),
    entries: z.number(),
    notJson: z.number(),
    alarms: z.array(z.object({ id: z.string(), event: z.object({ index: z.number() }), proof: z.string().nullable() })),
  });
  const whole = await run();
  expect(whole.alarms.map(({ event }) => event.index)).toEqual([1, 3]);
  const cut = await run("--from", "2", "--to", "4", "--proofs", at.folder);
  expect(cut).toMatchObject({
    entries: 2,
    notJson: 1,
    alarms: [{ id: whole.alarms[1]?.id, proof: join(at.folder, "app.denied-3.proof") }],
  });
  expect(await run("--from", "2030-01-01")).toMatchObject({ entries: 0, alarms: [] });
});

test("rules run refuses what can't be meant", async () => {
  await writeFile(file, RULES.replaceAll("    severity", "    logs: [other]\n    severity"));
  const none = await at.run(["rules", "run", at.archive, "--log", "app", "--rules", file]);
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("none of the rules is asked about log app")]);
  const without = await at.run(["rules", "run", at.archive, "--log", "app"]);
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining("--rules")]);
});
