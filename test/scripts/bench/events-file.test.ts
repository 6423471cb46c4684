import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countLines, eventsFile, linesOf } from "../../../scripts/bench/events-file.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bench-events-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("events in a file", () => {
  test.each([false, true])("a smaller file is the beginning of a larger one (small events: %s)", async (small) => {
    const part = await eventsFile(folder, { size: "100KB" }, small);
    const all = await eventsFile(folder, { size: "1MB" }, small);
    const counted = await eventsFile(folder, { count: part.events }, small);
    const [partBytes, allBytes] = [readFileSync(part.path), readFileSync(all.path)];
    expect(part.bytes).toBe(partBytes.length);
    expect(allBytes.subarray(0, partBytes.length).equals(partBytes)).toBe(true);
    expect(readFileSync(counted.path).equals(partBytes)).toBe(true);
    expect(part.events).toBe(partBytes.toString().split("\n").length - 1);
  });

  // Longer than the pieces in which a file is read.
  const texts = [
    ["", []],
    ["\n", [""]],
    ["a\n\nb", ["a", "", "b"]],
    [`${"x".repeat(3 << 20)}\ny\n`, ["x".repeat(3 << 20), "y"]],
    ["0123456789\n".repeat(300_000), Array.from({ length: 300_000 }, () => "0123456789")],
  ] as const;
  test.each(texts.map(([text, lines], i) => ({ i, text, lines })))(
    "its lines come out whole, text $i",
    async ({ i, text, lines }) => {
      const path = join(folder, `text-${i}`);
      writeFileSync(path, text);
      const batches: Buffer[][] = [];
      for await (const batch of linesOf(path, 1000)) batches.push(batch);
      expect(batches.flat().map(String)).toEqual(lines);
      expect(batches.slice(0, -1).every((batch) => batch.length === 1000)).toBe(true);
      expect(await countLines(path)).toEqual({ bytes: text.length, events: text.split("\n").length - 1 });
    },
  );
});
