import { describe, expect, test } from "vitest";
import { compileExpression, constantValue, type Outcome, spellValue } from "../../../src/alert/rules/expression.ts";
import { toCelInput } from "../../../src/alert/rules/event.ts";

const EVENT = { n: 5, s: "abc", nil: null, list: [1, 2], deep: { a: { b: true } }, half: 0.5 };
const ask = (where: string): Outcome => compileExpression(where).evaluate({ event: toCelInput(EVENT), text: "raw" });

describe("a missing field", () => {
  test.each(["event.zz == 1", "event.nil.x == 1", "event.s.x == 1", "event.list[7] == 1", "!has(event.zz.x)", "event.zz != 1"])(
    "%s is neither true nor an error",
    (where) => expect(ask(where)).toEqual({ kind: "missing" }),
  );

  test.each(["event.zz == 1 || event.n == 5", "!has(event.zz)", "!has(event.nil)", "event.nil == null", "has(event.deep.a)"])(
    "%s is true all the same",
    (where) => expect(ask(where)).toEqual({ kind: "value", value: true }),
  );

  test("with an error beside it is an error", () => {
    expect(ask("event.zz == 1 && event.n.startsWith('a')")).toMatchObject({ kind: "error" });
    expect(ask("event.n.startsWith('a') && event.zz == 1")).toMatchObject({ kind: "error" });
  });
});

test("what is of another type is an error, and says which", () => {
  expect(ask("event.n.startsWith('a')")).toMatchObject({ kind: "error", message: expect.stringContaining("startsWith") });
  expect(ask("size(event.nil) > 0")).toMatchObject({ kind: "error", message: expect.stringContaining("null_type") });
  expect(ask("event.n / 0 == 1")).toMatchObject({ kind: "error" });
});

test("numbers of an event compare with whole ones and with fractions", () => {
  for (const where of ["event.n == 5", "event.n > 4", "event.n in [1, 5]", "event.half < 1", "event.n == 5.0"]) {
    expect([where, ask(where)]).toEqual([where, { kind: "value", value: true }]);
  }
});

test.each([
  ["evnt.a == 1", "unknown name evnt"],
  ["event.a == foo(event.b)", "unknown function foo"],
  ["event.a ==", "expecting"],
  ["true", "got a constant"],
  ['event.a.matches("(")', "missing closing )"],
  ["event.a.matches(event.b)", "expected the pattern as a string"],
  ["matches(event.a, event.b)", "expected the pattern as a string"],
  ["event.a.exists(x, event.b.exists(y, x == y))", "a loop inside a loop"],
  ["event.a == google.protobuf.Timestamp{}", "unknown type"],
  [`event.a == "${"x".repeat(20_000)}"`, "at most"],
])("%s is refused before there is an event", (where, why) => {
  expect(() => compileExpression(where)).toThrow(why);
});

test.each([
  "event.a.exists(x, x.b.exists(y, y == 1))",
  'event.a.exists(x, ["p", "q"].exists(y, y == x))',
  "event.a.exists(event, event.b == 1)",
  "type(event.a) == list",
  'text.contains("x") && log == "app" && source == "s" && index > 3 && arrived < timestamp("2030-01-01T00:00:00Z")',
])("%s is taken", (where) => {
  expect(compileExpression(where).source).toBe(where);
});

test("a pattern that makes a backtracking engine hang is answered at once", () => {
  const where = compileExpression('event.a.matches("^(a+)+$")');
  const outcome = where.evaluate({ event: toCelInput({ a: `${"a".repeat(50_000)}!` }) });
  expect(outcome).toEqual({ kind: "value", value: false });
});

test("it says which variables it uses", () => {
  expect([...compileExpression("event.a == 1 && index > 3").uses].sort()).toEqual(["event", "index"]);
  expect([...compileExpression("event.l.exists(text, text == 1)").uses]).toEqual(["event"]);
});

test("values are spelt so that different ones differ", () => {
  const spelt = ['"a"', '["a"]', '["a", "b"]', '["a,b"]', "1", "{'a': 1}", "true", "null"].map((source) =>
    spellValue(constantValue(source)),
  );
  expect(new Set(spelt).size).toBe(spelt.length);
  expect(spellValue(constantValue('timestamp("2030-01-01T00:00:00Z")'))).toBeNull();
});

test("evaluating leaves the depth of stacks as it was", () => {
  const { stackTraceLimit } = Error;
  ask("event.zz == 1");
  ask("event.n.startsWith('a')");
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});
