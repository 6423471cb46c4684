import { beforeAll, describe, expect, it } from "vitest";
import { concatBytes, fromUtf8, toHex, utf8 } from "../../src/core/bytes.ts";
import { type ErrorCode } from "../../src/core/error.ts";
import { manifestLeaf } from "../../src/core/manifest.ts";
import {
  formatSteleProof,
  MAX_PROOF_BYTES,
  parseSteleProof,
  type SteleProof,
  verifySteleProof,
} from "../../src/core/stele-proof.ts";
import { formatTlogProof } from "../../src/core/tlog-proof.ts";
import { type CommittedManifest, commits, entriesOf, opened, otherSigner, signer } from "./commits.ts";
import { HASH_A } from "./manifests.ts";
import { flipBit, mutatedHashes } from "./mutations.ts";
import { PATH } from "./reference-tree.ts";
import { refusal } from "./refusal.ts";

const COUNT = 22;
let log: CommittedManifest[];
beforeAll(async () => {
  log = await commits(COUNT);
});

/** The proof of entry `i` of manifest `index` in the log's last checkpoint. */
function proofOf(index: number, i: number): SteleProof {
  const commit = opened(log, index);
  const entry = entriesOf(index)[i];
  if (entry === undefined) throw new RangeError(`manifest ${index} has no entry ${i}`);
  return {
    entry,
    index: commit.manifest.entries.first + i,
    path: PATH(i, entriesOf(index)),
    manifestLine: commit.line,
    tlogProof: {
      index,
      path: PATH(
        index,
        log.map(({ line }) => line),
      ),
      checkpoint: opened(log, COUNT - 1).checkpoint,
    },
  };
}

const verify = (proof: SteleProof): ErrorCode => refusal(() => verifySteleProof(proof, [signer.key]));
const reread = (proof: SteleProof): SteleProof => parseSteleProof(formatSteleProof(proof));

describe("the proof of an event", () => {
  it("comes back from its file and verifies, for every entry of a log", () => {
    for (let index = 0; index < COUNT; index++) {
      for (let i = 0; i < entriesOf(index).length; i++) {
        const proof = proofOf(index, i);
        const proven = verifySteleProof(reread(proof), [signer.key]);
        expect(fromUtf8(proven.entry)).toBe(`{"manifest":${index},"entry":${i}}`);
        expect(proven.index).toBe(proof.index);
        expect(proven.manifest).toEqual(log[index]?.manifest);
        expect(proven.checkpoint.size).toBe(COUNT);
        expect(proven.signedBy).toEqual([signer.key]);
        expect(Buffer.from(formatSteleProof(reread(proof))).equals(formatSteleProof(proof))).toBe(true);
      }
    }
  });

  it("keeps an entry that is not text, and an empty one", () => {
    for (const entry of [new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, i) => i)]) {
      expect(toHex(reread({ ...proofOf(5, 2), entry }).entry)).toBe(toHex(entry));
    }
  });

  it("is one line of JSON and a line feed", () => {
    const text = fromUtf8(formatSteleProof(proofOf(5, 2)));
    expect(text).toMatch(
      /^\{"format":"stele-proof\/1","origin":"audit\.example\.org\/prod","entry":\{"index":\d+,"data":"[^"]+"\},"path":\[[^\]]*\],"manifest":".*","proof":".*"\}\n$/,
    );
  });
});

