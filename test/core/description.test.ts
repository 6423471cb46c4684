import { describe, expect, it } from "vitest";
import { fromUtf8, utf8 } from "../../src/core/bytes.ts";
import {
  type Description,
  descriptionPeriod,
  encodeDescription,
  MAX_DESCRIPTION_BYTES,
  parseDescription,
  verifyDescription,
} from "../../src/core/description.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { formatSignatures, signNote } from "../../src/core/note.ts";
import { parseTimestamp } from "../../src/core/time.ts";
import { flipBit } from "./mutations.ts";
import { refusal } from "./refusal.ts";

const ORIGIN = "audit.example.org/prod";
const signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(5));
const stranger = signerFromSeed(ORIGIN, new Uint8Array(32).fill(6));
const log: Description = {
  format: "stele/1",
  kind: "log",
  origin: ORIGIN,
  created: parseTimestamp("2026-11-23T15:00:00.000Z"),
  retention: { mode: "COMPLIANCE", period: "7y" },
  keys: [signer.key.vkey],
};
const LINE =
  `{"format":"stele/1","kind":"log","origin":"${ORIGIN}","created":"2026-11-23T15:00:00.000Z",` +
  `"retention":{"mode":"COMPLIANCE","period":"7y"},"keys":["${signer.key.vkey}"]}`;
const bytes = await encodeDescription(log, signer);
const TEXT = fromUtf8(bytes);

describe("a description", () => {
  it("is two lines: what it says, and the signature over that", async () => {
    const { signatures } = await signNote(`${LINE}\n`, [signer]);
    expect(TEXT).toBe(`${LINE}\n${JSON.stringify({ signatures: formatSignatures(signatures) })}\n`);
  });

  it("comes back, and verifies", async () => {
    expect(parseDescription(bytes, "log")).toEqual(log);
    verifyDescription(bytes, [signer.key]);
    verifyDescription(bytes, [stranger.key, signer.key]);
    expect(descriptionPeriod(log)).toEqual({ count: 7, unit: "y" });
    const archive: Description = { ...log, kind: "archive", retention: { mode: "GOVERNANCE", period: "90d" } };
    expect(parseDescription(await encodeDescription(archive, signer), "archive")).toEqual(archive);
  });

  it("of a log is not an archive's", async () => {
    expect(refusal(() => parseDescription(bytes, "archive"))).toBe("format.description");
    const archive = await encodeDescription({ ...log, kind: "archive" }, signer);
    expect(refusal(() => parseDescription(archive, "log"))).toBe("format.description");
  });

  it("changed in any byte is refused by the one or the other", () => {
    for (let byte = 0; byte < bytes.length; byte++) {
      const changed = flipBit(bytes, byte * 8 + (byte % 8));
      const code = refusal(() => {
        parseDescription(changed, "log");
        verifyDescription(changed, [signer.key]);
      });
      expect(code).toMatch(/^(format\.(description|note|key)|proof\.signature)$/);
    }
  });

  it("signed by another key is refused", async () => {
    const other = await encodeDescription(log, stranger);
    expect(refusal(() => verifyDescription(other, [signer.key]))).toBe("proof.signature");
    expect(refusal(() => verifyDescription(bytes, []))).toBe("proof.signature");
  });

  it("is not verified by a signature over other text, smuggled into its second line", async () => {
    const other = await signNote("another text\n", [signer]);
    const smuggled = `x\n\nanother text\n\n${formatSignatures(other.signatures)}`;
    for (const signatures of [
      smuggled,
      formatSignatures(other.signatures),
      "",
      "\n",
      `\n${formatSignatures(other.signatures)}`,
    ]) {
      const forged = utf8(`${LINE}\n${JSON.stringify({ signatures })}\n`);
      expect(refusal(() => verifyDescription(forged, [signer.key]))).toMatch(/^(format\.description|proof\.signature)$/);
    }
  });

  it.each([
    ["nothing", () => ""],
    ["one line", (t: string) => t.slice(0, t.indexOf("\n") + 1)],
    ["no last line feed", (t: string) => t.slice(0, -1)],
    ["a line more", (t: string) => `${t}{}\n`],
    ["a blank line", (t: string) => t.replace("\n", "\n\n")],
    ["CR LF", (t: string) => t.replaceAll("\n", "\r\n")],
    ["a space", (t: string) => t.replace('"kind":', '"kind": ')],
    ["another format", (t: string) => t.replace("stele/1", "stele/2")],
    ["keys in another order", (t: string) => t.replace('"format":"stele/1","kind":"log"', '"kind":"log","format":"stele/1"')],
    ["an unknown key", (t: string) => t.replace('"kind":"log"', '"kind":"log","extra":1')],
    ["no keys", (t: string) => t.replace(/"keys":\[[^\]]*\]/, '"keys":[]')],
    ["a key that is none", (t: string) => t.replace(/"keys":\["a/, '"keys":["b')],
    [
      "17 keys",
      (t: string) =>
        t.replace(/"keys":\[[^\]]*\]/, `"keys":[${Array.from({ length: 17 }, () => `"${signer.key.vkey}"`).join(",")}]`),
    ],
    ["an empty origin", (t: string) => t.replace(`"origin":"${ORIGIN}"`, '"origin":""')],
    ["an origin with a space", (t: string) => t.replace(`"origin":"${ORIGIN}"`, '"origin":"a b"')],
    ["no time", (t: string) => t.replace("2026-11-23T15:00:00.000Z", "today")],
    ["another mode", (t: string) => t.replace("COMPLIANCE", "NONE")],
    ["a period of nothing", (t: string) => t.replace('"7y"', '"0y"')],
    ["a period with a zero before", (t: string) => t.replace('"7y"', '"07y"')],
    ["a period without a unit", (t: string) => t.replace('"7y"', '"7"')],
    ["a period of a million years", (t: string) => t.replace('"7y"', '"1000000y"')],
  ])("is refused with %s", (_what, change: (t: string) => string) => {
    expect(change(TEXT)).not.toBe(TEXT);
    expect(refusal(() => parseDescription(utf8(change(TEXT)), "log"))).toBe("format.description");
  });

  it("is refused when it is too long", () => {
    expect(refusal(() => parseDescription(utf8(`${" ".repeat(MAX_DESCRIPTION_BYTES)}\n\n`), "log"))).toBe("format.description");
  });
});
