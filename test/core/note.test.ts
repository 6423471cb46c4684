import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, fromUtf8, toBase64, utf8 } from "../../src/core/bytes.ts";
import { parseKeyFile, parseVerifierKey, renameVerifierKey, signerFromSeed } from "../../src/core/key.ts";
import { formatNote, formatSignatures, MAX_NOTE_BYTES, parseNote, signNote, verifyNote } from "../../src/core/note.ts";
import { flipBit } from "./mutations.ts";
import { refusal } from "./refusal.ts";

// The example of Go's sumdb/note.
const VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const BASE64 = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
const LINE = `— PeterNeumann ${BASE64}\n`;
const NOTE = `${TEXT}\n${LINE}`;

const known = parseVerifierKey(VKEY);
const other = signerFromSeed("other.example.org", new Uint8Array(32).fill(3));
const parse = (text: string): ReturnType<typeof parseNote> => parseNote(utf8(text));
/** A line of a key that nobody here knows. */
const stranger = (i: number): string =>
  `— stranger.example/${i} ${Buffer.from([0, 0, 1, i, ...new Uint8Array(64).fill(i)]).toString("base64")}\n`;
const rewrite = (change: (bytes: Uint8Array) => Uint8Array): string =>
  `— PeterNeumann ${toBase64(change(new Uint8Array(Buffer.from(BASE64, "base64"))))}\n`;

describe("the example of Go's sumdb/note", () => {
  it("is read, verified and written again to the byte", () => {
    const note = parse(NOTE);
    expect(note.text).toBe(TEXT);
    expect(note.signatures.map(({ name }) => name)).toEqual(["PeterNeumann"]);
    expect(verifyNote(note, [known])).toEqual([known]);
    expect(fromUtf8(formatNote(note))).toBe(NOTE);
    expect(formatSignatures(note.signatures)).toBe(LINE);
  });

  it("is what its key signs", async () => {
    expect(fromUtf8(formatNote(await signNote(TEXT, [parseKeyFile(SKEY)])))).toBe(NOTE);
  });

  it("does not verify with one bit changed, wherever", () => {
    const bytes = utf8(NOTE);
    for (let at = 0; at < bytes.length; at++) {
      const changed = flipBit(bytes, at * 8 + (at % 8));
      const code = refusal(() => verifyNote(parseNote(changed), [known]));
      expect(["format.note", "proof.signature"]).toContain(code);
    }
  });
});

