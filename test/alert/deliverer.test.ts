import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AlarmsConfig, alarmsConfigSchema } from "../../src/alert/config.ts";
import { Deliverer } from "../../src/alert/deliverer.ts";
import { failed } from "../../src/alert/destination/destination.ts";
import { letters } from "../../src/alert/outbox/letters.ts";
import { Outbox } from "../../src/alert/outbox/outbox.ts";
import { isSteleError } from "../../src/core/error.ts";
import { type Alarm, alarmId } from "../../src/sweep/alarm.ts";
import { Clock } from "./clock.ts";
import { FakeDestination } from "./fake-destination.ts";
import { findingAlarm, plainAlarm } from "./samples.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let folder = "";
let clock: Clock;
const closers: (() => void)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-outbox-"));
  clock = new Clock();
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await rm(folder, { recursive: true });
});

function configOf(names: readonly string[], more: Record<string, unknown> = {}): AlarmsConfig {
  const destinations = names.map((name) => ({ name, type: "slack", urlEnv: "URL", ...more }));
  return alarmsConfigSchema.parse({ destinations });
}

async function open(
  destinations: readonly FakeDestination[],
  config = configOf(destinations.map(({ name }) => name)),
): Promise<Deliverer> {
  const deliverer = await Deliverer.open(folder, config, { destinations, now: clock.now, sleep: clock.sleep, random: () => 0.5 });
  closers.push(() => deliverer.close());
  return deliverer;
}

/** An alarm of `subject`; the nth of it. */
function alarm(subject: string, nth = 1, kind: Alarm["kind"] = "finding.opened"): Alarm {
  return findingAlarm(kind, { subject, id: alarmId(kind, subject, nth.toString()) });
}

describe("taking", () => {
  it("takes an alarm once, by its id, and sends it to whoever wants it", async () => {
    const [a, b] = [new FakeDestination("a"), new FakeDestination("b")];
    const config = alarmsConfigSchema.parse({
      destinations: [
        { name: "a", type: "slack", urlEnv: "URL" },
        { name: "b", type: "slack", urlEnv: "URL", kinds: ["event.*"] },
      ],
    });
    const deliverer = await open([a, b], config);
    const one = findingAlarm();
    expect(deliverer.take([one, one])).toBe(1);
    expect(deliverer.take([one])).toBe(0);
    await deliverer.drainFor(HOUR);
    expect(a.taken).toEqual([one.id]);
    expect(b.taken).toEqual([]);
    expect(deliverer.take([one])).toBe(0);
    await deliverer.drainFor(HOUR);
    expect(a.attempts).toHaveLength(1);
    expect(a.attempts[0]?.alarm).toEqual(one);
  });

  it("knows what it took after it was closed and opened", async () => {
    const a = new FakeDestination("a");
    const first = await open([a]);
    first.take([findingAlarm()]);
    first.close();
    const second = await open([a]);
    expect(second.take([findingAlarm()])).toBe(0);
    await second.drainFor(0);
    expect(a.taken).toEqual([findingAlarm().id]);
  });

  it("sends a mild all-clear to whoever got its alarm", async () => {
    const a = new FakeDestination("a");
    const deliverer = await open([a], configOf(["a"], { minSeverity: "critical" }));
    deliverer.take([
      alarm("x"),
      { ...alarm("x", 1, "finding.cleared"), severity: "info" },
      { ...alarm("y", 1, "finding.cleared"), severity: "info" },
    ]);
    await deliverer.drainFor(0);
    expect(a.taken).toEqual([alarm("x").id, alarm("x", 1, "finding.cleared").id]);
  });
});

describe("an all-clear", () => {
  const mild = (nth: number): Alarm => ({ ...alarm("x", nth, "finding.cleared"), severity: "info" });

  it("finds whoever got its alarm, when that is long forgotten", async () => {
    const a = new FakeDestination("a");
    const deliverer = await open([a], configOf(["a"], { minSeverity: "critical" }));
    deliverer.take([alarm("x")]);
    await deliverer.drainFor(0);
    clock.millis += 400 * DAY;
    await deliverer.drainFor(0);
    expect(letters(folder, ["delivered"], 9)).toEqual([]);
    deliverer.take([mild(1)]);
    await deliverer.drainFor(0);
    expect(a.taken.at(-1)).toBe(mild(1).id);
  });

  it("closes its matter: the next one is of nobody who did not hear of it again", async () => {
    const a = new FakeDestination("a");
    const deliverer = await open([a], configOf(["a"], { minSeverity: "critical" }));
    deliverer.take([alarm("x"), mild(1), { ...alarm("x", 2), severity: "warning" }, mild(2)]);
    await deliverer.drainFor(0);
    expect(a.taken).toEqual([alarm("x").id, mild(1).id]);
  });
});

