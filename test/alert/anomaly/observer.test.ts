import fc from "fast-check";
import { expect, test } from "vitest";
import { AnomalyObserver } from "../../../src/alert/anomaly/observer.ts";
import { timestamp } from "../../../src/core/time.ts";
import { NOW } from "../../archive/fixture.ts";
import { type Delivery, metLog, observeAll } from "../rules/met-log.ts";
import { present, profile } from "./profile.ts";

const MINUTE = 60_000;
const EVERYTHING = {
  silence: { warmUp: 10 },
  rate: { warmUp: 5, atLeast: 10 },
  clock: { field: "time" },
  duplicates: { field: "id", atLeast: 3 },
  sequence: { field: "seq" },
};
const observer = (given: object = EVERYTHING): AnomalyObserver => new AnomalyObserver([profile(given)]);

/** A delivery of events that are all as they should be, but for what is said. */
function delivery(
  minute: number,
  count: number,
  seq: number,
  more: { source?: string; skew?: number; id?: string } = {},
): Delivery {
  const at = minute * MINUTE;
  const { source = "one", skew = 0, id } = more;
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ time: timestamp(NOW + at + skew), seq: seq + i, id: id ?? `${source}-${seq + i}` }),
  );
  return { lines, at, source };
}

/** Thirty quiet deliveries, five minutes apart, then whatever follows. */
const quiet = (source = "one"): Delivery[] => Array.from({ length: 30 }, (_, i) => delivery(i * 5, 20, i * 20, { source }));

test("each anomaly is told once when it begins, with its numbers, and once when it is over", async () => {
  const met = await metLog([
    ...quiet().map((one) => [one]),
    [delivery(150, 20, 610, { skew: 3_600_000 })],
    [delivery(155, 2000, 630, { id: "same" })],
    [delivery(160, 20, 2630)],
    [delivery(165, 20, 600), delivery(165, 10, 2650)],
    [delivery(170, 20, 2660)],
    [delivery(400, 20, 2680)],
    [delivery(405, 20, 2700)],
  ]);
  const { alarms } = await observeAll(observer, met);
  expect(alarms.map(({ kind, anomaly }) => `${kind.slice(7)} ${anomaly?.detector}`)).toEqual([
    "anomaly clock.skew",
    "anomaly sequence.gap",
    "anomaly rate.high",
    "recovered clock.skew",
    "anomaly duplicates",
    "recovered duplicates",
    "recovered rate.high",
    // Numbers that come again bring their ids along; those that were left out come for the first time.
    "anomaly duplicates",
    "recovered sequence.gap",
    "anomaly sequence.repeat",
    "recovered duplicates",
    "recovered sequence.repeat",
  ]);
  expect(alarms[1]).toMatchObject({
    kind: "stream.anomaly",
    severity: "warning",
    log: "app",
    title: 'sequence.gap: "one" in app left out numbers of its own sequence',
    anomaly: { source: "one", actual: "10 left out: 600 to 609", entries: { first: 600, end: 620 } },
  });
  expect(alarms[0]?.subject).toBe(alarms[3]?.subject);
  expect(alarms[0]?.id).not.toBe(alarms[3]?.id);
  expect(new Set(alarms.map(({ id }) => id)).size).toBe(alarms.length);
});

test("a source falls silent while others go on, and by the clock where nothing comes at all", async () => {
  const going = Array.from({ length: 12 }, (_, i) => [delivery(150 + i * 5, 20, 600 + i * 20)]);
  const met = await metLog([...quiet().map((one, i) => [one, ...quiet("two").slice(i, i + 1)]), ...going]);
  const { alarms, notes } = await observeAll(observer, met);
  expect(alarms).toMatchObject([
    {
      kind: "stream.anomaly",
      anomaly: { detector: "source.silent", source: "two", entries: null },
      title: 'source.silent: "two" in app fell silent',
    },
  ]);
  const { log, origin } = present(met[0]);
  const idle = (minute: number, kept: string | null): ReturnType<AnomalyObserver["idle"]> =>
    observer().idle(log, origin, timestamp(NOW + minute * MINUTE), kept);
  expect((await idle(210, notes)).alarms).toEqual([]);
  const silent = await idle(300, notes);
  expect(silent.alarms).toMatchObject([{ anomaly: { detector: "source.silent", source: "one" } }]);
  expect((await idle(310, silent.notes ?? null)).alarms).toEqual([]);
  expect((await idle(400, notes)).alarms.map(({ id }) => id)).toEqual(silent.alarms.map(({ id }) => id));
});

