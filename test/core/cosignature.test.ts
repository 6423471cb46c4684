import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/core/bytes.ts";
import { parseCheckpoint } from "../../src/core/checkpoint.ts";
import { cosignerKey, parseCosignerKey, verifyCosignatures } from "../../src/core/cosignature.ts";
import { verifierKey } from "../../src/core/key.ts";
import { type Note, parseNote } from "../../src/core/note.ts";
import { flipBit } from "./mutations.ts";
import { refusal } from "./refusal.ts";

const ORIGIN = "example.com/behind-the-sofa";
const TEXT = `${ORIGIN}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n`;
const NAME = "witness.example.com/w1";

// Made with node:crypto alone, by the words of c2sp.org/tlog-cosignature.
const seed = Buffer.alloc(32, 7);
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
  format: "der",
  type: "pkcs8",
});
const publicKey = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32);
const id = createHash("sha256")
  .update(Buffer.concat([Buffer.from(`${NAME}\n`), Buffer.of(4), publicKey]))
  .digest()
  .subarray(0, 4);
const VKEY = `${NAME}+${id.toString("hex")}+${Buffer.concat([Buffer.of(4), publicKey]).toString("base64")}`;

function cosign(text: string, seconds: bigint): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(seconds);
  return Buffer.concat([time, sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), privateKey)]);
}

const line = (name: string, body: Uint8Array): string => `— ${name} ${Buffer.concat([id, body]).toString("base64")}\n`;
const noteOf = (...lines: readonly string[]): Note => parseNote(utf8(`${TEXT}\n${lines.join("")}`));

describe("a witness's key", () => {
  it("is read from its vkey, and written the same", () => {
    const key = parseCosignerKey(VKEY);
    expect(key).toMatchObject({ name: NAME, vkey: VKEY });
    expect(cosignerKey(NAME, publicKey).vkey).toBe(VKEY);
  });

  it.each([
    ["a log's key", verifierKey(NAME, publicKey).vkey],
    ["another id", VKEY.replace(id.toString("hex"), "00000000")],
    ["another name", VKEY.replace("w1", "w2")],
    ["no name", VKEY.slice(NAME.length)],
    ["white space", ` ${VKEY}`],
    ["upper case in the id", VKEY.replace(id.toString("hex"), id.toString("hex").toUpperCase())],
    ["a key of 31 bytes", `${NAME}+${id.toString("hex")}+${Buffer.alloc(32, 4).toString("base64")}`],
    ["a line feed", `${VKEY}\n`],
    ["nothing", ""],
  ])("is refused: %s", (_what, vkey) => {
    expect(refusal(() => parseCosignerKey(vkey))).toBe("format.key");
  });
});

describe("a cosignature", () => {
  const key = parseCosignerKey(VKEY);

  it("says when the witness saw the checkpoint", () => {
    const [good, ...others] = verifyCosignatures(noteOf(line(NAME, cosign(TEXT, 1_679_315_147n))), [key]);
    expect(others).toEqual([]);
    expect(good).toMatchObject({ key, time: "2023-03-20T12:25:47.000Z" });
  });

  it("is the example of the standard's page, but of a key that nobody gave", () => {
    const note =
      `${TEXT}\n— ${ORIGIN} Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n` +
      `— ${NAME} jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n`;
    expect(parseCheckpoint(utf8(note))).toMatchObject({ origin: ORIGIN, size: 20_852_163 });
    expect(verifyCosignatures(parseNote(utf8(note)), [key])).toEqual([]);
  });

  it("counts once a key, with its last time", () => {
    const lines = [100n, 300n, 200n].map((seconds) => line(NAME, cosign(TEXT, seconds)));
    expect(verifyCosignatures(noteOf(...lines), [key])).toMatchObject([{ time: "1970-01-01T00:05:00.000Z" }]);
  });

  it("is refused with any bit of time or signature changed, and for any other text", () => {
    const body = cosign(TEXT, 1_679_315_147n);
    fc.assert(
      fc.property(fc.nat(body.length * 8 - 1), (bit) => {
        expect(refusal(() => verifyCosignatures(noteOf(line(NAME, flipBit(body, bit))), [key]))).toBe("proof.signature");
      }),
    );
    for (const other of [TEXT.replace("20852163", "20852164"), `${TEXT}more\n`, TEXT.replace("example", "Example")]) {
      const note = { ...noteOf(line(NAME, body)), text: other };
      expect(refusal(() => verifyCosignatures(note, [key]))).toBe("proof.signature");
    }
  });

  it("is refused when it is cut, too long, without a time, or of a time beyond all calendars", () => {
    const body = cosign(TEXT, 1n);
    const plain = sign(null, Buffer.from(TEXT), privateKey);
    for (const wrong of [
      body.subarray(1),
      Buffer.concat([body, Buffer.of(0)]),
      plain,
      cosign(TEXT, 2n ** 63n),
      cosign(TEXT, 253_402_300_800n),
    ]) {
      expect(refusal(() => verifyCosignatures(noteOf(line(NAME, wrong)), [key]))).toBe("proof.signature");
    }
  });

  it("that is wrong refuses the note, though another of the same key is good", () => {
    const good = cosign(TEXT, 1n);
    expect(refusal(() => verifyCosignatures(noteOf(line(NAME, good), line(NAME, flipBit(good, 99))), [key]))).toBe(
      "proof.signature",
    );
  });

  it("of another name under the same id is not the key's", () => {
    expect(verifyCosignatures(noteOf(line("witness.example.com/w2", cosign(TEXT, 1n))), [key])).toEqual([]);
  });
});
