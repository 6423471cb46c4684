import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../../src/core/bytes.ts";
import { leafHash } from "../../src/core/hash.ts";
import { inclusionProof, rootFromInclusionProof, verifyInclusion } from "../../src/core/inclusion.ts";
import { flipBit, mutatedHashes } from "./mutations.ts";
import { entries, MTH, packedLeaves, PATH } from "./reference-tree.ts";
import { refusal } from "./refusal.ts";
import { haveVectors, inclusionVectors } from "./vectors.ts";

const LARGEST = Number.MAX_SAFE_INTEGER;
const D = entries(2000);
const leaves = packedLeaves(D);
const leaf = (index: number): Uint8Array => leaves.slice(index * 32, index * 32 + 32);
const hex = (hashes: readonly Uint8Array[]): string[] => hashes.map(toHex);

describe("inclusionProof", () => {
  it("is the RFC's PATH for every index of every size up to 130, and verifies", () => {
    for (let size = 1; size <= 130; size++) {
      const root = MTH(D.slice(0, size));
      const packed = leaves.slice(0, size * 32);
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(packed, index);
        verifyInclusion(leaf(index), index, size, proof, root);
        // The recursion is slow: every size near a power of two, and every seventh of the others.
        if (size % 7 === 0 || Math.abs(size - 64) < 2 || size > 126)
          expect(hex(proof)).toEqual(hex(PATH(index, D.slice(0, size))));
      }
    }
  });

  it("is the RFC's PATH in trees of up to 2,000 entries", () => {
    const place = fc
      .integer({ min: 1, max: 2000 })
      .chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 })));
    fc.assert(
      fc.property(place, ([size, index]) => {
        const proof = inclusionProof(leaves.slice(0, size * 32), index);
        expect(hex(proof)).toEqual(hex(PATH(index, D.slice(0, size))));
        verifyInclusion(leaf(index), index, size, proof, MTH(D.slice(0, size)));
      }),
      { numRuns: 60 },
    );
  });

  it("does not change the leaves, be they a Buffer", () => {
    const buffer = Buffer.from(leaves.subarray(0, 11 * 32));
    expect(hex(inclusionProof(buffer, 4))).toEqual(hex(PATH(4, D.slice(0, 11))));
    expect(buffer.equals(leaves.subarray(0, 11 * 32))).toBe(true);
  });

  it.each([-1, 5, 6, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("refuses index %d of 5", (index) => {
    expect(refusal(() => inclusionProof(leaves.slice(0, 5 * 32), index))).toBe("input.invalid");
  });

  it("refuses any index of the empty tree", () => {
    expect(refusal(() => inclusionProof(new Uint8Array(0), 0))).toBe("input.invalid");
  });
});

