import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { alarmsConfigSchema } from "../../../src/alert/config.ts";
import { Deliverer } from "../../../src/alert/deliverer.ts";
import { openDestinations } from "../../../src/alert/destination/open.ts";
import { letters } from "../../../src/alert/outbox/letters.ts";
import { type Alarm, alarmId, formatAlarm } from "../../../src/sweep/alarm.ts";
import { Receiver } from "../receiver.ts";
import { findingAlarm } from "../samples.ts";

const PROGRAM = fileURLToPath(new URL("killed-writer.ts", import.meta.url));
const KILLS = 12;
const BURST = 12;

/** xorshift32: the same moments in every run. */
function seeded(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

function alarmOf(round: number, i: number): Alarm {
  const subject = `subject ${i % 4} of round ${round}`;
  const kind = i < 4 ? "finding.opened" : i < 8 ? "finding.reminder" : "finding.cleared";
  return findingAlarm(kind, { subject, id: alarmId(kind, subject, "") });
}

test("killed at any moment, it loses no alarm that it took, sends none with another id, and keeps the order of each matter", async () => {
  const folder = await mkdtemp(join(tmpdir(), "stele-kill-"));
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  const random = seeded(20_261_124);
  const got: { id: string; subject: string }[] = [];
  await using receiver = await Receiver.start(({ body, headers }, response) => {
    const verified: unknown = new Webhook(secret).verify(
      body,
      Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value)])),
    );
    if (typeof verified !== "object" || verified === null || !("subject" in verified)) throw new Error("no envelope");
    got.push({ id: String(headers["webhook-id"]), subject: String(verified.subject) });
    response.writeHead(204).end();
  });
  const taken = new Set<string>();
  const sent = new Set<string>();
  for (let round = 0; round < KILLS; round++) {
    const child: ChildProcessWithoutNullStreams = spawn(
      process.execPath,
      ["--conditions=stele-source", PROGRAM, folder, receiver.url],
      {
        env: { SECRET: secret },
      },
    );
    const ended = once(child, "close");
    child.stdin.on("error", () => undefined);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("ready");
    // What was not acknowledged in the round before is handed over again.
    for (const past of [round - 1, round]) {
      for (let i = 0; past >= 0 && i < BURST; i++) {
        sent.add(alarmOf(past, i).id);
        child.stdin.write(`${formatAlarm(alarmOf(past, i))}\n`);
      }
    }
    // Somewhere between its first and its last acknowledgement, or while it only delivers.
    const acks = Math.floor(random() * 2 * BURST);
    for (let i = 0; i < acks; i++) {
      const { value, done } = await lines.next();
      if (done === true) break;
      taken.add(value);
    }
    await setTimeout(random() * 15);
    child.kill("SIGKILL");
    await ended;
  }
  const config = alarmsConfigSchema.parse({
    destinations: [{ name: "soc", type: "webhook", url: receiver.url, secretEnv: "SECRET" }],
    allowPrivate: ["127.0.0.1"],
  });
  using deliverer = await Deliverer.open(folder, config, {
    destinations: openDestinations(config, { folder, env: { SECRET: secret } }),
  });
  await deliverer.drainFor(30_000);
  expect(letters(folder, ["pending", "dead"], 10)).toEqual([]);
  expect(taken.size).toBeGreaterThan(KILLS);
  const ids = new Set(got.map(({ id }) => id));
  expect([...taken].filter((id) => !ids.has(id))).toEqual([]);
  expect([...ids].filter((id) => !sent.has(id))).toEqual([]);
  // At most what was under way when it was killed is sent twice.
  expect(got.length - ids.size).toBeLessThanOrEqual(4 * KILLS);
  for (let round = 0; round < KILLS; round++) {
    for (let i = 0; i < 4; i++) {
      const order = [alarmOf(round, i).id, alarmOf(round, i + 4).id, alarmOf(round, i + 8).id];
      const first = order.map((id) => got.findIndex((one) => one.id === id)).filter((at) => at >= 0);
      expect(first).toEqual(first.toSorted((a, b) => a - b));
    }
  }
  await rm(folder, { recursive: true });
});