describe("parseNote", () => {
  const [first = "", second = ""] = TEXT.split("\n");
  it.each([
    ["nothing", ""],
    ["a line feed", "\n"],
    ["two line feeds", "\n\n"],
    ["text alone", TEXT],
    ["text and a blank line", `${TEXT}\n`],
    ["a signature alone", LINE],
    ["no final line feed", NOTE.slice(0, -1)],
    ["no blank line", `${TEXT}${LINE}`],
    ["no blank line and no line feed", `${first}${LINE}`],
    ["a blank line after", `${NOTE}\n`],
    ["text after", `${NOTE}after\n`],
    ["a signature after a blank line without text signed", `${TEXT}\n\n${second}\n`],
    ["CR LF throughout", NOTE.replaceAll("\n", "\r\n")],
    ["a CR in the text", NOTE.replace("problem,", "problem,\r")],
    ["a CR after the signature", NOTE.replace(/\n$/, "\r\n")],
    ["a tab in the text", NOTE.replace("If you", "If\tyou")],
    ["a tab in a signature line", NOTE.replace("— ", "—\t")],
    ["a NUL in the text", NOTE.replace("If you", "If\0you")],
    ["a unit separator in the text", NOTE.replace("If you", "If\u001fyou")],
    ["a hyphen for the dash", NOTE.replace("—", "-")],
    ["an en dash", NOTE.replace("—", "–")],
    ["a horizontal bar", NOTE.replace("—", "―")],
    ["two hyphens", NOTE.replace("—", "--")],
    ["a dash without a space", NOTE.replace("— ", "—")],
    ["a no-break space after the dash", NOTE.replace("— ", "—\u00a0")],
    ["two spaces after the dash", NOTE.replace("— ", "—  ")],
    ["a space before the dash", NOTE.replace("— ", " — ")],
    ["two spaces before the base64", NOTE.replace(` ${BASE64}`, `  ${BASE64}`)],
    ["a space after the base64", NOTE.replace(/\n$/, " \n")],
    ["a word after the base64", NOTE.replace(/\n$/, " more\n")],
    ["no name", NOTE.replace("PeterNeumann ", "")],
    ["an empty name", NOTE.replace("PeterNeumann ", " ")],
    ["a name with a plus", NOTE.replace("PeterNeumann", "Peter+Neumann")],
    ["a name with a no-break space", NOTE.replace("PeterNeumann", "Peter\u00a0Neumann")],
    ["a name with an ideographic space", NOTE.replace("PeterNeumann", "Peter\u3000Neumann")],
    ["a name with a next line", NOTE.replace("PeterNeumann", "Peter\u0085Neumann")],
    ["a name with a line separator", NOTE.replace("PeterNeumann", "Peter\u2028Neumann")],
    ["no base64", NOTE.replace(` ${BASE64}`, "")],
    ["empty base64", NOTE.replace(BASE64, "")],
    ["base64 without padding", NOTE.replace(BASE64, BASE64.slice(0, -1))],
    ["base64 with too much padding", NOTE.replace(BASE64, `${BASE64}=`)],
    ["base64 with other trailing bits", NOTE.replace("JnAM=", "JnAN=")],
    ["base64 of the URL alphabet", NOTE.replace(BASE64, BASE64.replaceAll("/", "_"))],
    ["base64 with a letter too many", NOTE.replace(BASE64, `A${BASE64}`)],
    ["base64 of an id alone", NOTE.replace(BASE64, "x08gow==")],
    ["base64 of less than an id", NOTE.replace(BASE64, "x08g")],
    ["a malformed line after a good one", `${NOTE}— PeterNeumann\n`],
    ["a malformed line before a good one", `${TEXT}\n- x y\n${LINE}`],
  ])("refuses %s", (_what, text) => {
    expect(refusal(() => parse(text))).toBe("format.note");
  });

  it.each([
    ["0xFF", [0xff]],
    ["a cut sequence", [0xe2, 0x80]],
    ["an overlong form", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
  ])("refuses what is not UTF-8: %s", (_what, wrong) => {
    expect(refusal(() => parseNote(concatBytes(Uint8Array.from(wrong), utf8(NOTE))))).toBe("format.note");
    expect(refusal(() => parseNote(concatBytes(utf8(`${TEXT}\n— `), Uint8Array.from(wrong), utf8(` ${BASE64}\n`))))).toBe(
      "format.note",
    );
  });

  it("refuses what is too long before it looks at it", () => {
    const line = `${"x".repeat(99)}\n`;
    const longest = `${line.repeat(600)}${"y".repeat(MAX_NOTE_BYTES - 60_000 - utf8(`\n\n${LINE}`).length)}\n\n${LINE}`;
    expect(utf8(longest)).toHaveLength(MAX_NOTE_BYTES);
    expect(parse(longest).signatures).toHaveLength(1);
    expect(refusal(() => parse(`x${longest}`))).toBe("format.note");
    expect(refusal(() => parseNote(new Uint8Array(50_000_000)))).toBe("format.note");
  });

  it("splits at the last blank line", () => {
    const text = "a\n\nb\n\n— not a signature\n\n\n";
    expect(parse(`${text}\n${LINE}`).text).toBe(text);
    expect(parse(`\n\n${LINE}`).text).toBe("\n");
  });

  it("keeps text that is not ASCII, byte for byte", () => {
    const text = "\ufeffZürich ✓ \u2028 \u007f\n";
    expect(parse(`${text}\n${LINE}`).text).toBe(text);
  });

  it("accepts at least 16 signatures", () => {
    const lines = Array.from({ length: 40 }, (_, i) => stranger(i));
    for (const count of [15, 16, 17, 40]) {
      const note = parse(`${TEXT}\n${lines.slice(0, count - 1).join("")}${LINE}`);
      expect(note.signatures).toHaveLength(count);
      expect(verifyNote(note, [known])).toEqual([known]);
    }
  });

  it("accepts signatures of kinds that it does not know, of any length", () => {
    const short = `— short.example ${Buffer.from([1, 2, 3, 4, 5]).toString("base64")}\n`;
    const cosignature = `— witness.example ${Buffer.from(new Uint8Array(4 + 8 + 64).fill(9)).toString("base64")}\n`;
    const long = `— long.example ${Buffer.from(new Uint8Array(3000).fill(9)).toString("base64")}\n`;
    const note = parse(`${TEXT}\n${short}${cosignature}${LINE}${long}`);
    expect(note.signatures).toHaveLength(4);
    expect(verifyNote(note, [known])).toEqual([known]);
  });

  it("gives back what formatNote was given, and takes nothing that formatNote would not write", () => {
    const signatures = fc.array(
      fc.record({
        name: fc.constantFrom("a", "audit.example.org/prod", "zürich", "🔑"),
        id: fc.uint8Array({ minLength: 4, maxLength: 4 }),
        signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
      }),
      { minLength: 1, maxLength: 16 },
    );
    const texts = fc
      .array(fc.string({ unit: "grapheme" }).filter((line) => !/\p{Cc}/u.test(line)))
      .map((lines) => `${lines.join("\n")}\n`);
    fc.assert(
      fc.property(texts, signatures, (text, list) => {
        const bytes = formatNote({ text, signatures: list });
        const note = parseNote(bytes);
        expect(note.text).toBe(text);
        expect(formatSignatures(note.signatures)).toBe(formatSignatures(list));
        expect(Buffer.from(formatNote(note)).equals(bytes)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("\n", "\n\n", "— ", "- ", "a", " ", BASE64, LINE, TEXT, "\r", "+", "="), { maxLength: 8 }),
        (parts) => {
          const text = parts.join("");
          try {
            expect(fromUtf8(formatNote(parse(text)))).toBe(text);
          } catch (error) {
            expect(error).toMatchObject({ code: "format.note" });
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("verifyNote", () => {
  const bad = rewrite((bytes) => flipBit(bytes, 300));
  const signatureOf = (lines: string): ReturnType<typeof parseNote> => parse(`${TEXT}\n${lines}`);

  it("needs a signature of a known key", () => {
    expect(refusal(() => verifyNote(signatureOf(LINE), []))).toBe("proof.signature");
    expect(refusal(() => verifyNote(signatureOf(LINE), [other.key]))).toBe("proof.signature");
    expect(refusal(() => verifyNote(signatureOf(stranger(1)), [known, other.key]))).toBe("proof.signature");
  });

  it("ignores unknown keys, before and after", () => {
    expect(verifyNote(signatureOf(`${stranger(1)}${LINE}${stranger(2)}`), [known, other.key])).toEqual([known]);
  });

  it("ignores a known name with another key id, and a known id under another name", () => {
    const otherId = rewrite((bytes) => flipBit(bytes, 0));
    const otherName = LINE.replace("PeterNeumann", "PaulNeumann");
    expect(refusal(() => verifyNote(signatureOf(otherId + otherName), [known]))).toBe("proof.signature");
    expect(verifyNote(signatureOf(otherId + otherName + LINE), [known])).toEqual([known]);
    expect(refusal(() => verifyNote(signatureOf(LINE), [renameVerifierKey(known, "PaulNeumann")]))).toBe("proof.signature");
  });

  it("refuses the note when a known key's signature is wrong, whoever else signed it", async () => {
    const good = formatSignatures((await signNote(TEXT, [other])).signatures);
    for (const lines of [bad, good + bad, bad + good]) {
      expect(() => verifyNote(signatureOf(lines), [known, other.key])).toThrow(/PeterNeumann/);
      expect(refusal(() => verifyNote(signatureOf(lines), [other.key, known]))).toBe("proof.signature");
    }
    expect(verifyNote(signatureOf(good + bad), [other.key])).toEqual([other.key]);
  });

  it("refuses a known key's signature of a wrong length", () => {
    for (const line of [
      rewrite((bytes) => bytes.slice(0, -1)),
      rewrite((bytes) => Uint8Array.of(...bytes, 0)),
      rewrite((bytes) => bytes.slice(0, 5)),
    ]) {
      expect(refusal(() => verifyNote(signatureOf(line), [known]))).toBe("proof.signature");
    }
  });

  it("takes an empty line between signatures for the end of the text", () => {
    const note = parse(`${NOTE}\n${LINE}`);
    expect(note.text).toBe(NOTE);
    expect(note.signatures).toHaveLength(1);
    expect(refusal(() => verifyNote(note, [known]))).toBe("proof.signature");
  });

  it("counts a key once, however often its line stands there", () => {
    expect(verifyNote(signatureOf(LINE + LINE + LINE), [known])).toEqual([known]);
    expect(verifyNote(signatureOf(LINE), [known, known])).toEqual([known]);
    // As Go's note.Open: what follows a key's first signature is not looked at; a wrong first one refuses.
    expect(verifyNote(signatureOf(LINE + bad), [known])).toEqual([known]);
    expect(refusal(() => verifyNote(signatureOf(bad + LINE), [known]))).toBe("proof.signature");
  });

  it("names every key that signed", async () => {
    const note = await signNote(TEXT, [other, parseKeyFile(SKEY)]);
    expect(new Set(verifyNote(parseNote(formatNote(note)), [known, other.key]))).toEqual(new Set([known, other.key]));
  });

  it("covers the text with its final line feed, and not the blank line", async () => {
    const { signatures } = await signNote(TEXT, [other]);
    for (const text of [`${TEXT}\n`, TEXT.slice(0, -2) + "\n", `\n${TEXT}`, `${TEXT}x\n`]) {
      expect(refusal(() => verifyNote({ text, signatures }, [other.key]))).toBe("proof.signature");
    }
  });
});

describe("signNote", () => {
  it("refuses text without a final line feed", async () => {
    await expect(signNote("text", [other])).rejects.toMatchObject({ code: "format.note" });
    await expect(signNote("", [other])).rejects.toMatchObject({ code: "format.note" });
  });

  it("refuses what is not a signature from a signer", async () => {
    const broken = { ...other, sign: () => new Uint8Array(63) };
    await expect(signNote(TEXT, [broken])).rejects.toMatchObject({ code: "format.note" });
  });

  it("waits for a signer elsewhere, and keeps the order", async () => {
    const remote = { ...other, sign: async (message: Uint8Array) => other.sign(message) };
    const note = await signNote(TEXT, [remote, parseKeyFile(SKEY)]);
    expect(note.signatures.map(({ name }) => name)).toEqual(["other.example.org", "PeterNeumann"]);
    expect(verifyNote(note, [other.key, known])).toHaveLength(2);
  });
});