describe("verifySteleProof refuses", () => {
  it("an entry with any bit changed, cut, extended or replaced", () => {
    const proof = proofOf(5, 2);
    for (let bit = 0; bit < proof.entry.length * 8; bit += 3)
      expect(verify({ ...proof, entry: flipBit(proof.entry, bit) })).toBe("proof.inclusion");
    for (const entry of [
      proof.entry.slice(1),
      proof.entry.slice(0, -1),
      concatBytes(proof.entry, utf8("\n")),
      concatBytes(Uint8Array.of(0), proof.entry),
      new Uint8Array(0),
      proofOf(5, 3).entry,
    ]) {
      expect(verify({ ...proof, entry })).toBe("proof.inclusion");
    }
  });

  it("another index, in the same manifest and outside of it", () => {
    const proof = proofOf(5, 2);
    const { first, count } = opened(log, 5).manifest.entries;
    for (let index = first; index < first + count; index++)
      if (index !== proof.index) expect(verify({ ...proof, index })).toBe("proof.inclusion");
    for (const index of [first - 1, first + count, 0, -1, 2 ** 53, Number.NaN, proof.index + 0.5, Number.POSITIVE_INFINITY]) {
      expect(verify({ ...proof, index })).toMatch(/^proof\.(entry|inclusion)$/);
    }
  });

  it("every mutation of the entry's path", () => {
    for (const [index, i] of [
      [5, 2],
      [7, 6],
      [7, 0],
      [1, 0],
    ] as const) {
      const proof = proofOf(index, i);
      for (const [what, path] of mutatedHashes(proof.path))
        expect([what, verify({ ...proof, path })]).toEqual([what, "proof.inclusion"]);
    }
  });

  it("every mutation of the manifest's path", () => {
    for (const index of [1, 5, 15, 21]) {
      const proof = proofOf(index, 0);
      for (const [what, path] of mutatedHashes(proof.tlogProof.path)) {
        expect([what, verify({ ...proof, tlogProof: { ...proof.tlogProof, path } })]).toEqual([what, "proof.inclusion"]);
      }
    }
  });

  it("another index of the manifest", () => {
    const proof = proofOf(5, 2);
    for (const index of [4, 6, 0, 21, 22, -1, 2 ** 53])
      expect(verify({ ...proof, tlogProof: { ...proof.tlogProof, index } })).toBe("proof.entry");
  });

  it("every change of a byte of the manifest's line", () => {
    const proof = proofOf(5, 2);
    for (let byte = 0; byte < proof.manifestLine.length; byte++) {
      expect(verify({ ...proof, manifestLine: flipBit(proof.manifestLine, byte * 8) })).toMatch(
        /^(format\.manifest|proof\.(entry|inclusion))$/,
      );
    }
  });

  it("a well-formed manifest with another root, another range of entries or of another log", () => {
    const proof = proofOf(5, 2);
    const text = fromUtf8(proof.manifestLine);
    const root = opened(log, 5).manifest.entries.root;
    for (const [from, to, code] of [
      [root, HASH_A, "proof.inclusion"],
      ["audit.example.org/prod", "audit.example.org/test", "proof.entry"],
      ['"index":5', '"index":6', "proof.entry"],
    ] as const) {
      expect(text).toContain(from);
      expect(verify({ ...proof, manifestLine: utf8(text.replace(from, to)) })).toBe(code);
    }
  });

  it("the manifest of another place, though it is in the same tree", () => {
    const proof = proofOf(5, 2);
    const other = opened(log, 13);
    expect(entriesOf(13)).toHaveLength(5);
    expect(verify({ ...proof, manifestLine: other.line })).toBe("proof.entry");
    const tlogProof = proofOf(13, 0).tlogProof;
    expect(verify({ ...proof, tlogProof })).toBe("proof.entry");
    expect(verify({ ...proof, manifestLine: other.line, tlogProof })).toMatch(/^proof\.(entry|inclusion)$/);
  });

  it("a leaf of the manifest tree as an entry, and an entry's tree as the manifests'", () => {
    const proof = proofOf(5, 2);
    expect(verify({ ...proof, entry: proof.manifestLine, path: proof.tlogProof.path })).toMatch(/^proof\./);
    expect(verify({ ...proof, entry: manifestLeaf(proof.manifestLine) })).toBe("proof.inclusion");
  });

  it("an older or younger checkpoint with this path", () => {
    const proof = proofOf(5, 2);
    for (const index of [4, 5, 6, 12, 20]) {
      const { checkpoint } = opened(log, index);
      expect(verify({ ...proof, tlogProof: { ...proof.tlogProof, checkpoint } })).toBe("proof.inclusion");
    }
  });

  it("a checkpoint that no known key signed, or a known one wrongly", async () => {
    const proof = proofOf(5, 2);
    expect(refusal(() => verifySteleProof(proof, []))).toBe("proof.signature");
    expect(refusal(() => verifySteleProof(proof, [otherSigner.key]))).toBe("proof.signature");
    const text = formatTlogProof(proof.tlogProof);
    const { note } = proof.tlogProof.checkpoint;
    const signatures = note.signatures.map((line) => ({ ...line, signature: flipBit(line.signature, 100) }));
    expect(text).toContain("—");
    expect(
      verify({
        ...proof,
        tlogProof: { ...proof.tlogProof, checkpoint: { ...proof.tlogProof.checkpoint, note: { ...note, signatures } } },
      }),
    ).toBe("proof.signature");
  });

  it("an entry of a heartbeat", () => {
    const proof = proofOf(5, 2);
    const heartbeat = opened(log, 8);
    expect(entriesOf(8)).toHaveLength(0);
    const tlogProof = {
      ...proof.tlogProof,
      index: 8,
      path: PATH(
        8,
        log.map(({ line }) => line),
      ),
    };
    const { first } = heartbeat.manifest.entries;
    expect(verify({ ...proof, index: first, path: [], manifestLine: heartbeat.line, tlogProof })).toBe("proof.entry");
  });
});

