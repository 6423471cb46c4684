import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RuleObserver } from "../../../src/alert/rules/observer.ts";
import { parseRules, type Rule } from "../../../src/alert/rules/rules-file.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { SteleError } from "../../../src/core/error.ts";
import { parseSteleProof, verifySteleProof } from "../../../src/core/stele-proof.ts";
import { timestamp } from "../../../src/core/time.ts";
import type { Alarm } from "../../../src/sweep/alarm.ts";
import { keysOfLog } from "../../../src/archive/key-ring.ts";
import { LOG_ORIGIN, NOW, OWNER } from "../../archive/fixture.ts";
import { type Delivery, metLog, observeAll } from "./met-log.ts";

const rules = (...given: object[]): Rule[] =>
  parseRules(
    JSON.stringify({
      rules: given.map((rule, at) => ({
        name: `rule-${at}`,
        title: `Rule ${at}`,
        description: "Why.",
        severity: "warning",
        where: "event.hit == true",
        ...rule,
      })),
    }),
    "rules.yaml",
  );
const HIT = '{"hit":true}';
const MISS = '{"hit":false}';
const told = (alarms: readonly Alarm[]): string[] => alarms.map(({ title }) => title);
const keys = keysOfLog([OWNER.key], LOG_ORIGIN);

test("an alarm carries the event, where it came from, and a proof that holds without the archive", async () => {
  const met = await metLog([
    [{ lines: [MISS] }],
    [
      { lines: [MISS, HIT], source: "one", at: 1000 },
      { lines: ['{"hit":true,"n":"\u00e9"}'], source: "two", at: 2000 },
    ],
    [{ lines: [MISS] }],
  ]);
  const { alarms } = await observeAll(() => new RuleObserver(rules({ runbook: "Call Ann.", tags: ["a", "b"] })), met);
  expect(alarms).toMatchObject([
    {
      kind: "event.matched",
      severity: "warning",
      origin: "audit.example/prod",
      log: "app",
      title: "Rule 0: entry 2 of app",
      event: { rule: "rule-0", index: 2, source: "one", arrived: timestamp(NOW + 1000), text: HIT },
    },
    { event: { index: 3, source: "two", arrived: timestamp(NOW + 2000), text: '{"hit":true,"n":"\u00e9"}' } },
  ]);
  expect(alarms[0]?.message).toContain("Why.");
  expect(alarms[0]?.message).toContain("Runbook: Call Ann.\nTags: a, b");
  for (const { event } of alarms) {
    const proven = verifySteleProof(parseSteleProof(utf8(event?.proof ?? "")), keys);
    expect(proven.index).toBe(event?.index);
    expect(Buffer.from(proven.entry).toString()).toBe(event?.text);
  }
  expect(new Set(alarms.map(({ id }) => id)).size).toBe(2);
});

test("the same log gives the same alarms, restarted at each manifest or not", async () => {
  const deliveries = Array.from({ length: 12 }, (_, manifest): Delivery[] =>
    manifest % 5 === 4
      ? []
      : [
          {
            lines: Array.from({ length: manifest }, (__, i) => `{"hit":${i % 2 === 0},"who":"${i % 3}"}`).concat(MISS),
            at: manifest * 20_000,
          },
          { lines: [HIT], source: "two", at: manifest * 20_000 + 5000 },
        ],
  );
  const met = await metLog(deliveries);
  const make = (): RuleObserver =>
    new RuleObserver(
      rules(
        {},
        { count: { atLeast: 3, within: "1m", by: "event.who" } },
        { throttle: { every: "1m", by: "event.who" } },
        { count: { atLeast: 2, within: "30s" }, throttle: { every: "45s" } },
      ),
      { perRule: 3 },
    );
  const once = await observeAll(make, met);
  expect(told(once.alarms).some((title) => title.includes("more in"))).toBe(true);
  expect(told(once.alarms).some((title) => title.includes("more entries"))).toBe(true);
  expect(new Set(once.alarms.map(({ id }) => id)).size).toBe(once.alarms.length);
  expect(await observeAll(make, met, true)).toEqual(once);
});