describe("trying again", () => {
  it("waits longer each time, from about 5 s to about an hour, and gives up after a day", async () => {
    const a = new FakeDestination("a", () => failed("answered 500"));
    const deliverer = await open([a]);
    const start = clock.millis;
    deliverer.take([findingAlarm()]);
    await deliverer.drainFor(2 * DAY);
    const waits = a.attempts.slice(1).map(({ at }, i) => at - (a.attempts[i]?.at ?? 0));
    // Half fixed, half random, and the random half is a half here.
    expect(waits.slice(0, 4)).toEqual([3750, 7500, 15_000, 30_000]);
    expect(Math.max(...waits)).toBe(0.75 * HOUR);
    expect(a.attempts.at(-1)?.at).toBe(start + DAY);
    expect(a.attempts.length).toBeGreaterThan(30);
    expect(letters(folder, ["dead"], 10)).toMatchObject([
      {
        id: findingAlarm().id,
        destination: "a",
        attempts: a.attempts.length,
        why: expect.stringMatching(/^answered 500 \(tried \d+ times since 2026-11-23T15:00:00.000Z\)$/),
      },
    ]);
    expect(deliverer.status()).toMatchObject([{ name: "a", pending: 0, dead: 1, delivered: 0 }]);
    clock.millis += 5 * DAY;
    await deliverer.drainFor(DAY);
    expect(a.attempts.at(-1)?.at).toBe(start + DAY);
  });

  it("is done when it was taken", async () => {
    const a = new FakeDestination("a", (_alarm, nth) => (nth < 3 ? failed("answered 500") : { kind: "delivered" }));
    const deliverer = await open([a]);
    deliverer.take([findingAlarm()]);
    await deliverer.drainFor(DAY);
    expect(a.attempts).toHaveLength(3);
    expect(deliverer.status()).toMatchObject([{ pending: 0, dead: 0, delivered: 1 }]);
    expect(letters(folder, ["pending", "delivered", "dead"], 10)).toMatchObject([
      { state: "delivered", attempts: 3, due: null, why: null },
    ]);
  });

  it("a receiver that says when is asked no sooner, with no alarm at all", async () => {
    const a = new FakeDestination("a", (_alarm, nth) =>
      nth === 1 && a.attempts.length === 1 ? failed("answered 429", 10 * 60_000) : { kind: "delivered" },
    );
    const deliverer = await open([a]);
    deliverer.take([alarm("x")]);
    const start = clock.millis;
    await deliverer.drainFor(1000);
    deliverer.take([alarm("y")]);
    await deliverer.drainFor(HOUR);
    expect(a.attempts.map(({ at }) => at - start)).toEqual([0, 600_000, 600_000]);
  });

  it("a clock that was set back holds up nothing that was not tried yet", async () => {
    const a = new FakeDestination("a");
    const deliverer = await open([a]);
    deliverer.take([findingAlarm()]);
    clock.millis -= 3 * DAY;
    await deliverer.drainFor(0);
    expect(a.taken).toEqual([findingAlarm().id]);
  });

  it("nor what was tried, nor a destination that asked to be left alone, for longer than a day", async () => {
    const a = new FakeDestination("a", (_alarm, nth) =>
      nth === 1 && a.attempts.length === 1 ? failed("answered 503", DAY) : { kind: "delivered" },
    );
    const deliverer = await open([a]);
    deliverer.take([alarm("x")]);
    await deliverer.drainFor(0);
    clock.millis -= 300 * DAY;
    deliverer.take([alarm("y")]);
    await deliverer.drainFor(HOUR);
    expect(a.taken.toSorted()).toEqual([alarm("x").id, alarm("y").id].toSorted());
  });

  it("what was refused for good is a dead letter at once, and holds up nothing", async () => {
    const a = new FakeDestination("a", (_alarm, nth) =>
      nth === 1 && a.attempts.length === 1 ? { kind: "refused", why: "answered 400: invalid_blocks" } : { kind: "delivered" },
    );
    const deliverer = await open([a]);
    deliverer.take([alarm("x", 1), alarm("x", 2)]);
    await deliverer.drainFor(0);
    expect(letters(folder, ["dead"], 10)).toMatchObject([
      { id: alarm("x", 1).id, why: "answered 400: invalid_blocks", attempts: 1 },
    ]);
    expect(a.taken).toEqual([alarm("x", 2).id]);
  });

  it("a receiver that wants no more gets none, until it is asked for", async () => {
    const a = new FakeDestination("a", () => ({ kind: "gone", why: "answered 410" }));
    const b = new FakeDestination("b");
    const deliverer = await open([a, b]);
    deliverer.take([alarm("x", 1), alarm("x", 2), alarm("y")]);
    await deliverer.drainFor(HOUR);
    deliverer.take([alarm("z")]);
    await deliverer.drainFor(HOUR);
    expect(a.attempts.length).toBeLessThanOrEqual(2);
    expect(b.taken).toHaveLength(4);
    expect(deliverer.status()).toMatchObject([
      { name: "a", dead: 4, disabled: { why: "answered 410" } },
      { name: "b", disabled: null },
    ]);
    expect(letters(folder, ["dead"], 1)[0]?.why).toBe("not sent: this destination is disabled since it answered 410");
    deliverer.close();
    const again = await open([a, b]);
    again.take([alarm("q")]);
    const before = a.attempts.length;
    await again.drainFor(HOUR);
    expect(a.attempts).toHaveLength(before);
    a.answers(() => ({ kind: "delivered" }));
    using outbox = Outbox.open(folder, clock.now);
    expect(outbox.requeue(null)).toEqual({ requeued: 5, overtaken: 0 });
    await again.drainFor(HOUR);
    expect(a.taken).toHaveLength(5);
    expect(again.status()[0]).toMatchObject({ dead: 0, disabled: null });
  });

  it("a defect in a destination silences no other", async () => {
    const a = new FakeDestination("a", () => {
      throw new TypeError("secret https://x/");
    });
    const b = new FakeDestination("b");
    const deliverer = await open([a, b]);
    deliverer.take([findingAlarm()]);
    await deliverer.drainFor(0);
    expect(b.taken).toHaveLength(1);
    expect(letters(folder, ["pending"], 9)).toMatchObject([{ destination: "a", why: "unexpected error: TypeError" }]);
  });
});

