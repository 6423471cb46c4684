import fc from "fast-check";
import { expect, test } from "vitest";
import { RuleMemory } from "../../../src/alert/rules/memory.ts";

const FIVE_A_MINUTE = { atLeast: 5, within: 60_000 };

test("counts within a sliding span, by group, and anew after each alarm", () => {
  const memory = RuleMemory.read(null);
  const count = (time: number, index: number, key = "a"): unknown => {
    memory.advance(time);
    return memory.count("rule", key, index, FIVE_A_MINUTE);
  };
  for (const [index, time] of [0, 10_000, 20_000, 30_000].entries()) expect(count(time, index)).toBeNull();
  expect(count(40_000, 99, "b")).toBeNull();
  // The first of them is too old by now.
  expect(count(60_000, 4)).toBeNull();
  expect(count(61_000, 5)).toEqual({ count: 5, first: 1, last: 5 });
  expect(count(62_000, 6)).toBeNull();
});

test("a throttle lets the first through, and tells the rest when its time is over", () => {
  const memory = RuleMemory.read(null);
  const admit = (time: number, index: number, key = "a"): boolean => {
    memory.advance(time);
    return memory.admit("rule", key, index, 60_000);
  };
  expect([admit(0, 0), admit(1, 1), admit(59_999, 2), admit(59_999, 3, "b")]).toEqual([true, false, false, true]);
  expect(memory.over()).toEqual([]);
  expect(admit(60_000, 4)).toBe(true);
  expect(memory.over()).toEqual([{ rule: "rule", key: "a", since: 0, count: 2, first: 1, last: 2 }]);
  expect(admit(60_001, 5)).toBe(false);
  expect(memory.over(120_000)).toEqual([{ rule: "rule", key: "a", since: 60_000, count: 1, first: 5, last: 5 }]);
  expect(memory.over(Number.POSITIVE_INFINITY)).toEqual([]);
});

test("time does not run back", () => {
  const memory = RuleMemory.read(null);
  memory.advance(100_000);
  expect(memory.admit("rule", "a", 0, 60_000)).toBe(true);
  memory.advance(0);
  expect(memory.admit("rule", "a", 1, 60_000)).toBe(false);
});

test("stays small, whatever the groups: nothing held back is lost", () => {
  const memory = RuleMemory.read(null);
  let told = 0;
  for (let i = 0; i < 20_000; i++) {
    memory.advance(i);
    const key = `${"k".repeat(i % 300)}${i % 6000}`;
    memory.count("rule", key, i, { atLeast: 1000, within: 1e9 });
    if (memory.admit("rule", key, i, 1e9)) told++;
  }
  const notes = memory.format() ?? "";
  expect(notes.length).toBeLessThan(400_000);
  expect(memory.forgotten).toBeGreaterThan(0);
  const held = memory.over(Number.POSITIVE_INFINITY).reduce((sum, { count }) => sum + count, 0);
  expect(told + held).toBe(20_000);
});

test.each([null, "", "x", "{}", '{"clock":"x"}', "[]"])("notes that are none (%s) begin anew", (notes) => {
  expect(RuleMemory.read(notes).format()).toBeNull();
});

type Step = { readonly kind: "count" | "admit"; readonly key: string; readonly pause: number };
const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom("count", "admit"),
    key: fc.oneof(fc.constantFrom("a", "b", ""), fc.string({ unit: "binary", maxLength: 200 })),
    pause: fc.integer({ min: -1000, max: 40_000 }),
  }),
  { maxLength: 60 },
);

test("read back at every step, it goes on as if nothing had happened", () => {
  fc.assert(
    fc.property(steps, (given) => {
      const run = (reread: boolean): unknown[] => {
        let memory = RuleMemory.read(null);
        let time = 0;
        return given.map(({ kind, key, pause }, index) => {
          if (reread) memory = RuleMemory.read(memory.format());
          time += pause;
          memory.advance(time);
          const result = kind === "count" ? memory.count("r", key, index, FIVE_A_MINUTE) : memory.admit("r", key, index, 60_000);
          return [result, memory.over()];
        });
      };
      expect(run(true)).toEqual(run(false));
    }),
    { seed: 7, numRuns: 300 },
  );
});
