import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, toHex } from "../../../src/core/bytes.ts";
import { accelerate, hashChain, hashPairs } from "../../../src/core/sha256/batch.ts";
import { MAX_PAIRS } from "../../../src/core/sha256/lanes.ts";
import * as noble from "../../../src/core/sha256/noble.ts";

const WAYS = [
  ["in WebAssembly", accelerate(1 << 20)],
  ["without it", null],
] as const;

/** Packed hashes, none like another. */
function hashes(count: number, seed = 0): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(count * 32);
  for (let i = 0; i < count; i++) packed.set(noble.sha256(Uint8Array.of(i, i >>> 8, seed)), i * 32);
  return packed;
}

const one = (packed: Uint8Array, i: number): Uint8Array => packed.subarray(i * 32, (i + 1) * 32);

describe("the accelerator", () => {
  it("is there, so that what is tested here is not its absence, and not made for a few hashes", () => {
    expect(WAYS[0][1]).not.toBeNull();
    expect(accelerate(1)).toBeNull();
  });
});

describe.each(WAYS)("hashPairs %s", (_way, lanes) => {
  // 0x01 and 64 zeros, and 0x01 and 64 times 0xff, by `openssl dgst -sha256`.
  // 0x01 and 64 equal bytes, by `openssl dgst -sha256`.
  it.each([
    [0x00, "ae0798d0ecaed2b778eddebf18f071a561c53658c05e76cedecc27cafbdbc577"],
    [0xff, "1f94c635f1e71c09c04eddf83bf07f5b7f1ad772e98df90349f9054c403a0cfc"],
  ])("hashes nodes of bytes %i as OpenSSL does", (byte, expected) => {
    const level = new Uint8Array(9 * 64).fill(byte);
    hashPairs(level, 9, lanes);
    for (let i = 0; i < 9; i++) expect(toHex(one(level, i))).toBe(expected);
  });

  it("gives every pair's node hash, for any number of pairs", () => {
    const numbers = [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 100, MAX_PAIRS - 1, MAX_PAIRS, MAX_PAIRS + 1, 2 * MAX_PAIRS + 5];
    for (const pairs of numbers) {
      const level = hashes(2 * pairs + 1, pairs);
      const before = level.slice();
      hashPairs(level, pairs, lanes);
      for (let i = 0; i < pairs; i++) {
        const expected = noble.sha256(concatBytes(Uint8Array.of(1), before.subarray(i * 64, (i + 1) * 64)));
        expect(toHex(one(level, i)), `pair ${i} of ${pairs}`).toBe(toHex(expected));
      }
      // What lies behind the pairs belongs to the caller.
      expect(toHex(one(level, 2 * pairs))).toBe(toHex(one(before, 2 * pairs)));
    }
  });

  it("gives the same whatever the bytes, in part of a larger memory too", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4 * 64, maxLength: 40 * 64 }), fc.nat(70), (bytes, offset) => {
        const pairs = Math.floor(bytes.length / 64);
        const memory = new Uint8Array(offset + bytes.length + 9).fill(7);
        memory.set(bytes, offset);
        hashPairs(memory.subarray(offset, offset + bytes.length), pairs, lanes);
        for (let i = 0; i < pairs; i++) {
          const expected = createHash("sha256")
            .update(Uint8Array.of(1))
            .update(bytes.subarray(i * 64, i * 64 + 64))
            .digest("hex");
          expect(toHex(memory.subarray(offset + i * 32, offset + i * 32 + 32))).toBe(expected);
        }
        expect(memory.subarray(0, offset).every((byte) => byte === 7)).toBe(true);
        expect(memory.subarray(offset + bytes.length).every((byte) => byte === 7)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("refuses more pairs than there are", () => {
    for (const [length, pairs] of [
      [63, 1],
      [64 * 20 - 1, 20],
      [0, 1],
    ] as const) {
      expect(() => hashPairs(new Uint8Array(length), pairs, lanes)).toThrow(RangeError);
    }
  });
});

describe.each(WAYS)("hashChain %s", (_way, lanes) => {
  // By Python's hashlib, from 32 zeros over 32 times each byte from 0 to 19.
  it("gives the known value", () => {
    const links = concatBytes(...Array.from({ length: 20 }, (_, i) => new Uint8Array(32).fill(i)));
    const expected = "12159c2a5023e859c6f4259cf059f4bd15a0b64d41dff60139b59ef8ce16b290";
    expect(toHex(hashChain(new Uint8Array(32), links, lanes))).toBe(expected);
  });

  it("gives the value after every number of hashes", () => {
    const start = noble.sha256(Uint8Array.of(9));
    for (const count of [0, 1, 2, 3, 16, 17, 2 * MAX_PAIRS - 1, 2 * MAX_PAIRS, 2 * MAX_PAIRS + 1, 4 * MAX_PAIRS + 3]) {
      const links = hashes(count, 1);
      let expected = start;
      for (let i = 0; i < count; i++) expected = noble.sha256(concatBytes(expected, one(links, i)));
      expect(toHex(hashChain(start, links, lanes)), `${count} hashes`).toBe(toHex(expected));
    }
  });

  it("gives the same whatever the bytes, and leaves them as they were", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 640 }), (start, bytes) => {
        const links = bytes.subarray(0, bytes.length - (bytes.length % 32));
        const kept = [toHex(start), toHex(links)];
        let expected: Uint8Array = start;
        for (let i = 0; i < links.length; i += 32) {
          expected = createHash("sha256")
            .update(expected)
            .update(links.subarray(i, i + 32))
            .digest();
        }
        expect(toHex(hashChain(start, links, lanes))).toBe(toHex(expected));
        expect([toHex(start), toHex(links)]).toEqual(kept);
      }),
    );
  });

  it("refuses what is no hash", () => {
    expect(() => hashChain(new Uint8Array(31), hashes(20), lanes)).toThrow(RangeError);
    expect(() => hashChain(new Uint8Array(32), new Uint8Array(20 * 32 + 1), lanes)).toThrow(RangeError);
  });
});