describe("order", () => {
  it("an all-clear never overtakes its alarm, whatever fails in between", async () => {
    const a = new FakeDestination("a", (_alarm, nth) => (nth < 4 ? failed("answered 500") : { kind: "delivered" }));
    const deliverer = await open([a]);
    const subjects = ["x", "y", "z"];
    for (const subject of subjects) deliverer.take([alarm(subject, 1), alarm(subject, 2, "finding.reminder")]);
    await deliverer.drainFor(1000);
    for (const subject of subjects) deliverer.take([alarm(subject, 3, "finding.cleared")]);
    await deliverer.drainFor(DAY);
    for (const subject of subjects) {
      const wanted = [alarm(subject, 1), alarm(subject, 2, "finding.reminder"), alarm(subject, 3, "finding.cleared")].map(
        ({ id }) => id,
      );
      expect(a.taken.filter((id) => wanted.includes(id))).toEqual(wanted);
    }
  });

  it("what waits behind a failing one has its whole day from its own first try", async () => {
    let isDown = true;
    const a = new FakeDestination("a", () => (isDown ? failed("answered 500") : { kind: "delivered" }));
    const deliverer = await open([a]);
    deliverer.take([alarm("x", 1), alarm("x", 2, "finding.cleared")]);
    await deliverer.drainFor(DAY + HOUR);
    expect(deliverer.status()).toMatchObject([{ pending: 1, dead: 1 }]);
    isDown = false;
    await deliverer.drainFor(HOUR);
    expect(a.taken).toEqual([alarm("x", 2, "finding.cleared").id]);
  });

  it("subjects go side by side, four at a time", async () => {
    let underWay = 0;
    let most = 0;
    const a = new FakeDestination("a", async () => {
      most = Math.max(most, ++underWay);
      await clock.during(new Promise(setImmediate));
      underWay--;
      return { kind: "delivered" };
    });
    const deliverer = await open([a]);
    deliverer.take(Array.from({ length: 30 }, (_, i) => alarm(`s${i}`)));
    await deliverer.drainFor(HOUR);
    expect(a.taken).toHaveLength(30);
    expect(most).toBe(4);
  });

  it("one that hangs holds up neither other destinations nor other subjects", async () => {
    const hang = Promise.withResolvers<{ kind: "delivered" }>();
    const a = new FakeDestination("a", ({ subject }) => (subject === "x" ? clock.during(hang.promise) : { kind: "delivered" }));
    const b = new FakeDestination("b");
    const deliverer = await open([a, b]);
    deliverer.take([alarm("x", 1), alarm("x", 2), alarm("y")]);
    const run = deliverer.drainFor(HOUR);
    while (a.taken.length === 0 || b.taken.length < 3) await new Promise(setImmediate);
    expect(a.taken).toEqual([alarm("y").id]);
    hang.resolve({ kind: "delivered" });
    await run;
    expect(a.taken.slice(1)).toEqual([alarm("x", 1).id, alarm("x", 2).id]);
  });
});

