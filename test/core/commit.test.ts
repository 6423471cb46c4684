import { beforeAll, describe, expect, it } from "vitest";
import { concatBytes, fromUtf8, toHex, utf8 } from "../../src/core/bytes.ts";
import { encodeCheckpoint, signCheckpoint } from "../../src/core/checkpoint.ts";
import { encodeCommit, MAX_COMMIT_BYTES, openCommit, subtreeRoot } from "../../src/core/commit.ts";
import { CompactRange } from "../../src/core/compact-range.ts";
import { manifestLeaf } from "../../src/core/manifest.ts";
import { type CommittedManifest, commits, opened, ORIGIN, otherSigner, signer } from "./commits.ts";
import { flipBit } from "./mutations.ts";
import { MTH } from "./reference-tree.ts";
import { refusal } from "./refusal.ts";

let log: CommittedManifest[];
beforeAll(async () => {
  log = await commits(70);
});

const at = (index: number): CommittedManifest => {
  const commit = log[index];
  if (commit === undefined) throw new RangeError(`no manifest ${index}`);
  return commit;
};
const open = (bytes: Uint8Array): ReturnType<typeof openCommit> => openCommit(bytes, ORIGIN, [signer.key]);

describe("a manifest object", () => {
  it("is two lines: the manifest, and checkpoint and range", () => {
    for (const { bytes, line, before } of log) {
      expect(bytes.length).toBeLessThan(MAX_COMMIT_BYTES);
      const [first, second, ...rest] = fromUtf8(bytes).split("\n");
      expect(first).toBe(fromUtf8(line));
      expect(rest).toEqual([""]);
      const { checkpoint } = opened(
        log,
        log.findIndex((one) => one.line === line),
      );
      const range = before.nodes.map((node) => Buffer.from(node).toString("base64"));
      expect(second).toBe(JSON.stringify({ checkpoint: fromUtf8(encodeCheckpoint(checkpoint)), range }));
    }
  });

  it("gives all that was put in, and the tree of the RFC", () => {
    for (const [index, { bytes, line, manifest, before }] of log.entries()) {
      const { commit, signedBy } = open(bytes);
      expect(commit.manifest).toEqual(manifest);
      expect(fromUtf8(commit.line)).toBe(fromUtf8(line));
      expect(toHex(commit.leaf)).toBe(toHex(manifestLeaf(line)));
      expect(commit.before.nodes.map(toHex)).toEqual(before.nodes.map(toHex));
      expect(commit.after.size).toBe(index + 1);
      expect(commit.checkpoint.size).toBe(index + 1);
      expect(toHex(commit.checkpoint.root)).toBe(toHex(MTH(log.slice(0, index + 1).map((one) => one.line))));
      expect(signedBy).toEqual([signer.key]);
      expect(Buffer.from(encodeCommit(commit.manifest, commit.before, commit.checkpoint)).equals(bytes)).toBe(true);
    }
  });

  it("read from a Buffer is the same, and keeps its line when the buffer is used again", () => {
    const buffer = Buffer.from(at(5).bytes);
    const { commit } = open(buffer);
    buffer.fill(0);
    expect(fromUtf8(commit.line)).toBe(fromUtf8(at(5).line));
  });

  it("refuses every change of a bit", () => {
    const { bytes } = at(6);
    for (let byte = 0; byte < bytes.length; byte++) {
      const code = refusal(() => open(flipBit(bytes, byte * 8 + (byte % 8))));
      expect(code).toMatch(/^(format\.|proof\.)/);
    }
  });

  it.each([
    ["nothing", () => ""],
    ["one line", (text: string) => text.slice(0, text.indexOf("\n") + 1)],
    ["no last line feed", (text: string) => text.slice(0, -1)],
    ["a line more", (text: string) => `${text}\n`],
    ["a line before", (text: string) => `\n${text}`],
    ["CR LF", (text: string) => text.replaceAll("\n", "\r\n")],
    ["its lines swapped", (text: string) => `${text.split("\n").slice(0, 2).toReversed().join("\n")}\n`],
    ["a space in line 2", (text: string) => text.replace('{"checkpoint":', '{"checkpoint": ')],
    ["another key in line 2", (text: string) => text.replace('"range":', '"extra":1,"range":')],
    ["no range", (text: string) => text.replace(/,"range":.*/, "}")],
    ["range before checkpoint", (text: string) => text.replace(/\{("checkpoint":".*"),("range":.*)\}\n$/, "{$2,$1}\n")],
    ["an escaped letter in line 2", (text: string) => text.replace('{"checkpoint":"a', '{"checkpoint":"\\u0061')],
    ["a dash escaped", (text: string) => text.replace("—", "\\u2014")],
  ])("refuses %s", (_what, change) => {
    const text = fromUtf8(at(6).bytes);
    expect(change(text)).not.toBe(text);
    expect(refusal(() => open(utf8(change(text))))).toMatch(/^format\./);
  });

  it("refuses a range with a hash changed, dropped, added or moved", async () => {
    const { manifest, before, bytes } = at(6);
    const { checkpoint } = open(bytes).commit;
    const [a, b] = before.nodes;
    if (a === undefined || b === undefined) throw new Error("a range of 6 has two nodes");
    const spell = (nodes: readonly Uint8Array[]): Uint8Array =>
      utf8(
        `${fromUtf8(at(6).line)}\n${JSON.stringify({ checkpoint: fromUtf8(encodeCheckpoint(checkpoint)), range: nodes.map((node) => Buffer.from(node).toString("base64")) })}\n`,
      );
    expect(Buffer.from(spell([a, b])).equals(bytes)).toBe(true);
    expect(Buffer.from(encodeCommit(manifest, before, checkpoint)).equals(bytes)).toBe(true);
    for (const nodes of [
      [b, a],
      [a, a],
      [flipBit(a, 0), b],
      [a, flipBit(b, 255)],
    ])
      expect(refusal(() => open(spell(nodes)))).toBe("proof.consistency");
    for (const nodes of [[], [a], [a, b, b], [a, b.slice(1)], [a, concatBytes(b, b)]])
      expect(refusal(() => open(spell(nodes)))).toMatch(/^format\./);
  });

  it("refuses a checkpoint of another size, root, log or key, though it is signed", async () => {
    const { manifest, before, bytes } = at(6);
    const { root } = open(bytes).commit.checkpoint;
    for (const [origin, size, hash, by, code] of [
      [ORIGIN, 8, root, signer, "proof.consistency"],
      [ORIGIN, 6, root, signer, "proof.consistency"],
      [ORIGIN, 7, flipBit(root, 9), signer, "proof.consistency"],
      ["audit.example.org/test", 7, root, signer, "format.checkpoint"],
      [ORIGIN, 7, root, otherSigner, "proof.signature"],
    ] as const) {
      const checkpoint = await signCheckpoint({ origin, size, root: hash }, [by]);
      expect(refusal(() => open(encodeCommit(manifest, before, checkpoint)))).toBe(code);
    }
  });

  it("refuses a manifest of another log under this log's signature", async () => {
    const manifest = { ...at(6).manifest, origin: "audit.example.org/test" };
    const after = at(6).before.append(manifestLeaf(utf8("x")));
    const checkpoint = await signCheckpoint({ origin: ORIGIN, size: after.size, root: after.root() }, [signer]);
    expect(refusal(() => open(encodeCommit(manifest, at(6).before, checkpoint)))).toBe("format.manifest");
  });

  it("refuses another manifest before the same checkpoint: two objects can't be mixed", () => {
    const lines = (index: number): string[] => fromUtf8(at(index).bytes).split("\n");
    for (const [a, b] of [
      [6, 7],
      [6, 14],
      [0, 1],
    ] as const) {
      expect(refusal(() => open(utf8(`${lines(a)[0]}\n${lines(b)[1]}\n`)))).toMatch(/^(format\.tile|proof\.consistency)$/);
    }
  });

  it("may be signed by two keys, and by either alone", async () => {
    const both = (await commits(3, [signer, otherSigner])).at(-1)?.bytes ?? new Uint8Array(0);
    expect(openCommit(both, ORIGIN, [signer.key, otherSigner.key]).signedBy).toHaveLength(2);
    expect(openCommit(both, ORIGIN, [otherSigner.key]).signedBy).toEqual([otherSigner.key]);
    expect(refusal(() => openCommit(both, ORIGIN, []))).toBe("proof.signature");
  });
});

describe("subtreeRoot", () => {
  it("is the RFC's root of the 2^level manifests that end here", () => {
    for (let index = 0; index < log.length; index++) {
      for (let level = 0; (index + 1) % 2 ** level === 0; level++) {
        const members = log.slice(index + 1 - 2 ** level, index + 1).map(({ line }) => line);
        expect(toHex(subtreeRoot(opened(log, index), level))).toBe(toHex(MTH(members)));
      }
    }
  });

  it.each([
    [4, 1],
    [5, 2],
    [63, 7],
    [6, 1],
  ])("is not there for manifest %i at level %i", (index, level) => {
    expect(() => subtreeRoot(opened(log, index), level)).toThrow(RangeError);
  });

  it("does not change the commit", () => {
    const commit = opened(log, 63);
    const before = commit.before.nodes.map(toHex);
    subtreeRoot(commit, 6);
    expect(commit.before.nodes.map(toHex)).toEqual(before);
    expect(toHex(commit.before.append(commit.leaf).root())).toBe(toHex(commit.checkpoint.root));
    expect(CompactRange.of(63, commit.before.nodes).size).toBe(63);
  });
});
