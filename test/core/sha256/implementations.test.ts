import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../../../src/core/bytes.ts";
import * as noble from "../../../src/core/sha256/noble.ts";
import * as node from "../../../src/core/sha256/node.ts";

// FIPS 180-4's examples, and one of a million letters.
const KNOWN = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
] as const;

describe.each([
  ["node", node],
  ["noble", noble],
])("SHA-256 of %s", (_name, { sha256, Sha256, sha256Into }) => {
  it("gives the known answers", () => {
    for (const [text, expected] of KNOWN) {
      expect(toHex(sha256(utf8(text)))).toBe(expected);
      expect(toHex(new Sha256().update(utf8(text)).digest())).toBe(expected);
    }
  });

  it("may be asked in the middle, and goes on", () => {
    const hash = new Sha256();
    expect(toHex(hash.digest())).toBe(KNOWN[0][1]);
    expect(toHex(hash.update(utf8("a")).update(utf8("")).update(utf8("bc")).digest())).toBe(KNOWN[1][1]);
    expect(toHex(hash.digest())).toBe(KNOWN[1][1]);
    expect(toHex(hash.update(utf8("d")).digest())).toBe(toHex(sha256(utf8("abcd"))));
  });

  it("gives 32 bytes of their own, and leaves its input as it was", () => {
    const data = fromHex("00ff10", "data");
    const digest = sha256(data);
    const other = sha256(utf8("another"));
    expect(digest).toHaveLength(32);
    expect(toHex(data)).toBe("00ff10");
    const kept = toHex(other);
    digest.fill(0);
    expect(toHex(other)).toBe(kept);
    expect(toHex(sha256(data))).not.toBe(toHex(digest));
  });

  it("writes to its place, and nowhere else, also where the data came from", () => {
    for (const make of [(length: number) => new Uint8Array(length), (length: number) => Buffer.alloc(length)]) {
      for (const offset of [0, 1, 32, 68]) {
        const out = make(100).fill(7);
        sha256Into(utf8("abc"), out, offset);
        expect(toHex(out)).toBe("07".repeat(offset) + KNOWN[1][1] + "07".repeat(68 - offset));
      }
      const itself = make(64).fill(9);
      const expected = toHex(sha256(itself));
      sha256Into(itself, itself, 0);
      expect(toHex(itself)).toBe(expected + "09".repeat(32));
    }
    const memory = new Uint8Array(200);
    sha256Into(utf8("abc"), memory.subarray(50, 120), 10);
    expect(toHex(memory)).toBe("00".repeat(60) + KNOWN[1][1] + "00".repeat(108));
  });

  it("does not cut a hash to a place that is too small", () => {
    for (const [length, offset] of [
      [31, 0],
      [64, 33],
      [32, 32],
      [32, 1],
      [32, -1],
      [32, 100],
    ] as const) {
      expect(() => sha256Into(utf8("abc"), new Uint8Array(length), offset)).toThrow(RangeError);
    }
  });

  it("reads the part of memory that it was given, no more", () => {
    const memory = utf8("xxabcxx");
    expect(toHex(sha256(memory.subarray(2, 5)))).toBe(KNOWN[1][1]);
    expect(toHex(sha256(Buffer.from(memory).subarray(2, 5)))).toBe(KNOWN[1][1]);
  });
});

describe("both implementations", () => {
  it("are equal around every boundary of a block", () => {
    for (let length = 0; length <= 260; length++) {
      const data = Uint8Array.from({ length }, (_, i) => i * 7 + length);
      expect(toHex(noble.sha256(data))).toBe(toHex(node.sha256(data)));
    }
  });

  it("are equal written in place, whatever the bytes of the hash", () => {
    for (let i = 0; i < 3000; i++) {
      const data = Uint8Array.of(i, i >>> 8);
      const [a, b] = [new Uint8Array(40), new Uint8Array(40)];
      node.sha256Into(data, a, i % 9);
      noble.sha256Into(data, b, i % 9);
      if (!Buffer.from(a).equals(b)) expect(toHex(a)).toBe(toHex(b));
    }
  });

  it("are equal for any data in any pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (pieces) => {
        const a = new node.Sha256();
        const b = new noble.Sha256();
        for (const piece of pieces) {
          a.update(piece);
          b.update(piece);
        }
        const whole = toHex(node.sha256(Buffer.concat(pieces)));
        expect([toHex(a.digest()), toHex(b.digest()), toHex(noble.sha256(Buffer.concat(pieces)))]).toEqual([whole, whole, whole]);
      }),
    );
  });
});
