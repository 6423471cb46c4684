import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex, utf8 } from "../../src/core/bytes.ts";
import * as ed25519 from "../../src/core/ed25519/noble.ts";
import {
  formatKeyFile,
  isKeyName,
  parseKeyFile,
  parseVerifierKey,
  renameVerifierKey,
  signerFromSeed,
  verifierKey,
} from "../../src/core/key.ts";
import { refusal } from "./refusal.ts";

// The key pair of Go's sumdb/note examples, which is public on purpose.
const VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
// The key of the Go checksum database, in use since 2019: its base64 holds "+".
const SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

const keys = fc.uint8Array({ minLength: 32, maxLength: 32 });
const names = fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).filter(isKeyName);

/** Key id of C2SP signed-note: `SHA-256(name || 0x0A || type || public key)[:4]`. */
const keyId = (name: string, type: number, key: Uint8Array): string =>
  createHash("sha256").update(name).update(Uint8Array.of(0x0a, type)).update(key).digest("hex").slice(0, 8);

describe("a verifier key", () => {
  it.each([VKEY, SUMDB])("is read as Go reads it: %s", (vkey) => {
    const key = parseVerifierKey(vkey);
    expect(key.vkey).toBe(vkey);
    expect(key.name).toBe(vkey.split("+")[0]);
    expect(toHex(key.id)).toBe(vkey.split("+")[1]);
    expect(Buffer.from(vkey.split("+").slice(2).join("+"), "base64").subarray(1).equals(key.publicKey)).toBe(true);
  });

  it("has the id that its name and bytes make, and comes back from its text", () => {
    fc.assert(
      fc.property(names, keys, (name, publicKey) => {
        const key = verifierKey(name, publicKey);
        expect(toHex(key.id)).toBe(keyId(name, 1, publicKey));
        const again = parseVerifierKey(key.vkey);
        expect([again.name, toHex(again.id), toHex(again.publicKey), again.vkey]).toEqual([
          name,
          toHex(key.id),
          toHex(publicKey),
          key.vkey,
        ]);
      }),
    );
  });

  it("has another id under another name", () => {
    const key = renameVerifierKey(parseVerifierKey(VKEY), "audit.example.org");
    expect(toHex(key.id)).toBe(keyId("audit.example.org", 1, key.publicKey));
    expect(parseVerifierKey(key.vkey)).toEqual(key);
  });

  const [name = "", id = "", data = ""] = VKEY.split("+");
  const typed = Buffer.from(data, "base64");
  const withType = (type: number, bytes: Uint8Array): string =>
    `${name}+${keyId(name, type, bytes)}+${Buffer.from([type, ...bytes]).toString("base64")}`;
  it.each([
    ["empty", ""],
    ["a name alone", name],
    ["no key", `${name}+${id}`],
    ["an empty key", `${name}+${id}+`],
    ["no id", `${name}+${data}`],
    ["no name", `+${id}+${data}`],
    ["a wrong id", `${name}+c74f20a4+${data}`],
    ["an id in upper case", `${name}+C74F20A3+${data}`],
    ["an id too short", `${name}+c74f20a+${data}`],
    ["an id too long", `${name}+0c74f20a3+${data}`],
    ["an id that is not hexadecimal", `${name}+c74f20ag+${data}`],
    ["another name with the same id", `PeterNeuman+${id}+${data}`],
    ["a space in the name", `Peter Neumann+${keyId("Peter Neumann", 1, typed.subarray(1))}+${data}`],
    ["an ideographic space in the name", `Peter\u3000N+${keyId("Peter\u3000N", 1, typed.subarray(1))}+${data}`],
    ["one more part", `${VKEY}+x`],
    ["a line feed after", `${VKEY}\n`],
    ["a space before", ` ${VKEY}`],
    ["base64 without padding where it is due", `${name}+${id}+${typed.subarray(0, 32).toString("base64").replaceAll("=", "")}`],
    ["base64 of the URL alphabet", `${name}+${id}+${data.replaceAll("/", "_")}`],
    ["31 bytes", withType(1, typed.subarray(1, 32))],
    ["33 bytes", withType(1, Buffer.concat([typed.subarray(1), Buffer.of(0)]))],
    ["algorithm 0", withType(0, typed.subarray(1))],
    ["algorithm 2, ECDSA", withType(2, typed.subarray(1))],
    ["algorithm 4, a cosignature's", withType(4, typed.subarray(1))],
    ["a signing key", SKEY],
  ])("is not %s", (_what, text) => {
    expect(refusal(() => parseVerifierKey(text))).toBe("format.key");
  });

  it("refuses any change of a letter", () => {
    for (let at = 0; at < VKEY.length; at++) {
      for (const letter of ["A", "0", "+", " "]) {
        if (VKEY[at] === letter) continue;
        const text = VKEY.slice(0, at) + letter + VKEY.slice(at + 1);
        expect([text, refusal(() => parseVerifierKey(text))]).toEqual([text, "format.key"]);
      }
    }
  });

  it("is not made of a wrong name or length", () => {
    for (const length of [0, 31, 33, 64]) expect(refusal(() => verifierKey("name", new Uint8Array(length)))).toBe("format.key");
    for (const wrong of ["", "a b", "a+b", "a\n"])
      expect(refusal(() => verifierKey(wrong, new Uint8Array(32)))).toBe("format.key");
  });

  it("keeps its bytes when the caller's change, be they a Buffer", () => {
    for (const publicKey of [new Uint8Array(32).fill(1), Buffer.alloc(32, 1)]) {
      const key = verifierKey("name", publicKey);
      publicKey.fill(2);
      expect(toHex(key.publicKey)).toBe("01".repeat(32));
    }
  });
});

