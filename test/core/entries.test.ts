import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex, utf8 } from "../../src/core/bytes.ts";
import { entryEnds, entryLeaves } from "../../src/core/entries.ts";
import { packedLeaves } from "./reference-tree.ts";
import { refusal } from "./refusal.ts";

const anEntry = fc
  .oneof(fc.uint8Array({ maxLength: 50 }), fc.constantFrom(Uint8Array.of(0), Uint8Array.of(13), new Uint8Array(0)))
  .map((bytes) => bytes.filter((byte) => byte !== 0x0a));
const segment = (entries: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(Buffer.concat(entries.flatMap((entry) => [entry, Uint8Array.of(0x0a)])));

describe("the entries of a segment", () => {
  it("are what stands before each line feed", () => {
    fc.assert(
      fc.property(fc.array(anEntry, { maxLength: 40 }), fc.boolean(), (entries, asBuffer) => {
        const raw = asBuffer ? Buffer.from(segment(entries)) : segment(entries);
        const ends = entryEnds(raw);
        const read = [...ends].map((end, i) => toHex(raw.subarray((ends[i - 1] ?? -1) + 1, end)));
        expect(read).toEqual(entries.map(toHex));
      }),
    );
  });

  it("have the RFC's leaf hashes, and stay as they were", () => {
    fc.assert(
      fc.property(fc.array(anEntry, { maxLength: 40 }), fc.boolean(), (entries, asBuffer) => {
        const raw = asBuffer ? Buffer.from(segment(entries)) : segment(entries);
        const before = toHex(raw);
        const leaves = entryLeaves(raw, entryEnds(raw));
        expect(toHex(leaves)).toBe(toHex(packedLeaves(entries)));
        expect(toHex(raw)).toBe(before);
      }),
    );
  });

  it.each([1023, 1024, 1025, 2048, 2049, 100_000])("may be %i", (count) => {
    const ends = entryEnds(new Uint8Array(2 * count).map((_byte, i) => (i % 2 === 1 ? 0x0a : 0x61)));
    expect(ends).toHaveLength(count);
    expect(ends.every((end, i) => end === 2 * i + 1)).toBe(true);
  });

  it("may be empty, all of them, or none at all", () => {
    expect(entryEnds(new Uint8Array(0))).toHaveLength(0);
    expect(entryLeaves(new Uint8Array(0), new Uint32Array(0))).toHaveLength(0);
    const raw = utf8("\n\n\n");
    expect([...entryEnds(raw)]).toEqual([0, 1, 2]);
    const empty = new Uint8Array(0);
    expect(toHex(entryLeaves(raw, entryEnds(raw)))).toBe(toHex(packedLeaves([empty, empty, empty])));
  });

  it("keep a carriage return and a NUL, which are theirs", () => {
    expect([...entryEnds(utf8("a\r\nb\0\n"))]).toEqual([2, 5]);
  });

  it.each(["a", "a\nb", "\n\nb", "a\n\r"])("refuse a segment whose last entry has no line feed: %j", (text) => {
    expect(refusal(() => entryEnds(utf8(text)))).toBe("format.segment");
  });
});
