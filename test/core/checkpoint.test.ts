import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromUtf8, toHex, utf8 } from "../../src/core/bytes.ts";
import {
  encodeCheckpoint,
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from "../../src/core/checkpoint.ts";
import { isSteleError } from "../../src/core/error.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { formatNote, signNote } from "../../src/core/note.ts";
import { refusal } from "./refusal.ts";

const ORIGIN = "audit.example.org/prod";
const ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
const BODY = `${ORIGIN}\n43\n${ROOT}\n`;
const signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(5));
const witness = signerFromSeed("witness.example.net", new Uint8Array(32).fill(6));

/** The bytes of a note that says `body`, signed well. */
const signed = async (body: string, ...signers: (typeof signer)[]): Promise<Uint8Array> =>
  formatNote(await signNote(body, [signer, ...signers]));

describe("a checkpoint", () => {
  it("is three lines", () => {
    const root = new Uint8Array(Buffer.from(ROOT, "base64"));
    expect(formatCheckpoint({ origin: ORIGIN, size: 43, root })).toBe(BODY);
    expect(formatCheckpoint({ origin: ORIGIN, size: 0, root })).toBe(`${ORIGIN}\n0\n${ROOT}\n`);
    expect(formatCheckpoint({ origin: ORIGIN, size: Number.MAX_SAFE_INTEGER, root })).toBe(
      `${ORIGIN}\n9007199254740991\n${ROOT}\n`,
    );
  });

  it("comes back from its bytes, for any size and root", async () => {
    const sizes = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER));
    await fc.assert(
      fc.asyncProperty(sizes, fc.uint8Array({ minLength: 32, maxLength: 32 }), async (size, root) => {
        const bytes = encodeCheckpoint(await signCheckpoint({ origin: ORIGIN, size, root }, [signer]));
        expect(fromUtf8(bytes)).toMatch(
          /^audit\.example\.org\/prod\n\d+\n[A-Za-z0-9+/]{43}=\n\n— audit\.example\.org\/prod [A-Za-z0-9+/]{91}=\n$/,
        );
        const { checkpoint, signedBy } = openCheckpoint(bytes, ORIGIN, [signer.key]);
        expect([checkpoint.origin, checkpoint.size, toHex(checkpoint.root)]).toEqual([ORIGIN, size, toHex(root)]);
        expect(signedBy).toEqual([signer.key]);
        expect(Buffer.from(encodeCheckpoint(checkpoint)).equals(bytes)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ["no root", `${ORIGIN}\n43\n`],
    ["the origin alone", `${ORIGIN}\n`],
    ["nothing", "\n"],
    ["an empty origin", `\n43\n${ROOT}\n`],
    ["a leading zero", `${ORIGIN}\n043\n${ROOT}\n`],
    ["two zeros", `${ORIGIN}\n00\n${ROOT}\n`],
    ["a negative size", `${ORIGIN}\n-43\n${ROOT}\n`],
    ["minus zero", `${ORIGIN}\n-0\n${ROOT}\n`],
    ["a plus sign", `${ORIGIN}\n+43\n${ROOT}\n`],
    ["a hexadecimal size", `${ORIGIN}\n0x2b\n${ROOT}\n`],
    ["an exponent", `${ORIGIN}\n4e1\n${ROOT}\n`],
    ["a fraction", `${ORIGIN}\n43.0\n${ROOT}\n`],
    ["an empty size", `${ORIGIN}\n\n${ROOT}\n`],
    ["a size with a space before", `${ORIGIN}\n 43\n${ROOT}\n`],
    ["a size with a space after", `${ORIGIN}\n43 \n${ROOT}\n`],
    ["Arabic digits", `${ORIGIN}\n٤٣\n${ROOT}\n`],
    ["digits of full width", `${ORIGIN}\n４３\n${ROOT}\n`],
    ["size 2^53", `${ORIGIN}\n9007199254740992\n${ROOT}\n`],
    ["size 2^53 + 1", `${ORIGIN}\n9007199254740993\n${ROOT}\n`],
    ["size 2^63", `${ORIGIN}\n9223372036854775808\n${ROOT}\n`],
    ["size 2^64", `${ORIGIN}\n18446744073709551616\n${ROOT}\n`],
    ["a size of 400 digits", `${ORIGIN}\n${"9".repeat(400)}\n${ROOT}\n`],
    ["an infinite size", `${ORIGIN}\nInfinity\n${ROOT}\n`],
    ["an empty root", `${ORIGIN}\n43\n\n`],
    ["a root without padding", `${ORIGIN}\n43\n${ROOT.slice(0, -1)}\n`],
    ["a root with other trailing bits", `${ORIGIN}\n43\n${ROOT.replace("q2I=", "q2J=")}\n`],
    ["a root with a space after", `${ORIGIN}\n43\n${ROOT} \n`],
    ["a root of 31 bytes", `${ORIGIN}\n43\n${Buffer.alloc(31).toString("base64")}\n`],
    ["a root of 33 bytes", `${ORIGIN}\n43\n${Buffer.alloc(33).toString("base64")}\n`],
    ["a root of 64 bytes", `${ORIGIN}\n43\n${Buffer.alloc(64).toString("base64")}\n`],
    ["a root in hexadecimal", `${ORIGIN}\n43\n${"0a".repeat(32)}\n`],
    ["size and root swapped", `${ORIGIN}\n${ROOT}\n43\n`],
    ["an empty extension line", `${BODY}\n`],
    ["an empty line before an extension line", `${BODY}\nextension\n`],
    ["an empty line after an extension line", `${BODY}extension\n\n`],
  ])("refuses %s, however well it is signed", async (_what, body) => {
    const bytes = await signed(body);
    expect(refusal(() => parseCheckpoint(bytes))).toBe("format.checkpoint");
    expect(refusal(() => openCheckpoint(bytes, ORIGIN, [signer.key]))).toBe("format.checkpoint");
  });

  it("is never an unsigned or malformed note", () => {
    for (const text of ["", BODY, `${BODY}\n`, BODY.replaceAll("\n", "\r\n")])
      expect(refusal(() => parseCheckpoint(utf8(text)))).toBe("format.note");
  });

  it("may have extension lines, which mean nothing and are signed", async () => {
    const bytes = await signed(`${BODY}extension one\n— two\n`);
    const { checkpoint } = openCheckpoint(bytes, ORIGIN, [signer.key]);
    expect([checkpoint.origin, checkpoint.size]).toEqual([ORIGIN, 43]);
    expect(Buffer.from(encodeCheckpoint(checkpoint)).equals(bytes)).toBe(true);
    const without = utf8(fromUtf8(bytes).replace("extension one\n", ""));
    expect(refusal(() => openCheckpoint(without, ORIGIN, [signer.key]))).toBe("proof.signature");
  });
});

describe("openCheckpoint", () => {
  it("refuses the checkpoint of another log, though its key signed it", async () => {
    for (const origin of [
      "audit.example.org/test",
      "audit.example.org/prod/",
      "audit.example.org",
      "AUDIT.example.org/prod",
      ` ${ORIGIN}`,
      `${ORIGIN} `,
    ]) {
      const bytes = await signed(BODY.replace(ORIGIN, origin));
      expect([origin, refusal(() => openCheckpoint(bytes, ORIGIN, [signer.key]))]).toEqual([origin, "format.checkpoint"]);
    }
  });

  it("takes a witness beside the log, and none in its place", async () => {
    const both = await signed(BODY, witness);
    expect(openCheckpoint(both, ORIGIN, [signer.key]).signedBy).toEqual([signer.key]);
    expect(openCheckpoint(both, ORIGIN, [signer.key, witness.key]).signedBy).toHaveLength(2);
    const witnessed = formatNote(await signNote(BODY, [witness]));
    expect(refusal(() => openCheckpoint(witnessed, ORIGIN, [signer.key]))).toBe("proof.signature");
  });

  it("refuses every change of the signed text", async () => {
    const text = fromUtf8(await signed(BODY));
    for (const [from, to] of [
      ["\n43\n", "\n42\n"],
      ["\n43\n", "\n4\n"],
      [ROOT, ROOT.replace("C", "D")],
    ] as const) {
      expect(refusal(() => openCheckpoint(utf8(text.replace(from, to)), ORIGIN, [signer.key]))).toBe("proof.signature");
    }
  });

  it("refuses a cosignature's key in place of the log's: its id differs though its name and bytes do not", async () => {
    const { id } = signer.key;
    const text = fromUtf8(await signed(BODY));
    const note = parseCheckpoint(utf8(text)).note;
    const cosigned = {
      ...note,
      signatures: note.signatures.map((signature) => ({ ...signature, id: id.map((byte) => byte ^ 1) })),
    };
    expect(refusal(() => openCheckpoint(formatNote(cosigned), ORIGIN, [signer.key]))).toBe("proof.signature");
  });
});

describe("what was signed and what is read", () => {
  const root = new Uint8Array(Buffer.from(ROOT, "base64"));
  // What the reader of a signed checkpoint sees; null where signing or reading was refused.
  const reread = async (origin: string): Promise<string | null> => {
    try {
      return parseCheckpoint(encodeCheckpoint(await signCheckpoint({ origin, size: 43, root }, [signer]))).origin;
    } catch (error) {
      if (isSteleError(error)) return null;
      throw error;
    }
  };

  it("have the same origin, where it is one", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1 }), async (origin) => {
        fc.pre(!/\p{Cc}/u.test(origin));
        expect(await reread(origin)).toBe(origin);
      }),
    );
  });

  it.each(["", "\n", "a\n", "\na", `a\n7\n${ROOT}`, `a\n7\n${ROOT}\nextension`, "a\r"])(
    "never differ: with the origin %j a key would sign another log's checkpoint, or one that nobody reads",
    async (origin) => {
      expect(await reread(origin)).toBe(null);
    },
  );
});
