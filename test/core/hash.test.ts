import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../../src/core/bytes.ts";
import { emptyRoot, leafHash, nodeHash } from "../../src/core/hash.ts";

describe("RFC 6962 section 2.1", () => {
  it("has SHA-256 of nothing as the root of no entries", () => {
    expect(toHex(emptyRoot())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  // The known answers of Certificate Transparency's own tests.
  it.each([
    ["", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
    ["L123456", "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"],
  ])("hashes the leaf %j", (entry, expected) => {
    expect(toHex(leafHash(utf8(entry)))).toBe(expected);
  });

  it("hashes a node over what stands on its left and on its right", () => {
    const left = leafHash(new Uint8Array(0));
    const right = leafHash(Uint8Array.of(0));
    expect(toHex(nodeHash(left, right))).toBe("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    expect(toHex(nodeHash(right, left))).not.toBe("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
  });

  it("tells a leaf of 64 bytes from a node", () => {
    const pair = fromHex("ab".repeat(64), "pair");
    expect(leafHash(pair)).not.toEqual(nodeHash(pair.slice(0, 32), pair.slice(32)));
  });
});
