import { beforeAll, describe, expect, it } from "vitest";
import { fromUtf8, toHex } from "../../src/core/bytes.ts";
import { encodeCheckpoint } from "../../src/core/checkpoint.ts";
import { verifyInclusion } from "../../src/core/inclusion.ts";
import { formatTlogProof, parseTlogProof, type TlogProof } from "../../src/core/tlog-proof.ts";
import { type CommittedManifest, commits, opened } from "./commits.ts";
import { PATH } from "./reference-tree.ts";
import { refusal } from "./refusal.ts";

let log: CommittedManifest[];
let proof: TlogProof;
let text: string;
beforeAll(async () => {
  log = await commits(11);
  proof = {
    index: 4,
    path: PATH(
      4,
      log.map(({ line }) => line),
    ),
    checkpoint: opened(log, 10).checkpoint,
  };
  text = formatTlogProof(proof);
});

describe("a tlog-proof", () => {
  it("is spelled as C2SP has it", () => {
    const hashes = proof.path.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
    expect(text).toBe(`c2sp.org/tlog-proof@v1\nindex 4\n${hashes}\n${fromUtf8(encodeCheckpoint(proof.checkpoint))}`);
    expect(proof.path).toHaveLength(4);
  });

  it("comes back, and proves", () => {
    for (let index = 0; index < log.length; index++) {
      const path = PATH(
        index,
        log.map(({ line }) => line),
      );
      const read = parseTlogProof(formatTlogProof({ ...proof, index, path }));
      expect([read.index, read.path.map(toHex), read.checkpoint.origin, read.checkpoint.size]).toEqual([
        index,
        path.map(toHex),
        proof.checkpoint.origin,
        11,
      ]);
      verifyInclusion(opened(log, index).leaf, read.index, read.checkpoint.size, read.path, read.checkpoint.root);
      expect(formatTlogProof(read)).toBe(formatTlogProof({ ...proof, index, path }));
    }
  });

  it("of the only leaf has no hashes", () => {
    const one = { index: 0, path: [], checkpoint: opened(log, 0).checkpoint };
    expect(formatTlogProof(one)).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 0\n\naudit/);
    expect(parseTlogProof(formatTlogProof(one)).path).toEqual([]);
  });

  it("may have extra data, which means nothing here", () => {
    for (const extra of ["", "AA==", Buffer.from("some data of the application").toString("base64")]) {
      const read = parseTlogProof(text.replace("index 4", `extra ${extra}\nindex 4`));
      expect(formatTlogProof(read)).toBe(text);
    }
  });

  it.each([
    ["nothing", () => ""],
    ["no header", (t: string) => t.slice(t.indexOf("\n") + 1)],
    ["version 2", (t: string) => t.replace("@v1", "@v2")],
    ["a space after the header", (t: string) => t.replace("@v1\n", "@v1 \n")],
    ["no index", (t: string) => t.replace("index 4\n", "")],
    ["an empty index", (t: string) => t.replace("index 4", "index ")],
    ["an index with a leading zero", (t: string) => t.replace("index 4", "index 04")],
    ["a negative index", (t: string) => t.replace("index 4", "index -4")],
    ["an index with a plus", (t: string) => t.replace("index 4", "index +4")],
    ["two spaces before the index", (t: string) => t.replace("index 4", "index  4")],
    ["a space after the index", (t: string) => t.replace("index 4", "index 4 ")],
    ["a hexadecimal index", (t: string) => t.replace("index 4", "index 0x4")],
    ["index 2^53", (t: string) => t.replace("index 4", "index 9007199254740992")],
    ["an index in upper case", (t: string) => t.replace("index 4", "Index 4")],
    ["the index twice", (t: string) => t.replace("index 4\n", "index 4\nindex 4\n")],
    ["extra twice", (t: string) => t.replace("index 4\n", "extra AA==\nextra AA==\nindex 4\n")],
    ["extra after the index", (t: string) => t.replace("index 4\n", "index 4\nextra AA==\n")],
    ["extra that is not base64", (t: string) => t.replace("index 4\n", "extra A\nindex 4\n")],
    ["extra without padding", (t: string) => t.replace("index 4\n", "extra AA\nindex 4\n")],
    ["an unknown line", (t: string) => t.replace("index 4\n", "note x\nindex 4\n")],
    ["a blank line in the middle", (t: string) => t.replace("index 4\n", "index 4\n\n")],
    ["a hash of 31 bytes", (t: string) => t.replace("index 4\n", `index 4\n${Buffer.alloc(31).toString("base64")}\n`)],
    ["a hash in hexadecimal", (t: string) => t.replace("index 4\n", `index 4\n${"00".repeat(32)}\n`)],
    ["a hash without padding", (t: string) => t.replace("=\n", "\n")],
    ["64 hashes", (t: string) => t.replace("index 4\n", `index 4\n${`${Buffer.alloc(32).toString("base64")}\n`.repeat(64)}`)],
    ["CR LF", (t: string) => t.replaceAll("\n", "\r\n")],
    ["no checkpoint", (t: string) => t.slice(0, t.indexOf("\n\n") + 2)],
    ["no blank line", (t: string) => t.replace("\n\n", "\n")],
    ["a blank line too many", (t: string) => t.replace("\n\n", "\n\n\n")],
    ["half a checkpoint", (t: string) => t.slice(0, -30)],
    ["a line after the checkpoint", (t: string) => `${t}\n`],
  ])("refuses %s", (_what, change: (t: string) => string) => {
    expect(change(text)).not.toBe(text);
    expect(refusal(() => parseTlogProof(change(text)))).toMatch(/^format\.(proof|note|checkpoint|encoding)$/);
  });
});