test("nothing is dropped silently: told + counted in the rest is what matched", async () => {
  const met = await metLog([[{ lines: Array.from({ length: 250 }, () => HIT) }]]);
  const observer = new RuleObserver(rules({}));
  const { alarms } = await observeAll(() => observer, met);
  expect(alarms).toHaveLength(101);
  expect(alarms.at(-1)).toMatchObject({
    title: "Rule 0: 150 more entries of app",
    message: expect.stringContaining("from entry 100 to 249"),
  });
  expect(alarms.at(-1)?.event).toBeUndefined();
  expect(observer.status().rules).toMatchObject([{ evaluated: 250, matched: 250, errors: 0 }]);
});

test("a burst counts as one", async () => {
  const met = await metLog([
    [{ lines: [HIT, MISS, HIT] }],
    [{ lines: [HIT], at: 30_000 }],
    [{ lines: [HIT], at: 59_000 }],
    [{ lines: [HIT], at: 200_000 }],
  ]);
  const { alarms } = await observeAll(() => new RuleObserver(rules({ count: { atLeast: 4, within: "1m" } })), met);
  expect(alarms).toMatchObject([
    { event: { index: 4 }, message: expect.stringContaining("4 matches came close together, entries 0 to 4") },
  ]);
});

test("what a throttle held back is told when nothing more comes, once", async () => {
  const met = await metLog([[{ lines: [HIT, HIT, HIT] }]]);
  const observer = new RuleObserver(rules({ throttle: { every: "5m" } }));
  const { alarms, notes } = await observeAll(() => observer, met);
  expect(told(alarms)).toEqual(["Rule 0: entry 0 of app"]);
  const { log, origin } = met[0] ?? { log: { name: "", origin: "" }, origin: "" };
  const soon = await observer.idle(log, origin, timestamp(NOW + 5 * 60_000), notes);
  expect(soon).toEqual({ alarms: [] });
  const later = await observer.idle(log, origin, timestamp(NOW + 15 * 60_000), notes);
  expect(later.alarms).toMatchObject([
    { title: "Rule 0: 2 more in app", message: expect.stringContaining("2 more were held back, for entries from 1 to 2") },
  ]);
  expect(await observer.idle(log, origin, timestamp(NOW + 16 * 60_000), later.notes ?? null)).toEqual({ alarms: [] });
  // On another machine, or after a crash, the same.
  const again = await new RuleObserver(rules({ throttle: { every: "5m" } })).idle(
    log,
    origin,
    timestamp(NOW + 20 * 60_000),
    notes,
  );
  expect(again.alarms.map(({ id }) => id)).toEqual(later.alarms.map(({ id }) => id));
});

test("a new group for every event makes no alarm for each: the rest of what was held back is told in one", async () => {
  const lines = Array.from({ length: 2400 }, (_, i) => `{"hit":true,"who":"${i >> 1}"}`);
  const met = await metLog([[{ lines }]]);
  const { alarms } = await observeAll(
    () => new RuleObserver(rules({ throttle: { every: "5m", by: "event.who" } }), { perRule: 10 }),
    met,
  );
  // Ten told, the rest of them, ten groups that had to make room, and the rest of those.
  expect(alarms).toHaveLength(22);
  expect(alarms.at(-1)).toMatchObject({
    title: "Rule 0: 190 more in app",
    message: expect.stringContaining("190 more groups had 190 matches held back, for entries from 21 to 399"),
  });
});

test("a group that had to make room and came again at the same time is told of twice, by different ids", async () => {
  const group = ['{"hit":true,"who":"same"}', '{"hit":true,"who":"same"}'];
  const others = (from: number): string[] => Array.from({ length: 1000 }, (_, i) => `{"hit":true,"who":"${from + i}"}`);
  const met = await metLog([[{ lines: [...group, ...others(0), ...group, ...others(1000)] }]]);
  const { alarms } = await observeAll(() => new RuleObserver(rules({ throttle: { every: "5m", by: "event.who" } })), met);
  const held = alarms.filter(({ message }) => message.includes("were held back"));
  expect(held.map(({ message }) => / entries from (\d+)/.exec(message)?.[1])).toEqual(["1", "1003"]);
  expect(new Set(held.map(({ id }) => id)).size).toBe(2);
});