test("the same log gives the same alarms, restarted at each manifest or not", async () => {
  const step = fc.record({
    minutes: fc.constantFrom(-30, 1, 5, 5, 5, 5, 40, 90),
    count: fc.constantFrom(10, 20, 20, 20, 400),
    skip: fc.constantFrom(0, 0, 0, 3, -5),
    source: fc.constantFrom("one", "one", "two"),
    skew: fc.constantFrom(0, 0, 0, 600_000, -7_200_000),
    repeat: fc.boolean(),
  });
  const samples = fc.sample(fc.array(step, { minLength: 40, maxLength: 60 }), { seed: 3, numRuns: 3 });
  let told = 0;
  for (const steps of samples) {
    let minute = 0;
    const seq = { one: 0, two: 0 };
    const manifests = steps.map(({ minutes, count, skip, source, skew, repeat }): Delivery[] => {
      // What was spooled elsewhere may arrive with an older time.
      minute = Math.max(0, minute + minutes);
      const from = source === "one" ? "one" : "two";
      const first = Math.max(0, seq[from] + skip);
      seq[from] = first + count;
      return [delivery(minute, count, first, { source, skew, ...(repeat ? { id: "again" } : {}) })];
    });
    const met = await metLog(manifests);
    const once = await observeAll(observer, met);
    expect(await observeAll(observer, met, true)).toEqual(once);
    expect(new Set(once.alarms.map(({ id }) => id)).size).toBe(once.alarms.length);
    told += once.alarms.length;
  }
  expect(told).toBeGreaterThan(30);
});

test("a begin and its end alternate, whatever comes", async () => {
  const met = await metLog(
    Array.from({ length: 60 }, (_, i) => [delivery(i * 5, i % 7 === 0 ? 500 : 20, i * 30, { skew: i % 5 === 0 ? 1e7 : 0 })]),
  );
  const { alarms } = await observeAll(observer, met);
  const open = new Set<string>();
  for (const { kind, subject, anomaly } of alarms) {
    if (anomaly?.detector === "sequence.reset") continue;
    expect([subject, open.has(subject)]).toEqual([subject, kind === "stream.recovered"]);
    if (kind === "stream.recovered") open.delete(subject);
    else open.add(subject);
  }
  expect(alarms.length).toBeGreaterThan(4);
});

test("events that are no JSON, or have no such field, are looked at for what they have", async () => {
  const lines = ["plain", "[]", '{"time":5}', '{"seq":"x","id":{}}', '{"__proto__":1,"constructor":2}', "{".repeat(1000)];
  const met = await metLog(Array.from({ length: 40 }, (_, i) => [{ lines, at: i * MINUTE }]));
  const { alarms } = await observeAll(() => observer({ ...EVERYTHING, duplicates: { atLeast: 3 } }), met);
  expect(alarms.map(({ anomaly }) => anomaly?.detector)).toEqual(["duplicates"]);
});

test("many sources, of any name, leave the notes small", async () => {
  const lines = ["{}"];
  const met = await metLog(
    Array.from({ length: 6 }, (_, m) =>
      Array.from({ length: 150 }, (__, i) => ({ lines, source: `${"s".repeat(i)} ${m * 150 + i}`, at: m * MINUTE })),
    ),
  );
  const { notes } = await observeAll(observer, met);
  expect(present(notes).length).toBeLessThan(400_000);
});

test("a closed log is not silent; a log that no profile names is not looked at", async () => {
  const met = await metLog(quiet().map((one) => [one]));
  const last = present(met.at(-1));
  const closed = {
    ...last,
    segment: null,
    commit: { ...last.commit, manifest: { ...last.commit.manifest, closed: true as const } },
  };
  const { notes } = await observeAll(observer, [...met, closed]);
  expect((await observer().idle(last.log, last.origin, timestamp(NOW + 1e9), notes)).alarms).toEqual([]);
  const others = new AnomalyObserver([profile({ logs: ["k8s/**"] })]);
  expect([others.wants("app"), others.wants("k8s/prod")]).toEqual([false, true]);
  expect(await others.observe(last, null)).toEqual({ alarms: [] });
});
