import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { alarmsConfigSchema } from "../../src/alert/config.ts";
import { Deliverer } from "../../src/alert/deliverer.ts";
import { failed } from "../../src/alert/destination/destination.ts";
import { openDestinations } from "../../src/alert/destination/open.ts";
import { AlarmMetrics } from "../../src/alert/metrics.ts";
import { writeTextfile } from "../../src/alert/textfile.ts";
import { isSteleError } from "../../src/core/error.ts";
import { Clock } from "./clock.ts";
import { FakeDestination } from "./fake-destination.ts";
import { findingAlarm, plainAlarm } from "./samples.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-metrics-"));
});
afterEach(() => rm(folder, { recursive: true }));

const samples = async (registry: Registry): Promise<string[]> =>
  (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));

describe("metrics", () => {
  it("count what was made, delivered, tried and given up, and show what waits and is open", async () => {
    const clock = new Clock();
    const registry = new Registry();
    const open = [
      { log: "app", severity: "critical" as const, count: 2 },
      { log: "k8s", severity: "warning" as const, count: 1 },
    ];
    const metrics = new AlarmMetrics(registry, { now: clock.now, openFindings: () => open });
    const config = alarmsConfigSchema.parse({
      destinations: ["good", "bad", "gone"].map((name) => ({ name, type: "slack", urlEnv: "X" })),
    });
    const destinations = [
      new FakeDestination("good"),
      new FakeDestination("bad", () => failed("no")),
      new FakeDestination("gone", () => ({ kind: "gone", why: "answered 410" })),
    ];
    using deliverer = await Deliverer.open(folder, config, {
      destinations,
      observer: metrics,
      now: clock.now,
      sleep: clock.sleep,
      random: () => 0,
    });
    metrics.watch(() => deliverer.status());
    expect(await samples(registry)).toContain('stele_alarms_delivered_total{destination="good"} 0');
    deliverer.take([findingAlarm(), plainAlarm(), findingAlarm()]);
    const start = clock.millis;
    await deliverer.drainFor(2000);
    clock.millis = start + 90_000;
    const lines = await samples(registry);
    for (const line of [
      'stele_alarms_total{kind="finding.opened",severity="critical"} 1',
      'stele_alarms_total{kind="sweep.overdue",severity="warning"} 1',
      'stele_alarms_delivered_total{destination="good"} 2',
      'stele_alarm_attempts_failed_total{destination="bad"} 2',
      'stele_alarms_dead_total{destination="bad"} 0',
      'stele_alarms_dead_total{destination="gone"} 2',
      'stele_alarms_dead_letters{destination="gone"} 2',
      'stele_alarms_pending{destination="good"} 0',
      'stele_alarms_pending{destination="bad"} 2',
      'stele_alarms_oldest_pending_age_seconds{destination="good"} 0',
      'stele_alarms_oldest_pending_age_seconds{destination="bad"} 90',
      'stele_alarm_destination_disabled{destination="gone"} 1',
      'stele_alarm_destination_disabled{destination="bad"} 0',
      'stele_open_findings{log="app",severity="critical"} 2',
      'stele_open_findings{log="k8s",severity="warning"} 1',
    ]) {
      expect(lines).toContain(line);
    }
    open.pop();
    expect(await registry.metrics()).not.toContain("k8s");
  });

  it("are one set a registry", () => {
    const registry = new Registry();
    expect(new AlarmMetrics(registry, { now: Date.now })).toBeDefined();
    expect(() => new AlarmMetrics(registry, { now: Date.now })).toThrow(
      expect.toSatisfy((error) => isSteleError(error, "input.invalid")),
    );
  });
});

describe("a textfile", () => {
  const registry = (text: string): Pick<Registry, "metrics"> => ({ metrics: async () => text });

  it("is in place whole, readable by everybody, and nothing else is left", async () => {
    const path = join(folder, "stele.prom");
    await writeFile(path, "old\n");
    await writeTextfile(path, registry("new 1\n"));
    expect(await readFile(path, "utf8")).toBe("new 1\n");
    expect((await stat(path)).mode & 0o444).toBe(0o444);
    expect(await readdir(folder)).toEqual(["stele.prom"]);
  });

  it("keeps the old one where it can't be written", async () => {
    await expect(writeTextfile(join(folder, "none/stele.prom"), registry(""))).rejects.toSatisfy((error) =>
      isSteleError(error, "alert.failed"),
    );
    await expect(writeTextfile(join(folder, "stele.txt"), registry(""))).rejects.toSatisfy((error) =>
      isSteleError(error, "input.invalid"),
    );
    const failing = { metrics: () => Promise.reject(new Error("no")) };
    await expect(writeTextfile(join(folder, "stele.prom"), failing)).rejects.toThrow("no");
    expect(await readdir(folder)).toEqual([]);
  });

  it("is written by its destination at each alarm", async () => {
    const metrics = new Registry();
    const alarms = new AlarmMetrics(metrics, { now: Date.now });
    const config = alarmsConfigSchema.parse({ destinations: [{ name: "prom", type: "textfile", path: "stele.prom" }] });
    const [destination] = openDestinations(config, { folder, env: {}, registry: metrics });
    alarms.taken(findingAlarm());
    const never = new AbortController().signal;
    for (const outcome of await Promise.all(
      Array.from({ length: 3 }, async () => destination?.deliver(findingAlarm(), 0, never)),
    )) {
      expect(outcome).toEqual({ kind: "delivered" });
    }
    expect(await readFile(join(folder, "stele.prom"), "utf8")).toContain(
      'stele_alarms_total{kind="finding.opened",severity="critical"} 1',
    );
    await rm(join(folder, "stele.prom"));
    await rm(folder, { recursive: true });
    expect(await destination?.deliver(findingAlarm(), 0, never)).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("stele.prom"),
    });
    folder = await mkdtemp(join(tmpdir(), "stele-metrics-"));
    expect(() => openDestinations(config, { folder, env: {} })).toThrow(
      expect.toSatisfy((error) => isSteleError(error, "input.invalid")),
    );
  });
});