describe("the name of a key", () => {
  // Every character with the property White_Space, of which Go's unicode.IsSpace is made.
  const spaces = [
    9, 10, 11, 12, 13, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001, 0x2005, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
  ];

  it.each(spaces.map((code) => code.toString(16)))("holds no white space U+%s", (code) => {
    for (const text of [String.fromCharCode(Number.parseInt(code, 16)), `a${String.fromCharCode(Number.parseInt(code, 16))}b`])
      expect(isKeyName(text)).toBe(false);
  });

  it.each(["", "+", "a+b", "\0", "a\u0001", "a\u001f", "\ud800", "a\udc00"])("is not %j", (text) => {
    expect(isKeyName(text)).toBe(false);
  });

  it.each([
    "a",
    "audit.example.org",
    "audit.example.org/prod",
    "https://example.org/log",
    "zürich.example/✓",
    "🔑",
    "a\u200bb",
    "a-b_c~d:e@f",
  ])("may be %j", (text) => {
    expect(isKeyName(text)).toBe(true);
  });
});

describe("a signing key", () => {
  it("is read as Go reads it, and makes the verifier key that Go makes", () => {
    expect(parseKeyFile(SKEY).key.vkey).toBe(VKEY);
    expect(parseKeyFile(`${SKEY}\n`).key.vkey).toBe(VKEY);
    const seed = new Uint8Array(Buffer.from(SKEY.split("+").slice(4).join("+"), "base64").subarray(1));
    expect(formatKeyFile("PeterNeumann", seed)).toBe(`${SKEY}\n`);
  });

  it("signs as RFC 8032 says, under any name", async () => {
    const signer = parseKeyFile(SKEY);
    const message = utf8("message\n");
    const signature = await signer.sign(message);
    expect(ed25519.verify(signature, message, signer.key.publicKey)).toBe(true);
    const other = signer.rename("audit.example.org");
    expect(other.key).toEqual(renameVerifierKey(signer.key, "audit.example.org"));
    expect(toHex(await other.sign(message))).toBe(toHex(signature));
  });

  it("comes back from its file", () => {
    fc.assert(
      fc.property(names, keys, (name, seed) => {
        expect(parseKeyFile(formatKeyFile(name, seed)).key).toEqual(signerFromSeed(name, seed).key);
      }),
      { numRuns: 30 },
    );
  });

  const secret = SKEY.slice(SKEY.lastIndexOf("+AY") + 1);
  const malformed = [
    "",
    "\n",
    VKEY,
    SKEY.slice(1),
    SKEY.replace("KEY", "key"),
    SKEY.replace("c74f20a3", "c74f20a4"),
    SKEY.replace("PeterNeumann", "PeterNeuman"),
    SKEY.slice(0, -4),
    `${SKEY}AAAA`,
    `${SKEY}\n\n`,
    `${SKEY}\r\n`,
    `\n${SKEY}`,
    `${SKEY} `,
    SKEY.replace("+AY", "+BY"),
    SKEY.replace("AYEK", "AYEL"),
    SKEY.replace("+PeterNeumann+", "+Peter Neumann+"),
    `PRIVATE+KEY+${VKEY}`,
  ];

  it.each(malformed.map((text, i) => ({ i, text })))("is not malformed text $i", ({ text }) => {
    expect(refusal(() => parseKeyFile(text))).toBe("format.key");
  });

  it("is never quoted by an error", () => {
    for (const text of malformed.filter((other) => other.includes(secret.slice(8, -8)))) {
      try {
        parseKeyFile(text);
        expect.unreachable();
      } catch (error) {
        const told = error instanceof Error ? `${error.message} ${String(error.stack)} ${String(error.cause)}` : String(error);
        for (let at = 0; at + 12 <= secret.length; at += 4) expect(told).not.toContain(secret.slice(at, at + 12));
      }
    }
  });

  it("needs a seed of 32 bytes, and keeps its own, be it given as a Buffer", () => {
    for (const length of [0, 31, 33, 64]) {
      expect(refusal(() => signerFromSeed("name", new Uint8Array(length)))).toBe("format.key");
      expect(refusal(() => formatKeyFile("name", new Uint8Array(length)))).toBe("format.key");
    }
    for (const seed of [new Uint8Array(32).fill(1), Buffer.alloc(32, 1)]) {
      const signer = signerFromSeed("name", seed);
      seed.fill(2);
      expect(ed25519.verify(new Uint8Array(toBytes(signer.sign(utf8("m")))), utf8("m"), signer.key.publicKey)).toBe(true);
    }
  });
});

function toBytes(signature: Uint8Array | Promise<Uint8Array>): Uint8Array {
  if (signature instanceof Promise) throw new TypeError("a signer in memory signs at once");
  return signature;
}
