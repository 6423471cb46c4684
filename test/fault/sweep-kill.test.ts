import { appendFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { parseSweepEntry } from "../../src/sweep/report.ts";
import { utf8 } from "../../src/core/bytes.ts";
import { Receiver } from "../alert/receiver.ts";
import { type Places, places } from "../cli/places.ts";

const KILLS = 50;
const ENTRIES_A_SEGMENT = 10;
const SECRET = `whsec_${Buffer.alloc(24, 5).toString("base64")}`;

const RULES = `
rules:
  - name: vault-opened
    title: The vault was opened
    description: For this test.
    severity: warning
    where: event.did == "open"
    tests:
      - event: { did: open }
        expect: match
      - event: { did: close }
        expect: no match
`;

const delivered = z.object({
  id: z.string(),
  type: z.string(),
  subject: z.string(),
  data: z.looseObject({ finding_info: z.looseObject({ uid: z.string() }) }),
});
type Delivered = z.infer<typeof delivered>;

const openFindings = z.object({ findings: z.array(z.looseObject({ id: z.string(), code: z.string(), severity: z.string() })) });

test("a sweep that is killed at random moments", { timeout: 300_000 }, async () => {
  const at = await places();
  onTestFinished(() => at[Symbol.asyncDispose]());
  const receiver = await Receiver.start();
  onTestFinished(() => receiver[Symbol.asyncDispose]());
  const config = await configure(at, receiver);
  const sweep = ["sweep", at.archive, "--config", config, "--quiet"];

  let entries = await archive(at, config, 0, 400);
  await tamper(at);
  let killed = 0;
  for (const [n, millis] of fc.sample(fc.integer({ min: 150, max: 900 }), { numRuns: 4 * KILLS, seed: 7 }).entries()) {
    if (killed === KILLS) break;
    // Something new for the head round, too.
    if (n % 5 === 4) entries = await archive(at, config, entries, 20);
    const running = at.start(sweep);
    await Promise.race([running.outcome, setTimeout(millis)]);
    running.kill("SIGKILL");
    if ((await running.outcome).code === null) killed++;
  }
  expect(killed).toBe(KILLS);

  const last = await at.run(sweep);
  expect(last.code, last.stderr).toBe(1);
  const alarms = receive(receiver);
  await expectAllFound(at, config);
  await expectAllTold(at, config, alarms, entries);
  await expectReports(at);
});

async function configure(at: Places, { url }: Receiver): Promise<string> {
  await writeFile(join(at.folder, "secret"), `${SECRET}\n`, { mode: 0o600 });
  await writeFile(join(at.folder, "rules.yaml"), RULES);
  const path = join(at.folder, "stele.yaml");
  await writeFile(
    path,
    [
      `limits: { segmentEntries: ${ENTRIES_A_SEGMENT} }`,
      "rules: { files: [rules.yaml] }",
      "alarms:",
      "  allowPrivate: [127.0.0.1]",
      `  destinations: [{ name: soar, type: webhook, url: "${url}/", secretFile: secret }]`,
      "",
    ].join("\n"),
  );
  return path;
}

/** Appends events, every fiftieth of which opens the vault. @returns how many there are now */
async function archive(at: Places, config: string, from: number, count: number): Promise<number> {
  const file = join(at.folder, "app.log");
  const lines = Array.from({ length: count }, (_, i) => JSON.stringify({ n: from + i, did: opens(from + i) ? "open" : "close" }));
  await appendFile(file, `${lines.join("\n")}\n`);
  const { code, stderr } = await at.run(["archive", at.archive, "--log", "app", "--config", config, file]);
  expect(code, stderr).toBe(0);
  return from + count;
}

function opens(entry: number): boolean {
  return entry % 50 === 0;
}

/** A segment gone, three changed, and a stray among the manifests. */
async function tamper({ archive: folder }: Places): Promise<void> {
  const days = join(folder, "app/segments");
  const [day = ""] = await readdir(days);
  const segments = (await readdir(join(days, day))).filter((name) => name.endsWith(".zst")).sort();
  await rm(join(days, day, segments[30] ?? ""));
  for (const i of [3, 17, 36]) {
    const path = join(days, day, segments[i] ?? "");
    const bytes = await readFile(path);
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
    await writeFile(path, bytes);
  }
  await writeFile(join(folder, "app/manifests/junk"), "junk");
}

/** What came, each verified with the library that receivers use. */
function receive({ received }: Receiver): Delivered[] {
  const webhook = new Webhook(SECRET);
  return received.map(({ headers, body }) => {
    const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    return delivered.parse(webhook.verify(body, named));
  });
}

async function findings(at: Places, config: string): Promise<z.infer<typeof openFindings>["findings"]> {
  const { stdout } = await at.run(["findings", at.archive, "--config", config, "--json"]);
  return openFindings.parse(JSON.parse(stdout)).findings;
}

async function expectAllFound(at: Places, config: string): Promise<void> {
  const codes = (await findings(at, config)).map(({ code }) => code).sort();
  expect(codes).toEqual(["object.stray", "segment.altered", "segment.altered", "segment.altered", "segment.missing"]);
}

async function expectAllTold(at: Places, config: string, alarms: readonly Delivered[], entries: number): Promise<void> {
  const ids = new Map<string, Set<string>>();
  for (const { id, type, subject } of alarms) {
    const matter = `${type} ${subject}`;
    ids.set(matter, (ids.get(matter) ?? new Set()).add(id));
  }
  // Repeated ones have the same id, by which receivers drop them.
  expect([...ids].filter(([, of]) => of.size !== 1)).toEqual([]);
  const told = new Set(alarms.map(({ data }) => data.finding_info.uid));
  for (const { id, code } of await findings(at, config)) expect(told.has(id), `nobody was told of ${code}`).toBe(true);
  const matched = [...ids.keys()].filter((matter) => matter.includes("event.matched"));
  // Those in segments that are gone or changed can't be had.
  const lost = [3, 17, 30, 36].flatMap((i) =>
    Array.from({ length: ENTRIES_A_SEGMENT }, (_, n) => i * ENTRIES_A_SEGMENT + n).filter(opens),
  );
  expect(matched.length, matched.join("\n")).toBe(Math.ceil(entries / 50) - lost.length);
}

async function expectReports(at: Places): Promise<void> {
  const verified = await at.run(["verify", at.archive, "--log", "_sweeps", "--json"]);
  expect(verified.code, verified.stdout).toBe(0);
  const reports = (await at.entries("_sweeps")).map((line) => parseSweepEntry(utf8(line)));
  const ids = reports.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const rounds = new Set(reports.flatMap((report) => (report.kind === "report" ? [report.round] : [])));
  expect(rounds).toEqual(new Set(["head", "locks", "content"]));
}
