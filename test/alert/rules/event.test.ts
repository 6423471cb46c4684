import { celMap, isCelMap } from "@bufbuild/cel";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_PARSED_CHARS, parseEvent, toCelInput, valueAt } from "../../../src/alert/rules/event.ts";
import { compileExpression } from "../../../src/alert/rules/expression.ts";

const matches = (where: string, text: string): boolean => {
  const { object } = parseEvent(text);
  if (object === null) return false;
  const outcome = compileExpression(where).evaluate({ event: toCelInput(object) });
  return outcome.kind === "value" && outcome.value === true;
};

test("only a JSON object is an event", () => {
  for (const text of ["", "x", "[1]", "3", "null", '"a"', '{"a":1', '{"a":1}}']) {
    expect([text, parseEvent(text).unreadable]).toEqual([text, "not-json"]);
  }
  expect(parseEvent('\uFEFF{"a":1}').object).toEqual({ a: 1 });
});

test("an event beyond the bound is not parsed, one at the bound is", () => {
  const event = (chars: number): string => `{"a":"${"x".repeat(chars - 8)}"}`;
  expect(event(MAX_PARSED_CHARS)).toHaveLength(MAX_PARSED_CHARS);
  expect(parseEvent(event(MAX_PARSED_CHARS)).unreadable).toBeNull();
  expect(parseEvent(event(MAX_PARSED_CHARS + 1)).unreadable).toBe("too-large");
});

test("keys that mean something to JavaScript or to the CEL library are keys like others", () => {
  for (const key of ["constructor", "__proto__", "$typeName", "toString", "hasOwnProperty"]) {
    const name = key === "$typeName" ? '"google.protobuf.Any"' : "{}";
    expect(matches('event.name == "x"', `{"${key}":${name},"name":"x"}`)).toBe(true);
    expect(matches('event.a.name == "x"', `{"a":{"${key}":null,"name":"x"}}`)).toBe(true);
    expect(matches('event.l.exists(e, e.name == "x")', `{"l":[{"${key}":${name},"name":"x"}]}`)).toBe(true);
  }
  expect(matches('event["__proto__"].a == 1', '{"__proto__":{"a":1}}')).toBe(true);
  expect(matches("has(event.toString)", "{}")).toBe(false);
  expect(matches("event.toString == null", "{}")).toBe(false);
  expect(valueAt({}, ["constructor", "name"])).toBeUndefined();
});

test("of several keys of one name the last counts", () => {
  expect(matches('event.a == "y"', '{"a":"x","a":"y"}')).toBe(true);
  expect(matches('event.a == "x"', '{"a":"x","a":"y"}')).toBe(false);
});

test("whole numbers beyond 2^53 are exact, beyond 64 bits they are not", () => {
  expect(matches("event.id == 9007199254740993", '{"id":9007199254740993}')).toBe(true);
  expect(matches("event.id == 9007199254740993", '{"id":9007199254740992}')).toBe(false);
  expect(matches("event.id == -9007199254740993", '{"id":-9007199254740993}')).toBe(true);
  expect(matches("event.id > 9007199254740993", '{"id":123456789012345678901234567890}')).toBe(true);
  expect(matches("event.id == 5 && event.x == 1", '{"id":5,"x":1,"text":"1234567890123456"}')).toBe(true);
});

test("a bomb of lists or objects, or of both, is an event like others", () => {
  const depth = 40_000;
  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
    ['[{"a":', "}]"],
  ]) {
    const text = `{"name":"x","deep":${open?.repeat(depth)}1${close?.repeat(depth)}}`;
    expect(matches('event.name == "x"', text)).toBe(true);
    expect(matches("has(event.deep)", text)).toBe(true);
    expect(matches('event.deep == "x"', text)).toBe(false);
    // With a number that only the slow way reads exactly.
    expect(matches('event.name == "x"', text.replace(":", ': "1234567890123456", "name":'))).toBe(true);
  }
});

test("an object that is looked into is seen as JSON.parse gives it", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 }), (object) => {
      const value = toCelInput(JSON.parse(JSON.stringify(object)));
      if (!isCelMap(value)) throw new Error("expected a map");
      expect(value.size).toBe(Object.keys(object).length);
      for (const [key, inner] of Object.entries(object)) {
        const seen = value.get(key);
        if (typeof inner !== "object" || inner === null) expect(seen).toBe(inner === null ? null : inner);
        else expect(seen).toBeTypeOf("object");
      }
      expect(new Set(celMap(value).keys())).toEqual(new Set(Object.keys(object)));
    }),
    { seed: 4, numRuns: 200 },
  );
});
