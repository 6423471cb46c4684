import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../../src/core/bytes.ts";
import { chainStart, extendChain } from "../../src/core/chain.ts";
import { flipBit } from "./mutations.ts";
import { packedLeaves } from "./reference-tree.ts";

/** The chain as docs/FORMAT.md has it, an entry at a time. */
function naiveChain(origin: string, entries: readonly Uint8Array[]): string {
  const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
    const hash = createHash("sha256");
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  let chain = sha256(`stele/1 chain\n${origin}`);
  for (const entry of entries) chain = sha256(chain, sha256(Uint8Array.of(0), entry));
  return chain.toString("hex");
}

const origin = "audit.example.org/prod";
const someEntries = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 60 });

describe("the entry chain", () => {
  it("starts from the origin", () => {
    expect(toHex(chainStart(origin))).toBe(naiveChain(origin, []));
    expect(toHex(chainStart(""))).toBe(naiveChain("", []));
    expect(toHex(chainStart("audit.example.org/zürich"))).toBe(naiveChain("audit.example.org/zürich", []));
    expect(toHex(chainStart(origin))).not.toBe(toHex(chainStart(`${origin}2`)));
  });

  it("is the naive loop's, for any entries", () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        expect(toHex(extendChain(chainStart(origin), packedLeaves(entries)))).toBe(naiveChain(origin, entries));
      }),
    );
  });

  it("runs on across segments, wherever they are cut", () => {
    fc.assert(
      fc.property(someEntries, fc.nat(), (entries, at) => {
        const cut = at % (entries.length + 1);
        const first = extendChain(chainStart(origin), packedLeaves(entries.slice(0, cut)));
        expect(toHex(extendChain(first, packedLeaves(entries.slice(cut))))).toBe(naiveChain(origin, entries));
      }),
    );
  });

  it("tells every change of an entry, an order or a number of entries", () => {
    const entries = ["a", "b", "c"].map((text) => new Uint8Array(Buffer.from(text)));
    const [a, b, c] = entries;
    const chains = [entries, [a, c, b], [a, b], [b, c], [a, b, b, c], []].map((list) =>
      toHex(extendChain(chainStart(origin), packedLeaves(list.filter((entry) => entry !== undefined)))),
    );
    expect(new Set(chains).size).toBe(chains.length);
  });

  it("leaves what it was given as it was", () => {
    for (const copy of [(bytes: Uint8Array) => Uint8Array.from(bytes), (bytes: Uint8Array) => Buffer.from(bytes)]) {
      const chain = copy(chainStart(origin));
      const leaves = copy(packedLeaves([Uint8Array.of(1), Uint8Array.of(2)]));
      const before = [toHex(chain), toHex(leaves)];
      const after = extendChain(chain, leaves);
      expect([toHex(chain), toHex(leaves)]).toEqual(before);
      const kept = toHex(after);
      chain.fill(0);
      leaves.fill(0);
      expect(toHex(after)).toBe(kept);
    }
  });

  it("without entries stays where it was", () => {
    expect(toHex(extendChain(chainStart(origin), new Uint8Array(0)))).toBe(toHex(chainStart(origin)));
  });

  it("refuses leaves that end inside a hash", () => {
    for (const length of [1, 31, 33]) expect(() => extendChain(chainStart(origin), new Uint8Array(length))).toThrow(RangeError);
  });

  it("is another chain from a start with one bit changed", () => {
    const leaves = packedLeaves([Uint8Array.of(1)]);
    expect(toHex(extendChain(flipBit(chainStart(origin), 3), leaves))).not.toBe(toHex(extendChain(chainStart(origin), leaves)));
  });
});