test("without its proof a match is not told: the round has to look again", async () => {
  const [met] = await metLog([[{ lines: [HIT] }]]);
  if (met === undefined) throw new Error("no manifest");
  const failing = { ...met, prove: () => Promise.reject(new SteleError("store.unreachable", "no answer")) };
  await expect(new RuleObserver(rules({})).observe(failing, null)).rejects.toMatchObject({ code: "store.unreachable" });
});

describe("status", () => {
  test("counts lines that are no JSON object; rules on text see them", async () => {
    const met = await metLog([[{ lines: ["plain HIT", "[1]", HIT] }]]);
    const observer = new RuleObserver(rules({}, { where: 'text.contains("HIT")' }));
    const { alarms } = await observeAll(() => observer, met);
    expect(told(alarms)).toEqual(["Rule 1: entry 0 of app", "Rule 0: entry 2 of app"]);
    expect(observer.status()).toMatchObject({ events: 3, notJson: 2, tooLarge: 0 });
  });

  test("names a rule that fails, and the last event that it failed on", async () => {
    const met = await metLog([[{ lines: ['{"a":1}', '{"b":1}', '{"a":"x"}', '{"a":2}'] }]]);
    const observer = new RuleObserver(rules({ where: 'event.a.startsWith("x")' }, { where: "event.a" }));
    await observeAll(() => observer, met);
    expect(observer.status().rules).toMatchObject([
      {
        evaluated: 4,
        matched: 1,
        errors: 2,
        lastError: { index: 3, log: "app", message: expect.stringContaining("startsWith") },
      },
      { evaluated: 4, matched: 0, errors: 3, lastError: { message: "expected true or false, got 2" } },
    ]);
  });
});

test("rules are asked about their logs only, with the entry's place", async () => {
  const met = await metLog([[{ lines: [HIT] }], [{ lines: [HIT], source: "two", at: 5000 }]], "k8s/prod");
  const observer = new RuleObserver(
    rules(
      { logs: ["k8s/*"], where: `index == 1 && source == "two" && log == "k8s/prod"` },
      { logs: ["app"] },
      { where: `arrived > timestamp("${timestamp(NOW)}") && arrived < timestamp("${timestamp(NOW + 6000)}")` },
    ),
  );
  expect([observer.wants("k8s/prod"), new RuleObserver(rules({ logs: ["app"] })).wants("k8s/prod")]).toEqual([true, false]);
  const { alarms } = await observeAll(() => observer, met);
  expect(told(alarms)).toEqual(["Rule 0: entry 1 of k8s/prod", "Rule 2: entry 1 of k8s/prod"]);
});

test("no event makes it throw, and none keeps it from seeing the next", async () => {
  const odd = fc.oneof(
    fc.json({ maxDepth: 4 }),
    fc.string({ unit: "binary" }),
    fc
      .dictionary(fc.constantFrom("hit", "list", "s", "constructor", "__proto__", "$typeName", "toString"), fc.jsonValue())
      .map((event) => JSON.stringify(event)),
  );
  const line = odd.map((text) => text.replaceAll("\n", " ")).filter((text) => text.isWellFormed() && text !== "");
  const lines = fc.sample(fc.array(line, { minLength: 30, maxLength: 60 }), { seed: 5, numRuns: 3 });
  const met = await metLog(lines.map((some) => [{ lines: [...some, HIT] }]));
  const observer = new RuleObserver(
    rules(
      { where: "event.hit == true && !has(event.list)" },
      { where: 'event.s.startsWith("a") || event.list.exists(x, x.y == 1) || size(event.s) > 3' },
      { where: 'event.s.matches("^(a|b)*$") && event.list[0] > 1', throttle: { every: "1s", by: "event.list" } },
      { where: 'text.contains("a")', count: { atLeast: 3, within: "1s", by: "[event.s, event.list]" } },
    ),
  );
  const { alarms } = await observeAll(() => observer, met);
  const last = met.map(({ commit }) => commit.manifest.entries.first + commit.manifest.entries.count - 1);
  const found = new Set(alarms.flatMap(({ event }) => (event?.rule === "rule-0" ? [event.index] : [])));
  expect(last.filter((index) => !found.has(index))).toEqual([]);
});
