import { randomBytes } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex } from "../../src/core/bytes.ts";
import { zstdFrame } from "../../src/core/zstd-frame.ts";
import { refusal } from "./refusal.ts";

const contents = [0, 1, 5, 255, 256, 257, 65_535, 65_536, 65_791, 65_792, 131_072, 131_073, 400_000].flatMap((length) => [
  { length, kind: "one letter", bytes: Buffer.alloc(length, 0x61) },
  { length, kind: "noise", bytes: randomBytes(length) },
  { length, kind: "text", bytes: Buffer.from("an event of some sort\n".repeat(20_000).slice(0, length)) },
]);

describe("a zstd frame", () => {
  it.each(contents)("of $length bytes of $kind ends where the compressor ended it", ({ bytes }) => {
    for (const checksum of [0, 1]) {
      for (const level of [1, 3, 19]) {
        const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: checksum };
        const frame = zstdCompressSync(bytes, { params, pledgedSrcSize: bytes.length });
        const { length, contentSize, windowSize } = zstdFrame(frame);
        expect(length).toBe(frame.length);
        expect(contentSize).toBe(bytes.length);
        expect(windowSize).toBeGreaterThanOrEqual(Math.min(bytes.length, 1024));
        // What follows is another frame's, or junk: it is not counted, and not looked at.
        expect(zstdFrame(Buffer.concat([frame, frame])).length).toBe(frame.length);
        expect(zstdFrame(Buffer.concat([frame, Buffer.from("junk")])).length).toBe(frame.length);
      }
    }
  });

  it("may not say how much it holds", () => {
    const frame = zstdCompressSync(Buffer.alloc(100_000, 0x61), { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
    expect(zstdFrame(frame)).toMatchObject({ length: frame.length, contentSize: null });
  });

  it("is refused when it is cut off, wherever", () => {
    for (const checksum of [0, 1]) {
      const frame = zstdCompressSync(randomBytes(3000), { params: { [constants.ZSTD_c_checksumFlag]: checksum } });
      for (let length = 0; length < frame.length; length += length < 40 || length > frame.length - 40 ? 1 : 37) {
        expect([length, refusal(() => zstdFrame(frame.subarray(0, length)))]).toEqual([length, "format.segment"]);
      }
    }
  });

  it.each([
    ["nothing", ""],
    ["gzip", "1f8b0800000000000003"],
    ["JSON", Buffer.from('{"a":1}\n').toString("hex")],
    ["a skippable frame", "502a4d1804000000aabbccdd"],
    ["the magic number backwards", "fd2fb528"],
    ["the magic number alone", "28b52ffd"],
    ["a frame with a dictionary", "28b52ffd2101000901000061"],
    ["a block of reserved type", "28b52ffd2001070000"],
  ])("is not %s", (_what, hex) => {
    expect(refusal(() => zstdFrame(fromHex(hex, "frame")))).toBe("format.segment");
  });

  it("is read at any place in memory", () => {
    const frame = zstdCompressSync(Buffer.from("an event\n".repeat(100)));
    const memory = Buffer.concat([Buffer.from("before"), frame, Buffer.from("after")]);
    expect(zstdFrame(memory.subarray(6)).length).toBe(frame.length);
    expect(refusal(() => zstdFrame(memory.subarray(6, 6 + frame.length - 1)))).toBe("format.segment");
  });

  it("never makes the walk fail in another way, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => {
        try {
          const { length } = zstdFrame(Buffer.concat([fromHex("28b52ffd", "magic"), tail]));
          expect(length).toBeLessThanOrEqual(4 + tail.length);
        } catch (error) {
          expect(error).toMatchObject({ code: "format.segment" });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