describe("parseSteleProof refuses", () => {
  const text = (): string => fromUtf8(formatSteleProof(proofOf(15, 2)));

  it.each([
    ["nothing", () => ""],
    ["a line more", (t: string) => `${t}\n`],
    ["a line before", (t: string) => `\n${t}`],
    ["CR LF", (t: string) => t.replace(/\n$/, "\r\n")],
    ["a space", (t: string) => t.replace('"origin":', '"origin": ')],
    ["a byte order mark", (t: string) => `\ufeff${t}`],
    ["keys in another order", (t: string) => t.replace(/("format":"[^"]+"),("origin":"[^"]+")/, "$2,$1")],
    ["an unknown key", (t: string) => t.replace('"path":', '"extra":1,"path":')],
    ["a key twice", (t: string) => t.replace('"path":', '"path":[],"path":')],
    ["another format", (t: string) => t.replace("stele-proof/1", "stele-proof/2")],
    ["another origin", (t: string) => t.replace("audit.example.org/prod", "audit.example.org/test")],
    ["no origin", (t: string) => t.replace('"origin":"audit.example.org/prod",', "")],
    ["no path", (t: string) => t.replace(/"path":\[[^\]]*\],/, "")],
    ["a path that is null", (t: string) => t.replace(/"path":\[[^\]]*\]/, '"path":null')],
    ["a negative index", (t: string) => t.replace(/"entry":\{"index":\d+/, '"entry":{"index":-1')],
    ["a fraction as index", (t: string) => t.replace(/("entry":\{"index":\d+)/, "$1.0")],
    ["index 2^53", (t: string) => t.replace(/"entry":\{"index":\d+/, '"entry":{"index":9007199254740992')],
    ["an entry without padding", (t: string) => t.replace(/=+"\},"path"/, '"},"path"')],
    ["an entry with a space", (t: string) => t.replace('"data":"', '"data":" ')],
    ["an entry in the URL alphabet", (t: string) => t.replace('"data":"', '"data":"-_-_')],
    ["a path's hash of 31 bytes", (t: string) => t.replace('"path":[', `"path":["${Buffer.alloc(31).toString("base64")}",`)],
    ["a path's hash of 33 bytes", (t: string) => t.replace('"path":[', `"path":["${Buffer.alloc(33).toString("base64")}",`)],
    [
      "a path of 64 hashes",
      (t: string) => t.replace('"path":[', `"path":[${`"${Buffer.alloc(32).toString("base64")}",`.repeat(64)}`),
    ],
    ["an escaped dash", (t: string) => t.replace("—", "\\u2014")],
    ["extra data in the tlog-proof", (t: string) => t.replace("\\nindex 15\\n", "\\nextra AA==\\nindex 15\\n")],
    ["a tlog-proof cut short", (t: string) => t.replace(/\\n"\}\n$/, '"}\n')],
  ])("%s", (_what, change: (t: string) => string) => {
    expect(change(text())).not.toBe(text());
    expect(refusal(() => parseSteleProof(utf8(change(text()))))).toMatch(/^format\./);
  });

  it("or verification does: whichever byte of the file is changed, it proves nothing else", () => {
    const bytes = formatSteleProof(proofOf(5, 2));
    for (let byte = 0; byte < bytes.length - 1; byte++) {
      const code = refusal(() => verifySteleProof(parseSteleProof(flipBit(bytes, byte * 8 + (byte % 8))), [signer.key]));
      expect(code).toMatch(/^(format|proof)\./);
    }
  });

  it("what is too long before it looks at it", () => {
    expect(refusal(() => parseSteleProof(new Uint8Array(MAX_PROOF_BYTES + 1)))).toBe("format.proof");
  });
});