describe("running", () => {
  it("delivers what is taken while it runs, and what another process puts in, and ends at the signal", async () => {
    const a = new FakeDestination("a", ({ subject }) =>
      subject === "dead" ? { kind: "refused", why: "no" } : { kind: "delivered" },
    );
    const deliverer = await open([a]);
    const stop = new AbortController();
    const running = deliverer.run(stop.signal);
    deliverer.take([alarm("x"), alarm("dead")]);
    while (a.attempts.length < 2) await new Promise(setImmediate);
    a.answers(() => ({ kind: "delivered" }));
    using outbox = Outbox.open(folder, clock.now);
    while (outbox.requeue([alarm("dead").id]).requeued === 0) await new Promise(setImmediate);
    while (a.taken.length < 2) await new Promise(setImmediate);
    stop.abort();
    await running;
    expect(a.taken).toEqual([alarm("x").id, alarm("dead").id]);
  });

  it("what is broken off stays as it was", async () => {
    const stop = new AbortController();
    const a = new FakeDestination("a", async () => {
      stop.abort();
      await new Promise(setImmediate);
      throw new Error("aborted");
    });
    const deliverer = await open([a]);
    deliverer.take([findingAlarm()]);
    await deliverer.run(stop.signal);
    expect(letters(folder, ["pending", "dead"], 9)).toMatchObject([{ state: "pending", attempts: 0, why: null }]);
  });

  it("draining ends when its time is over, though one hangs", async () => {
    const hang = Promise.withResolvers<never>();
    const a: FakeDestination = new FakeDestination("a");
    a.deliver = (_alarm, _now, signal?: AbortSignal) => {
      signal?.addEventListener("abort", () => hang.reject(new Error("aborted")));
      return hang.promise;
    };
    const deliverer = await open([a]);
    deliverer.take([findingAlarm()]);
    await deliverer.drainFor(30_000);
    expect(deliverer.status()).toMatchObject([{ pending: 1 }]);
  });

  it("one process delivers at a time; others may look", async () => {
    const deliverer = await open([new FakeDestination("a", () => failed("no"))]);
    deliverer.take([findingAlarm()]);
    await expect(open([])).rejects.toSatisfy((error) => isSteleError(error, "sweep.locked"));
    expect(letters(folder, ["pending"], 9)).toHaveLength(1);
    deliverer.close();
    await open([new FakeDestination("a")]);
  });

  it("what waits for a destination that is not configured any more is a dead letter", async () => {
    const first = await open([new FakeDestination("a", () => failed("no"))]);
    first.take([findingAlarm()]);
    first.close();
    const b = new FakeDestination("b");
    const second = await open([b]);
    expect(letters(folder, ["dead"], 9)).toMatchObject([
      { destination: "a", why: expect.stringContaining("no destination of this name") },
    ]);
    expect(second.status()).toMatchObject([
      { name: "b", isConfigured: true },
      { name: "a", isConfigured: false, dead: 1 },
    ]);
    expect(b.attempts).toEqual([]);
  });
});

describe("dead letters", () => {
  it("are not sent again after their all-clear was, unless they are named", async () => {
    const a = new FakeDestination("a", ({ kind }) =>
      kind === "finding.opened" ? { kind: "refused", why: "no" } : { kind: "delivered" },
    );
    const deliverer = await open([a]);
    deliverer.take([alarm("x"), alarm("x", 1, "finding.cleared"), alarm("y")]);
    await deliverer.drainFor(0);
    a.answers(() => ({ kind: "delivered" }));
    using outbox = Outbox.open(folder, clock.now);
    expect(outbox.requeue(null)).toEqual({ requeued: 1, overtaken: 1 });
    await deliverer.drainFor(0);
    expect(a.taken).toEqual([alarm("x", 1, "finding.cleared").id, alarm("y").id]);
    expect(outbox.requeue(["0".repeat(32)])).toEqual({ requeued: 0, overtaken: 0 });
    expect(outbox.requeue([alarm("x").id])).toEqual({ requeued: 1, overtaken: 0 });
    await deliverer.drainFor(0);
    expect(a.taken.at(-1)).toBe(alarm("x").id);
  });

  it("are kept longer than what was delivered, and both are forgotten in the end", async () => {
    const a = new FakeDestination("a", ({ subject }) =>
      subject === "dead" ? { kind: "refused", why: "no" } : { kind: "delivered" },
    );
    const deliverer = await open([a]);
    deliverer.take([alarm("x"), alarm("dead"), plainAlarm()]);
    await deliverer.drainFor(0);
    clock.millis += 31 * DAY;
    await deliverer.drainFor(0);
    expect(letters(folder, ["pending", "delivered", "dead"], 9).map(({ id }) => id)).toEqual([alarm("dead").id]);
    expect(deliverer.status()).toMatchObject([{ delivered: 2, dead: 1 }]);
    clock.millis += 60 * DAY;
    await deliverer.drainFor(0);
    expect(letters(folder, ["pending", "delivered", "dead"], 9)).toEqual([]);
  });
});
