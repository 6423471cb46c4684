import { createHash } from "node:crypto";
import { ed25519, ED25519_TORSION_SUBGROUP } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, fromHex, toHex, utf8 } from "../../../src/core/bytes.ts";
import * as noble from "../../../src/core/ed25519/noble.ts";
import * as node from "../../../src/core/ed25519/node.ts";
import { flipBit } from "../mutations.ts";

// RFC 8032 section 7.1: TEST 1, TEST 2, TEST 3 and TEST SHA(abc).
const RFC8032 = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
  {
    seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    publicKey: "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    message: createHash("sha512").update("abc").digest("hex"),
    signature:
      "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  },
];

const both = [
  ["node", node],
  ["noble", noble],
] as const;
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
const messages = fc.uint8Array({ maxLength: 300 });

const Point = ed25519.Point;
const ORDER = Point.Fn.ORDER;
const littleEndian = (n: bigint): Uint8Array => new Uint8Array(Buffer.from(n.toString(16).padStart(64, "0"), "hex").reverse());
const fromLittleEndian = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
/** Section 5.1.7's k: SHA-512(R || A || M), reduced. */
const challenge = (R: Uint8Array, A: Uint8Array, M: Uint8Array): bigint =>
  fromLittleEndian(new Uint8Array(createHash("sha512").update(R).update(A).update(M).digest())) % ORDER;

describe.each(both)("Ed25519 of %s", (_name, { publicKeyOf, sign, verify }) => {
  it.each(RFC8032)("gives RFC 8032's answers: $publicKey", (vector) => {
    const [seed, publicKey, message, signature] = [vector.seed, vector.publicKey, vector.message, vector.signature].map((hex) =>
      fromHex(hex, "vector"),
    );
    if (seed === undefined || publicKey === undefined || message === undefined || signature === undefined)
      throw new Error("a vector lacks a part");
    expect(toHex(publicKeyOf(seed))).toBe(vector.publicKey);
    expect(toHex(sign(message, seed))).toBe(vector.signature);
    expect(verify(signature, message, publicKey)).toBe(true);
    for (let bit = 0; bit < 512; bit++) expect(verify(flipBit(signature, bit), message, publicKey)).toBe(false);
    for (let bit = 0; bit < 256; bit++) expect(verify(signature, message, flipBit(publicKey, bit))).toBe(false);
    expect(verify(signature, concatBytes(message, Uint8Array.of(0)), publicKey)).toBe(false);
  });

  it("refuses keys and signatures of a wrong length without an error", () => {
    const seed = new Uint8Array(32).fill(7);
    const message = utf8("message");
    const [publicKey, signature] = [publicKeyOf(seed), sign(message, seed)];
    for (const length of [0, 1, 31, 33, 63, 64, 65, 128]) {
      if (length !== 64) expect(verify(concatBytes(signature, signature).slice(0, length), message, publicKey)).toBe(false);
      expect(verify(signature, message, concatBytes(publicKey, publicKey, publicKey, publicKey).slice(0, length))).toBe(false);
    }
    expect(verify(concatBytes(signature, Uint8Array.of(0)), message, publicKey)).toBe(false);
  });

  it.each([0, 31, 33, 64])("makes no key of a seed of %i bytes", (length) => {
    expect(() => sign(utf8("message"), new Uint8Array(length))).toThrow();
    expect(() => publicKeyOf(new Uint8Array(length))).toThrow();
  });

  it("refuses the same signature with S + L: one signature, one spelling", () => {
    const seed = new Uint8Array(32).fill(7);
    const message = utf8("message");
    const signature = sign(message, seed);
    const S = fromLittleEndian(signature.slice(32));
    expect(verify(concatBytes(signature.slice(0, 32), littleEndian(S)), message, publicKeyOf(seed))).toBe(true);
    for (const times of [1n, 2n, 7n]) {
      const other = concatBytes(signature.slice(0, 32), littleEndian(S + times * ORDER));
      expect(verify(other, message, publicKeyOf(seed))).toBe(false);
    }
  });

  it("refuses keys of small order, under which anyone could sign anything", () => {
    const S = 5n;
    const signature = concatBytes(Point.BASE.multiply(S).toBytes(), littleEndian(S));
    for (const key of new Set(ED25519_TORSION_SUBGROUP)) {
      for (let i = 0; i < 32; i++) expect(verify(signature, utf8(`message ${i}`), fromHex(key, "key"))).toBe(false);
    }
  });

  it("refuses keys that are no point, or a point in another spelling", () => {
    const p = 2n ** 255n - 19n;
    const S = 5n;
    const signature = concatBytes(Point.BASE.multiply(S).toBytes(), littleEndian(S));
    for (const y of [2n, 7n, p, p + 1n, p + 3n, p + 18n, 1n + 2n ** 255n, 2n ** 256n - 1n]) {
      for (let i = 0; i < 8; i++) expect(verify(signature, utf8(`message ${i}`), littleEndian(y))).toBe(false);
    }
  });
});

describe("both implementations", () => {
  it("make the same keys and signatures, and accept each other's", () => {
    fc.assert(
      fc.property(seeds, messages, (seed, message) => {
        const publicKey = node.publicKeyOf(seed);
        expect(toHex(noble.publicKeyOf(seed))).toBe(toHex(publicKey));
        const signature = node.sign(message, seed);
        expect(toHex(noble.sign(message, seed))).toBe(toHex(signature));
        expect(noble.verify(signature, message, publicKey)).toBe(true);
        expect(node.verify(signature, message, publicKey)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("judge any bytes alike", () => {
    const signatures = fc.uint8Array({ minLength: 62, maxLength: 66 });
    const keys = fc.uint8Array({ minLength: 31, maxLength: 33 });
    fc.assert(
      fc.property(signatures, messages, keys, (signature, message, key) => {
        expect(noble.verify(signature, message, key)).toBe(node.verify(signature, message, key));
      }),
      { numRuns: 200 },
    );
  });

  // Whoever holds a signing key can make these; if two verifiers judge them differently, the same archive is sound in Node and
  // forged in a browser, or the other way round (Chalkias et al., "Taming the many EdDSAs").
  it.each([
    ["key", 1n],
    ["signature", 0n],
  ])("judge alike what holds a point of small order in its %s", (_where, inKey) => {
    const torsion = Point.fromHex(ED25519_TORSION_SUBGROUP[1] ?? "");
    const [a, r] = [123_456_789n, 987_654_321n];
    const A = Point.BASE.multiply(a)
      .add(inKey === 1n ? torsion : Point.ZERO)
      .toBytes();
    const R = Point.BASE.multiply(r)
      .add(inKey === 1n ? Point.ZERO : torsion)
      .toBytes();
    const judged = Array.from({ length: 32 }, (_, i) => {
      const message = utf8(`message ${i}`);
      const signature = concatBytes(R, littleEndian((r + challenge(R, A, message) * a) % ORDER));
      return [node.verify(signature, message, A), noble.verify(signature, message, A)] as const;
    });
    const asNodeDid = judged.map(([byNode]) => byNode);
    expect(judged.map(([, byNoble]) => byNoble)).toEqual(asNodeDid);
  });
});
