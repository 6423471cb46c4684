import fc from "fast-check";
import { expect, test } from "vitest";
import { checkKey, compareKeys, isKey } from "../../src/store/key.ts";

test.each([
  "a",
  "a/b",
  "...",
  "a/.b",
  "a b",
  "dt=2026-11-23/0000000000001234.ndjson.zst",
  "k".repeat(1024),
  "é".repeat(512),
  "\u{1f512}",
])("%j is a key", (key) => {
  expect(() => checkKey(key)).not.toThrow();
  expect(isKey(key)).toBe(true);
});

test.each([
  "",
  "/",
  "/a",
  "a/",
  "a//b",
  ".",
  "..",
  "a/../b",
  "./a",
  "a\\b",
  "a\0",
  "a\tb",
  "\u007f",
  "\u0085",
  "\udc00",
  "k".repeat(1025),
  "é".repeat(513),
])("%j is none", (key) => {
  expect(() => checkKey(key)).toThrow(
    expect.objectContaining({ code: "input.invalid", message: expect.stringMatching(/^object key: expected /) }),
  );
  expect(isKey(key)).toBe(false);
});

test("property: keys sort as their UTF-8 bytes do", () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom("a", "/", ".", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    ),
  });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});
