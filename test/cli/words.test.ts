import { expect, test } from "vitest";
import { count, counted, duration, printable, size, speed } from "../../src/cli/words.ts";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [33554432, "32 MiB"],
  [1.5 * 2 ** 40, "1.5 TiB"],
  [2 ** 60, "1024 PiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(size(bytes)).toBe(text);
});

test("numbers, times and speeds in words", () => {
  expect(count(1234567)).toBe("1,234,567");
  expect(counted(1, "entry", "entries")).toBe("1 entry");
  expect(counted(2, "entry", "entries")).toBe("2 entries");
  expect(counted(0, "segment")).toBe("0 segments");
  expect([400, 12_300, 200_000, 7_500_000].map(duration)).toEqual(["0.4 s", "12 s", "3 min 20 s", "2 h 5 min"]);
  expect(speed(250_000_000, 2000)).toBe("125 MB/s");
  expect(speed(0, 0)).toBe("0 MB/s");
});

test("untrusted text can't move the cursor, change colours or turn the direction of writing", () => {
  expect(printable("a\u001b[2J\rb\u202ec\u0000\td\ne")).toBe("a\\u{1b}[2J\\u{d}b\\u{202e}c\\u{0}\\u{9}d\ne");
  expect(printable("Grüße, 世界 🙂")).toBe("Grüße, 世界 🙂");
});
