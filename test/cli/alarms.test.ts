import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { lockOutbox } from "../../src/alert/outbox/database.ts";
import { Outbox } from "../../src/alert/outbox/outbox.ts";
import type { Alarm } from "../../src/sweep/alarm.ts";
import { Receiver } from "../alert/receiver.ts";
import { findingAlarm, plainAlarm } from "../alert/samples.ts";
import { type Outcome, stele } from "./stele.ts";

let folder = "";
/** Of the archive's sweeps. */
let outbox = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-cli-"));
  outbox = join(folder, "state/stele/sweep/audit.example+prod");
  await mkdir(outbox, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const secret = `whsec_${randomBytes(32).toString("base64")}`;
const run = (...args: string[]): Promise<Outcome> =>
  stele(["alarms", ...args], { env: { XDG_STATE_HOME: join(folder, "state"), SECRET: secret } });
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await run(...args, "--json")).stdout);

/** Leaves alarms in the outbox; those of `dead` are dead letters. */
function leave(alarms: readonly Alarm[], dead: ReadonlyMap<string, string> = new Map()): void {
  using open = Outbox.open(outbox, Date.now);
  open.take(alarms, () => ["soc"]);
  for (const delivery of open.heads("soc", 100)) {
    const why = dead.get(delivery.alarm.id);
    if (why !== undefined) open.settle(delivery, "dead", why);
  }
}

async function configuration(url: string, more = ""): Promise<string> {
  const path = join(folder, "stele.yaml");
  const text = `alarms:\n  allowPrivate: [127.0.0.1]\n  destinations:\n    - {name: soc, type: webhook, url: "${url}", secretEnv: SECRET}\n${more}`;
  await writeFile(path, text);
  return path;
}

const ONE = findingAlarm();
const OTHER = plainAlarm("sweep.overdue", { title: "over\u001b[31mdue" });
const DEAD = new Map([[ONE.id, "answered 410: it wants\u0007 no more"]]);

test("list shows alarms of all archives, dead what was not taken and why, and what is hostile in them harmless", async () => {
  leave([ONE, OTHER], DEAD);
  const { code, stdout } = await run("list");
  expect(code).toBe(0);
  expect(stdout).toContain(`${ONE.id}  `);
  expect(stdout).toContain("soc: dead, 1 attempt");
  expect(stdout).toContain("over\\u{1b}[31mdue");
  expect(stdout).toMatch(/soc: pending, 0 attempts, next try \d{4}-/);
  const dead = await run("dead");
  expect(dead.stdout).toContain("answered 410: it wants\\u{7} no more");
  expect(dead.stdout).not.toContain(OTHER.id);
  expect(await json("dead", "--origin", "audit.example/prod")).toMatchObject({
    ok: true,
    alarms: [
      { id: ONE.id, destination: "soc", state: "dead", attempts: 1, why: DEAD.get(ONE.id), alarm: { subject: ONE.subject } },
    ],
  });
  expect(await json("list", "--origin", "audit.example/other")).toEqual({ ok: true, alarms: [] });
  expect(z.object({ alarms: z.array(z.unknown()) }).parse(await json("list", "--limit", "1")).alarms).toHaveLength(1);
});

test("where there are none, that is said", async () => {
  expect(await run("list")).toMatchObject({ code: 0, stdout: "no alarms\n" });
  expect(await run("dead", "--state", join(folder, "nothing"))).toMatchObject({ code: 0, stdout: "no dead letters\n" });
});

test("retry sends dead letters again, at once with a configuration", async () => {
  await using receiver = await Receiver.start();
  leave([ONE, OTHER], DEAD);
  const config = await configuration(receiver.url);
  const { code, stdout, stderr } = await run("retry", ONE.id, "--config", config);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "1 alarm put back, 2 delivered now\n", stderr: "" });
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([ONE.id, OTHER.id]));
  expect(await json("dead")).toEqual({ ok: true, alarms: [] });
});

test("without one, or while another process delivers, they wait for whoever does", async () => {
  leave([ONE], DEAD);
  const first = await run("retry");
  expect(first).toMatchObject({
    code: 0,
    stdout: "1 alarm put back, 0 delivered now\n",
    stderr: expect.stringContaining("the next stele watch"),
  });
  leave([], DEAD);
  expect(await json("list")).toMatchObject({ alarms: [{ state: "dead" }] });
  const watch = lockOutbox(outbox);
  const second = await run("retry", "--config", await configuration("http://127.0.0.1:9/"));
  watch[Symbol.dispose]();
  expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining("another process delivers from here") });
  expect(await json("list")).toMatchObject({ alarms: [{ state: "pending", attempts: 0 }] });
});

test("an id that no dead letter has is wrong use", async () => {
  leave([ONE]);
  expect(await run("retry", ONE.id)).toMatchObject({ code: 2, stderr: expect.stringContaining("no dead letter has the id") });
  expect(await run("retry", "../x")).toMatchObject({ code: 2, stderr: expect.stringContaining("32 hex digits") });
});

test("test tries each destination, and says what came of it", async () => {
  await using receiver = await Receiver.start((_request, response, nth) => response.writeHead(nth === 1 ? 204 : 500).end("oops"));
  const config = await configuration(receiver.url, "    - {name: metrics, type: textfile, path: ./stele.prom}\n");
  expect(await run("test", "--config", config)).toMatchObject({
    code: 0,
    stdout: "soc: delivered\nmetrics: not tried: a textfile holds metrics, and is written by stele watch and stele sweep\n",
  });
  expect(JSON.parse(receiver.received[0]?.body ?? "")).toMatchObject({ type: "stele.test" });
  const failed = await run("test", "--config", config, "--destination", "soc", "--json");
  expect(failed.code).toBe(3);
  expect(JSON.parse(failed.stdout)).toEqual({
    ok: false,
    destinations: [{ name: "soc", outcome: "failed", why: "answered 500: oops" }],
    untried: [],
  });
  expect(await run("test", "--config", config, "--destination", "none")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("names soc, metrics"),
  });
  expect(await run("test")).toMatchObject({ code: 2, stderr: expect.stringContaining("--config") });
});

test("a secret in the configuration is refused, and not said", async () => {
  const config = join(folder, "stele.yaml");
  await writeFile(
    config,
    "alarms:\n  destinations:\n    - {name: soc, type: webhook, url: https://soc.example/, secret: whsec_hushhush}\n",
  );
  const { code, stderr } = await run("test", "--config", config);
  expect(code).toBe(2);
  expect(stderr).toContain("does not stand in the configuration");
  expect(stderr).toContain("stele.yaml:3: ");
  expect(stderr).not.toContain("hushhush");
});
