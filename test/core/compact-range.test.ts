import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../../src/core/bytes.ts";
import { CompactRange } from "../../src/core/compact-range.ts";
import { leafHash } from "../../src/core/hash.ts";
import { verifyInclusion } from "../../src/core/inclusion.ts";
import { entries, MTH, PATH } from "./reference-tree.ts";
import { refusal } from "./refusal.ts";

const D = entries(2000);
const hex = (hashes: readonly Uint8Array[]): string[] => hashes.map(toHex);

/** The roots of the perfect subtrees of a tree, one for every set bit of its size, straight from the definition. */
function subtreeRoots(size: number): Uint8Array[] {
  const roots: Uint8Array[] = [];
  let first = 0;
  for (let width = 2 ** 20; width >= 1; width /= 2) {
    if (Math.floor(size / width) % 2 === 1) {
      roots.push(MTH(D.slice(first, first + width)));
      first += width;
    }
  }
  return roots;
}

function upTo(size: number): CompactRange {
  return D.slice(0, size).reduce((range, entry) => range.append(leafHash(entry)), CompactRange.empty);
}

describe("a compact range", () => {
  it("has at every size the subtrees and the root of the RFC's tree, and the next leaf's path", () => {
    let range = CompactRange.empty;
    for (let size = 0; size <= 300; size++) {
      expect(range.size).toBe(size);
      expect(hex(range.nodes)).toEqual(hex(subtreeRoots(size)));
      expect(toHex(range.root())).toBe(toHex(MTH(D.slice(0, size))));
      expect(hex([...range.nodes].reverse())).toEqual(hex(PATH(size, D.slice(0, size + 1))));
      const entry = D[size];
      if (entry !== undefined) range = range.append(leafHash(entry));
    }
  });

  it("has the root of the RFC's tree up to 2,000 leaves", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2000 }), (size) => {
        expect(toHex(upTo(size).root())).toBe(toHex(MTH(D.slice(0, size))));
      }),
      { numRuns: 30 },
    );
  });

  it("goes on from what was kept of it as if it had never stopped", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 70 }), (size, more) => {
        const kept = upTo(size);
        let range = CompactRange.of(
          kept.size,
          kept.nodes.map((node) => Uint8Array.from(node)),
        );
        for (const entry of D.slice(size, size + more)) range = range.append(leafHash(entry));
        expect(range.size).toBe(size + more);
        expect(hex(range.nodes)).toEqual(hex(subtreeRoots(size + more)));
      }),
      { numRuns: 40 },
    );
  });

  it("proves each leaf in the tree that ends in it", () => {
    let range = CompactRange.empty;
    for (const [index, entry] of D.slice(0, 140).entries()) {
      const path = [...range.nodes].reverse();
      range = range.append(leafHash(entry));
      verifyInclusion(leafHash(entry), index, index + 1, path, range.root());
    }
  });

  it("is not changed by appending, nor by its caller's list", () => {
    const nodes = [...upTo(6).nodes];
    const range = CompactRange.of(6, nodes);
    const before = hex(range.nodes);
    nodes.pop();
    range.append(leafHash(Uint8Array.of(1)));
    range.append(leafHash(Uint8Array.of(2)));
    range.root();
    expect(hex(range.nodes)).toEqual(before);
    expect(CompactRange.empty.size).toBe(0);
  });

  it("refuses nodes that do not fit its size", () => {
    const node = new Uint8Array(32);
    for (const [size, count] of [
      [0, 1],
      [1, 0],
      [1, 2],
      [2, 2],
      [3, 1],
      [3, 3],
      [6, 1],
      [255, 7],
      [256, 8],
      [2 ** 53 - 1, 52],
      [2 ** 52, 2],
    ] as const) {
      expect([
        size,
        refusal(() =>
          CompactRange.of(
            size,
            Array.from({ length: count }, () => node),
          ),
        ),
      ]).toEqual([size, "format.tile"]);
    }
    for (const size of [-1, 0.5, Number.NaN, 2 ** 53]) expect(refusal(() => CompactRange.of(size, [node]))).toBe("format.tile");
    for (const length of [0, 31, 33]) expect(refusal(() => CompactRange.of(1, [new Uint8Array(length)]))).toBe("format.tile");
    expect(
      CompactRange.of(
        2 ** 53 - 1,
        Array.from({ length: 53 }, () => node),
      ).nodes,
    ).toHaveLength(53);
  });

  it("refuses an infinite size, and does so in finite time", () => {
    // In a process of its own: a loop without end could not be stopped from here.
    const module = new URL("../../src/core/compact-range.ts", import.meta.url).href;
    const code = `const { CompactRange } = await import(${JSON.stringify(module)});
      try { CompactRange.of(Number.POSITIVE_INFINITY, []); } catch (error) { console.log(error.code); }`;
    const { stdout, signal } = spawnSync(process.execPath, ["--conditions=stele-source", "--input-type=module", "-e", code], {
      encoding: "utf8",
      timeout: 5000,
    });
    expect({ stdout, signal }).toEqual({ stdout: "format.tile\n", signal: null });
  });
});
