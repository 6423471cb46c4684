import fc from "fast-check";
import { expect, test } from "vitest";
import { compileExpression } from "../../../src/alert/rules/expression.ts";
import { parseRules, type Rule } from "../../../src/alert/rules/rules-file.ts";
import { RuleSet } from "../../../src/alert/rules/rule-set.ts";
import { parseTimestamp } from "../../../src/core/time.ts";

const guards = (where: string): string[] =>
  compileExpression(where).guards.map(({ path, values }) => `${path.join(".")}: ${values.join("|")}`);

test.each([
  ['event.a == "x"', ["a: x"]],
  ['"x" == event.a.b', ["a.b: x"]],
  ['event["a.b"].c in ["x", "y"]', ["a.b.c: x|y"]],
  ['event.a == "x" && (event.b == "y" && event.c > 3)', ["a: x", "b: y"]],
  ['event.a == "x" || event.a == "y"', ["a: x|y"]],
  ['(event.a == "x" && event.b == "p") || (event.b == "q" && event.a in ["x", "z"])', ["a: x|z", "b: p|q"]],
  ['event.a == "x" || event.b == "y"', []],
  ['!(event.a == "x")', []],
  ['event.a != "x"', []],
  ["event.a == 1", []],
  ['event.a in ["x", 1]', []],
  ['event.a in ["x", event.b]', []],
  ['text == "x"', []],
  ['event.l.exists(event, event.a == "x")', []],
  ['event.a == "x" ? event.b == "y" : event.c == "z"', []],
])("%s can only be true with %j", (where, expected) => {
  expect(guards(where)).toEqual(expected);
});

const field = fc.constantFrom("a", "b", "c.d");
const word = fc.constantFrom("x", "y", "z");
const condition: fc.Arbitrary<string> = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.tuple(field, word).map(([f, w]) => `event.${f} == "${w}"`),
    fc.tuple(field, word, word).map(([f, v, w]) => `event.${f} in ["${v}", "${w}"]`),
    field.map((f) => `has(event.${f})`),
    fc.tuple(field, word).map(([f, w]) => `event.${f}.startsWith("${w}")`),
    fc.tuple(tie("tree"), tie("tree")).map(([l, r]) => `(${l} && ${r})`),
    fc.tuple(tie("tree"), tie("tree")).map(([l, r]) => `(${l} || ${r})`),
    tie("tree").map((t) => `!(${t})`),
  ),
})).tree;
const value = fc.oneof(word, fc.constantFrom(1, null, true, {}, [], ["x"]));
const event = fc.record({ a: value, b: value, c: fc.oneof(value, fc.record({ d: value })) }, { requiredKeys: [] });

const ruleOf = (where: string): Rule => {
  const [rule] = parseRules(
    JSON.stringify({ rules: [{ name: "r", title: "t", description: "d", severity: "info", where }] }),
    "rules.yaml",
  );
  if (rule === undefined) throw new Error("no rule");
  return rule;
};

test("what the guards pass over would not have matched", () => {
  let seen = 0;
  fc.assert(
    fc.property(condition, fc.array(event, { minLength: 1, maxLength: 5 }), (where, events) => {
      const rule = ruleOf(where);
      const withGuards = new RuleSet([rule]);
      const without = new RuleSet([{ ...rule, condition: { ...rule.condition, guards: [] } }]);
      for (const [index, one] of events.entries()) {
        const entry = {
          log: "app",
          index,
          source: "s",
          arrived: parseTimestamp("2026-01-01T00:00:00.000Z"),
          text: JSON.stringify(one),
        };
        const matched = without.evaluate(entry).length;
        seen += matched;
        expect(withGuards.evaluate(entry)).toHaveLength(matched);
      }
    }),
    { seed: 11, numRuns: 400 },
  );
  expect(seen).toBeGreaterThan(100);
});
