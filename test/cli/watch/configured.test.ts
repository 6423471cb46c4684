import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { readSetup, type Setup } from "../../../src/cli/watch/setup.ts";
import { Configured } from "../../../src/cli/watch/reload.ts";
import { WatchMetrics } from "../../../src/cli/watch/metrics.ts";
import { eventLog } from "../../../src/cli/watch/event-log.ts";

const figures = { rounds: () => [], unreadableFindings: () => 0, oldestRead: () => null, isReady: () => true };

interface Made {
  readonly configured: Configured;
  readonly registry: Registry;
  readonly first: Setup;
  /** What reading the configuration gives from now on. */
  next: () => Promise<Setup>;
}

async function make(): Promise<Made> {
  const registry = new Registry();
  const first = await readSetup({}, registry);
  const made: Omit<Made, "configured"> = { registry, first, next: () => Promise.resolve({ ...first }) };
  const configured = new Configured(first, {
    read: () => made.next(),
    metrics: new WatchMetrics(registry, figures, () => 0),
    log: eventLog("text", { write: () => undefined, now: () => 0 }),
    now: () => 5000,
  });
  return Object.assign(made, { configured });
}

const failed = async ({ registry }: Made): Promise<boolean> => /^stele_config_reload_failed 1$/m.test(await registry.metrics());

describe("the configuration in force", () => {
  it("changes between rounds, and not before", async () => {
    const made = await make();
    const { configured, first } = made;
    const second = { ...first };
    made.next = () => Promise.resolve(second);
    await configured.reload();
    expect(configured.current).toBe(first);
    await configured.take(() => Promise.resolve());
    expect(configured.current).toBe(second);
    expect(await made.registry.metrics()).toContain("stele_config_reload_timestamp_seconds 5");
  });

  it("stays where the new one is wrong, or can't be put to work; a later good one heals that", async () => {
    const made = await make();
    const { configured, first } = made;
    made.next = () => Promise.reject(new Error("wrong"));
    await configured.reload();
    expect(await failed(made)).toBe(true);
    await configured.take(() => Promise.reject(new Error("not called")));
    expect(configured.current).toBe(first);
    made.next = () => Promise.resolve({ ...first });
    await configured.reload();
    await configured.take(() => Promise.reject(new Error("the address is taken")));
    expect(configured.current).toBe(first);
    expect(await failed(made)).toBe(true);
    await configured.reload();
    await configured.take(() => Promise.resolve());
    expect(configured.current).not.toBe(first);
    expect(await failed(made)).toBe(false);
  });

  it("of several that were read, the last one counts, and once", async () => {
    const made = await make();
    const { configured, first } = made;
    let count = 0;
    made.next = () => Promise.resolve({ ...first, watch: { ...first.watch, jitter: ++count } });
    await Promise.all([configured.reload(), configured.reload(), configured.reload()]);
    const taken: number[] = [];
    const take = (): Promise<void> =>
      configured.take((next) => {
        taken.push(next.watch.jitter);
        return Promise.resolve();
      });
    await take();
    await take();
    expect(taken).toEqual([3]);
  });
});