describe("verifyInclusion", () => {
  const places = [1, 2, 3, 5, 8, 13, 64, 65, 127].flatMap((size) =>
    [0, 1, 2, size >> 1, size - 2, size - 1].map((index) => ({ index, size })),
  );

  it.each(places.filter(({ index, size }) => index >= 0 && index < size))(
    "refuses every mutation of entry $index of $size",
    ({ index, size }) => {
      const root = MTH(D.slice(0, size));
      const proof = PATH(index, D.slice(0, size));
      verifyInclusion(leaf(index), index, size, proof, root);
      for (const [what, mutated] of mutatedHashes(proof)) {
        expect([what, refusal(() => verifyInclusion(leaf(index), index, size, mutated, root))]).toEqual([
          what,
          "proof.inclusion",
        ]);
      }
      for (let bit = 0; bit < 256; bit += 15) {
        expect(refusal(() => verifyInclusion(flipBit(leaf(index), bit), index, size, proof, root))).toBe("proof.inclusion");
        expect(refusal(() => verifyInclusion(leaf(index), index, size, proof, flipBit(root, bit)))).toBe("proof.inclusion");
      }
      for (const other of [
        index - 1,
        index + 1,
        index + 0.5,
        -index - 1,
        size,
        size + 1,
        index + size,
        LARGEST,
        2 ** 53,
        Number.NaN,
      ]) {
        expect([other, refusal(() => verifyInclusion(leaf(index), other, size, proof, root))]).toEqual([
          other,
          "proof.inclusion",
        ]);
      }
      for (const other of [0, index, -size, size + 0.5, 2 ** 53, 2 ** 64, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect([other, refusal(() => verifyInclusion(leaf(index), index, other, proof, root))]).toEqual([
          other,
          "proof.inclusion",
        ]);
      }
      for (const wrong of [new Uint8Array(0), root.slice(0, 31), Uint8Array.of(...root, 0)]) {
        expect(refusal(() => verifyInclusion(leaf(index), index, size, proof, wrong))).toBe("proof.inclusion");
        expect(refusal(() => verifyInclusion(wrong, index, size, proof, root))).toBe("proof.inclusion");
      }
    },
  );

  it("takes a path only for the shapes of tree in which it is that path", () => {
    // The sizes differ in shape (PATH's lengths and sides) or the proof could be passed off for another size: RFC 9162 binds
    // the size to a root by the signed tree head only.
    const path = PATH(2, D.slice(0, 5));
    const root = MTH(D.slice(0, 5));
    const accepted = Array.from({ length: 40 }, (_, size) => size).filter((size) => {
      try {
        verifyInclusion(leaf(2), 2, size, path, root);
        return true;
      } catch {
        return false;
      }
    });
    expect(accepted).toEqual([5, 6, 7, 8]);
  });

  it("proves an entry of a tree with one entry by nothing", () => {
    verifyInclusion(leaf(0), 0, 1, [], leaf(0));
    expect(refusal(() => verifyInclusion(leaf(0), 0, 1, [], leaf(1)))).toBe("proof.inclusion");
  });

  it("takes no node for a leaf", () => {
    const node = MTH(D.slice(0, 2));
    const root = MTH(D.slice(0, 4));
    const sibling = MTH(D.slice(2, 4));
    expect(refusal(() => verifyInclusion(node, 0, 4, [sibling], root))).toBe("proof.inclusion");
    // Claimed for a tree of two it folds to the root: only the leaf prefix of what is hashed tells them apart.
    expect(toHex(leafHash(Uint8Array.of(...leaf(0), ...leaf(1))))).not.toBe(toHex(node));
  });

  it("follows indexes and sizes up to 2^53 - 1 without rounding", () => {
    // A tree whose every subtree but the path's is one made-up hash: the fold below is on exact integers.
    const fold = (index: bigint, size: bigint, path: readonly Uint8Array[]): string => {
      const walk = (at: bigint, n: bigint, left: number): Uint8Array => {
        if (n === 1n) return leaf(0);
        let k = 1n;
        while (k * 2n < n) k *= 2n;
        const sibling = path[left - 1] ?? new Uint8Array(32);
        return at < k ? node(walk(at, k, left - 1), sibling) : node(sibling, walk(at - k, n - k, left - 1));
      };
      return toHex(walk(index, size, path.length));
    };
    const node = (left: Uint8Array, right: Uint8Array): Uint8Array => rootFromInclusionProof(left, 0, 2, [right]);
    const depth = (index: bigint, size: bigint): number => {
      let [at, n, count] = [index, size, 0];
      for (; n > 1n; count++) {
        let k = 1n;
        while (k * 2n < n) k *= 2n;
        [at, n] = at < k ? [at, k] : [at - k, n - k];
      }
      return count;
    };
    const place = fc
      .integer({ min: 2 ** 40, max: LARGEST })
      .chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 })));
    fc.assert(
      fc.property(place, ([size, index]) => {
        const length = depth(BigInt(index), BigInt(size));
        const path = Array.from({ length }, (_, i) => leaf(i + 1));
        expect(toHex(rootFromInclusionProof(leaf(0), index, size, path))).toBe(fold(BigInt(index), BigInt(size), path));
        expect(refusal(() => rootFromInclusionProof(leaf(0), index, size, path.slice(1)))).toBe("proof.inclusion");
        expect(refusal(() => rootFromInclusionProof(leaf(0), index, size, [...path, leaf(99)]))).toBe("proof.inclusion");
      }),
      {
        numRuns: 100,
        examples: [
          [[LARGEST, LARGEST - 1]],
          [[LARGEST, 0]],
          [[2 ** 52 + 1, 2 ** 52]],
          [[2 ** 52, 2 ** 52 - 1]],
          [[2 ** 52, 2 ** 31]],
        ],
      },
    );
  });
});

describe("the vectors of transparency-dev/merkle", () => {
  it.skipIf(!haveVectors)("are all there", () => {
    expect(inclusionVectors).toHaveLength(98);
    expect(inclusionVectors.filter(({ wantErr }) => wantErr !== true).length).toBeGreaterThan(3);
  });

  for (const { name, leafHash: hashOfLeaf, leafIdx, treeSize, proof, root: expected, wantErr } of inclusionVectors) {
    it(name, () => {
      const verify = (): void =>
        verifyInclusion(hashOfLeaf ?? new Uint8Array(0), leafIdx, treeSize, proof, expected ?? new Uint8Array(0));
      if (wantErr === true) expect(refusal(verify)).toBe("proof.inclusion");
      else verify();
    });
  }
});
