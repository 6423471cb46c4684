import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clip, concatBytes, equalBytes, fromBase64, fromHex, fromUtf8, toBase64, toHex, utf8 } from "../../src/core/bytes.ts";
import { refusal } from "./refusal.ts";

const bytes = fc.uint8Array({ maxLength: 100 });

describe("base64", () => {
  // RFC 4648 section 10.
  it.each([
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
    ["fooba", "Zm9vYmE="],
    ["foobar", "Zm9vYmFy"],
  ])("of %j is %j", (text, base64) => {
    expect(toBase64(utf8(text))).toBe(base64);
    expect(fromUtf8(fromBase64(base64, "test"))).toBe(text);
  });

  it("is Node's, and comes back", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(toBase64(value)).toBe(Buffer.from(value).toString("base64"));
        expect(Buffer.from(fromBase64(toBase64(value), "test")).equals(value)).toBe(true);
      }),
    );
  });

  it.each([
    ["no padding", "Zg"],
    ["half the padding", "Zg="],
    ["too much padding", "Zg==="],
    ["padding alone", "="],
    ["padding of nothing", "===="],
    ["padding inside", "Zg==Zg=="],
    ["trailing bits of one byte", "Zh=="],
    ["trailing bits of two bytes", "Zm9="],
    ["the URL alphabet", "__--"],
    ["a space", "Zm 9v"],
    ["a space before", " Zm9v"],
    ["a space after", "Zm9v "],
    ["a line feed", "Zm9v\n"],
    ["a line feed inside", "Zm9v\nZm9v"],
    ["a tab", "Zm9v\t"],
    ["a form feed", "Zm9v\f"],
    ["one letter", "Z"],
    ["five letters", "Zm9vZ"],
    ["a NUL", "Zm9v\0"],
    ["other letters", "Zm9é"],
    ["full width letters", "Ｚm9v"],
    ["a comma", "Zm9v,"],
  ])("refuses %s: %j", (_what, text) => {
    expect(refusal(() => fromBase64(text, "test"))).toBe("format.encoding");
  });

  it("reads nothing but what it writes", () => {
    const nearly = fc
      .tuple(bytes.map(toBase64), fc.nat(), fc.constantFrom(...Array.from("AQgwZz019+/=-_ \n\t")))
      .map(([text, at, letter]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + letter + text.slice(place + (at % 2));
      });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        try {
          expect(toBase64(fromBase64(text, "test"))).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "format.encoding" });
        }
      }),
    );
  });

  it("keeps to a length", () => {
    expect(fromBase64("Zm9v", "test", 3)).toHaveLength(3);
    for (const length of [0, 2, 4, 32]) expect(refusal(() => fromBase64("Zm9v", "test", length))).toBe("format.encoding");
  });
});

describe("hexadecimal", () => {
  it("is Node's, and comes back", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(toHex(value)).toBe(Buffer.from(value).toString("hex"));
        expect(equalBytes(fromHex(toHex(value), "test"), value)).toBe(true);
      }),
    );
  });

  it.each(["0", "000", "0g", "AB", "aB", "0x12", " 12", "12 ", "12\n", "1 2", "é0", "٠٠"])("refuses %j", (text) => {
    expect(refusal(() => fromHex(text, "test"))).toBe("format.encoding");
  });

  it("keeps to a length", () => {
    expect(fromHex("00ff", "test", 2)).toEqual(Uint8Array.of(0, 255));
    for (const length of [0, 1, 3]) expect(refusal(() => fromHex("00ff", "test", length))).toBe("format.encoding");
  });
});

describe("UTF-8", () => {
  it("is Node's, and comes back, with its byte order mark", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        fc.pre(text.isWellFormed());
        expect(Buffer.from(utf8(text)).equals(Buffer.from(text, "utf8"))).toBe(true);
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  });

  it.each(["\ud800", "a\udc00b", "\udc00\ud800"])("can't spell %j", (text) => {
    expect(refusal(() => utf8(text))).toBe("format.encoding");
  });

  it.each([
    ["a lone continuation", [0x80]],
    ["a cut sequence", [0xe2, 0x82]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["an overlong NUL", [0xc0, 0x80]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["five bytes", [0xf8, 0x88, 0x80, 0x80, 0x80]],
    ["0xFF", [0xff]],
  ])("is not %s", (_what, wrong) => {
    expect(refusal(() => fromUtf8(Uint8Array.from([0x61, ...wrong, 0x61])))).toBe("format.encoding");
    expect(refusal(() => fromUtf8(Uint8Array.from(wrong)))).toBe("format.encoding");
  });
});

describe("byte strings", () => {
  it("are equal when they have the same bytes", () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalBytes(a, Buffer.from(a))).toBe(true);
      }),
    );
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
    expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false);
  });

  it("are put together into memory of their own", () => {
    fc.assert(
      fc.property(fc.array(bytes), (parts) => {
        expect(Buffer.from(concatBytes(...parts)).equals(Buffer.concat(parts))).toBe(true);
      }),
    );
    const part = Uint8Array.of(1);
    const whole = concatBytes(part);
    part[0] = 2;
    expect(whole).toEqual(Uint8Array.of(1));
  });

  it("and texts are quoted in messages on one short line", () => {
    expect(clip('a"b\n')).toBe('"a\\"b\\n"');
    expect(clip("x".repeat(1000)).length).toBeLessThan(80);
  });
});
