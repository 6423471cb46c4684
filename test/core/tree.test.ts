import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../../src/core/bytes.ts";
import { leafCount, merkleRoot, splitPoint } from "../../src/core/tree.ts";
import { entries, MTH, packedLeaves } from "./reference-tree.ts";

// The eight entries and the roots of Certificate Transparency's own tests.
const CT_ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const CT_ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

describe("merkleRoot", () => {
  it.each(CT_ROOTS.map((root, size) => ({ size, root })))("is the known root of $size entries", ({ size, root }) => {
    const D = CT_ENTRIES.slice(0, size).map((hex) => fromHex(hex, "entry"));
    expect(toHex(MTH(D))).toBe(root);
    expect(toHex(merkleRoot(packedLeaves(D)))).toBe(root);
  });

  it("is the RFC's recursion for every size up to 300", () => {
    const D = entries(300);
    for (let size = 0; size <= D.length; size++)
      expect(toHex(merkleRoot(packedLeaves(D.slice(0, size))))).toBe(toHex(MTH(D.slice(0, size))));
  });

  it("is the RFC's recursion for any entries, up to 2,000 of them", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 2000, size: "max" }), (D) => {
        expect(toHex(merkleRoot(packedLeaves(D)))).toBe(toHex(MTH(D)));
      }),
      { numRuns: 40 },
    );
  });

  it("leaves its input as it was", () => {
    const packed = packedLeaves(entries(7));
    const before = toHex(packed);
    merkleRoot(packed);
    expect(toHex(packed)).toBe(before);
  });

  it("leaves a Buffer as it was: what is read from files and sockets is one", () => {
    const packed = Buffer.from(packedLeaves(entries(7)));
    const before = packed.toString("hex");
    const root = toHex(merkleRoot(packed));
    expect(packed.toString("hex")).toBe(before);
    expect(root).toBe(toHex(MTH(entries(7))));
  });

  it("does not share memory with its input", () => {
    for (const packed of [packedLeaves(entries(1)), Buffer.from(packedLeaves(entries(1)))]) {
      const root = merkleRoot(packed);
      packed.fill(0);
      expect(toHex(root)).toBe(CT_ROOTS[1]);
    }
  });

  it.each([1, 31, 33, 63])("refuses %i bytes, which end inside a hash", (length) => {
    expect(() => merkleRoot(new Uint8Array(length))).toThrow(RangeError);
    expect(() => leafCount(new Uint8Array(length))).toThrow(RangeError);
  });
});

describe("splitPoint", () => {
  it.each([
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 4],
    [8, 4],
    [9, 8],
    [2 ** 32, 2 ** 31],
    [2 ** 32 + 1, 2 ** 32],
    [2 ** 52, 2 ** 51],
    [2 ** 52 + 1, 2 ** 52],
    [2 ** 53 - 1, 2 ** 52],
  ])("of %i is %i", (n, k) => {
    expect(splitPoint(n)).toBe(k);
  });

  it("is a power of two with k < n <= 2k", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: Number.MAX_SAFE_INTEGER }), (n) => {
        const k = splitPoint(n);
        expect(k < n && n <= 2 * k).toBe(true);
        expect(BigInt(k) & (BigInt(k) - 1n)).toBe(0n);
      }),
    );
  });
});
