import fc from "fast-check";
import { expect, test } from "vitest";
import { blocksOf, formatShard, nextOwned, ownsArchive, ownsBlock, ownsLog, parseShard } from "../../src/sweep/shard.ts";
import { refusal } from "../core/refusal.ts";

test("a shard is read in its one spelling", () => {
  expect(parseShard("2/5")).toEqual({ i: 2, n: 5 });
  expect(formatShard(parseShard("1/1"))).toBe("1/1");
});

test.each(["", "1", "0/1", "2/1", "1/0", "01/2", "1/2/3", "-1/2", "1/10001", " 1/2"])("%j is no shard", (text) => {
  expect(refusal(() => parseShard(text))).toBe("input.invalid");
});

const shards = fc.integer({ min: 1, max: 12 }).map((n) => Array.from({ length: n }, (_, i) => ({ i: i + 1, n })));

test("each block, each log and the archive itself is exactly one shard's", () => {
  fc.assert(
    fc.property(shards, fc.nat(100_000), fc.string(), (all, block, log) => {
      expect(all.filter((shard) => ownsBlock(shard, block))).toHaveLength(1);
      expect(all.filter((shard) => ownsLog(shard, log))).toHaveLength(1);
      expect(all.filter((shard) => ownsArchive(shard))).toHaveLength(1);
    }),
  );
});

test("the next block of a shard is the first of its own", () => {
  fc.assert(
    fc.property(shards, fc.nat(1000), (all, block) => {
      for (const shard of all) {
        let expected = block;
        while (!ownsBlock(shard, expected)) expected++;
        expect(nextOwned(shard, block)).toBe(expected);
      }
    }),
  );
});

test.each([
  [0, 1],
  [1, 1],
  [256, 1],
  [257, 2],
  [513, 3],
])("%d manifests are %d blocks", (manifests, blocks) => {
  expect(blocksOf(manifests)).toBe(blocks);
});
