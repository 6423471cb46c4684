import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "#sha256";
import { anchorId } from "../../src/archive/anchor/places.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { concatBytes, fromBase64, fromUtf8, toBase64, toHex, utf8 } from "../../src/core/bytes.ts";
import { chainStart, extendChain } from "../../src/core/chain.ts";
import { encodeCheckpoint, signCheckpoint } from "../../src/core/checkpoint.ts";
import { type Commit, encodeCommit, openCommit } from "../../src/core/commit.ts";
import { CompactRange } from "../../src/core/compact-range.ts";
import { cosignedMessage, cosignerKey } from "../../src/core/cosignature.ts";
import { type Description, encodeDescription } from "../../src/core/description.ts";
import { isSteleError } from "../../src/core/error.ts";
import { emptyRoot, HASH_SIZE, leafHash } from "../../src/core/hash.ts";
import { inclusionProof } from "../../src/core/inclusion.ts";
import { formatKeyFile, parseVerifierKey, signerFromSeed } from "../../src/core/key.ts";
import { anchorKey, checkpointCopyKey, manifestKey, segmentKey, tileKey } from "../../src/core/layout.ts";
import { encodeManifest, FORMAT, type Manifest, manifestLeaf } from "../../src/core/manifest.ts";
import { formatNote } from "../../src/core/note.ts";
import { formatPeriod, parsePeriod, retainUntil } from "../../src/core/retention.ts";
import { formatSteleProof, parseSteleProof, type SteleProof, verifySteleProof } from "../../src/core/stele-proof.ts";
import { parseTimestamp, type Timestamp } from "../../src/core/time.ts";
import { formatTlogProof } from "../../src/core/tlog-proof.ts";
import { merkleRoot } from "../../src/core/tree.ts";
import { zstdFrame } from "../../src/core/zstd-frame.ts";
import { openDirectoryStore } from "../../src/store/directory/directory.ts";

/** The seed of the worked examples, published on purpose: 00 01 02 ... 1f. */
const SEED = Uint8Array.from({ length: 32 }, (_, i) => i);
/** The example witness's: 20 21 ... 3f. */
const WITNESS_SEED = SEED.map((byte) => byte + 32);
const COSIGNED = BigInt(Date.parse("2026-11-23T15:02:00Z") / 1000);
const ARCHIVE = "audit.example.org";
const ORIGIN = "audit.example.org/app";
const EVENTS = [
  '{"time":"2026-11-23T15:00:00Z","user":"alice","action":"login"}',
  '{"time":"2026-11-23T15:00:01Z","user":"bob","action":"logout"}',
];
const CREATED = parseTimestamp("2026-11-23T15:00:00.000Z");
const ARRIVED = parseTimestamp("2026-11-23T15:00:01.123Z");
const SEALED = [parseTimestamp("2026-11-23T15:00:02.500Z"), parseTimestamp("2026-11-23T15:01:02.500Z")] as const;
const PERIOD = parsePeriod("7y");
const WRITER = { id: "audit-host/4711", version: "0.1.0" };

/** What the page shows, made again by the code: every example by its name, and the objects by their keys. */
interface Reproduced {
  readonly examples: ReadonlyMap<string, string>;
  readonly objects: ReadonlyMap<string, Uint8Array>;
  readonly proof: SteleProof;
  readonly vkey: string;
}

/** @param stored the segment's bytes as the page gives them: compressors differ, and any that decompress to the entries are right */
async function reproduce(stored: Uint8Array): Promise<Reproduced> {
  const signer = signerFromSeed(ORIGIN, SEED);
  const archiveSigner = signer.rename(ARCHIVE);
  const retention = (at: Timestamp) => ({ mode: "COMPLIANCE", until: retainUntil(at, PERIOD) }) as const;

  const raw = utf8(EVENTS.map((event) => `${event}\n`).join(""));
  const leaves = concatBytes(...EVENTS.map((event) => leafHash(utf8(event))));
  const root = merkleRoot(leaves);
  const chains = [chainStart(ORIGIN)];
  for (let i = 0; i < EVENTS.length; i++) {
    chains.push(extendChain(chains[i] ?? new Uint8Array(32), leaves.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)));
  }
  const chain = toBase64(chains.at(-1) ?? new Uint8Array(0));

  const segment = segmentKey("2026-11-23", 0);
  const first: Manifest = {
    format: FORMAT,
    origin: ORIGIN,
    index: 0,
    previous: null,
    sealed: SEALED[0],
    segment: {
      key: segment,
      versionId: null,
      encoding: "zstd",
      bytes: stored.length,
      sha256: toBase64(sha256(stored)),
      rawBytes: raw.length,
    },
    entries: { first: 0, count: EVENTS.length, root: toBase64(root), chain },
    appends: [
      {
        first: 0,
        count: EVENTS.length,
        time: ARRIVED,
        source: "file:/var/log/app/events.ndjson",
        id: `prefix:${raw.length}:${toBase64(sha256(leaves))}`,
      },
    ],
    retention: retention(SEALED[0]),
    writer: WRITER,
  };
  const lines = [encodeManifest(first)];
  const second: Manifest = {
    format: FORMAT,
    origin: ORIGIN,
    index: 1,
    previous: toBase64(manifestLeaf(lines[0] ?? raw)),
    sealed: SEALED[1],
    segment: null,
    entries: { first: EVENTS.length, count: 0, root: toBase64(emptyRoot()), chain },
    appends: [],
    retention: retention(SEALED[1]),
    writer: WRITER,
  };
  lines.push(encodeManifest(second));

  const commits: { bytes: Uint8Array; note: string; commit: Commit }[] = [];
  let range = CompactRange.empty;
  for (const manifest of [first, second]) {
    const after = range.append(manifestLeaf(encodeManifest(manifest)));
    const checkpoint = await signCheckpoint({ origin: ORIGIN, size: after.size, root: after.root() }, [signer]);
    const bytes = encodeCommit(manifest, range, checkpoint);
    const { commit } = openCommit(bytes, ORIGIN, [parseVerifierKey(signer.key.vkey)]);
    commits.push({ bytes, note: fromUtf8(encodeCheckpoint(checkpoint)), commit });
    range = after;
  }
  const [zero, one] = commits;
  if (zero === undefined || one === undefined) throw new Error("two manifests were made");

  const described = (kind: "archive" | "log"): Promise<Uint8Array> => {
    const key = kind === "archive" ? archiveSigner : signer;
    const description: Description = {
      format: FORMAT,
      kind,
      origin: key.key.name,
      created: CREATED,
      retention: { mode: "COMPLIANCE", period: formatPeriod(PERIOD) },
      keys: [key.key.vkey],
    };
    return encodeDescription(description, key);
  };
  const archiveJson = await described("archive");
  const logJson = await described("log");

  const manifestLeaves = concatBytes(zero.commit.leaf, one.commit.leaf);
  const proof: SteleProof = {
    entry: utf8(EVENTS[0] ?? ""),
    index: 0,
    path: inclusionProof(leaves, 0),
    manifestLine: zero.commit.line,
    tlogProof: { index: 0, path: inclusionProof(manifestLeaves, 0), checkpoint: one.commit.checkpoint },
  };

  const objects = new Map<string, Uint8Array>([
    ["archive.json", archiveJson],
    ["app/log.json", logJson],
    [`app/${segment}`, stored],
    [`app/${manifestKey(0)}`, zero.bytes],
    [`app/${manifestKey(1)}`, one.bytes],
  ]);
  const witness = cosignerKey("witness.example/w1", signerFromSeed("witness.example/w1", WITNESS_SEED).key.publicKey);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(COSIGNED);
  const word = signerFromSeed(witness.name, WITNESS_SEED).sign(cosignedMessage(one.commit.checkpoint.note.text, COSIGNED));
  const { text, signatures } = one.commit.checkpoint.note;
  const cosignature = { name: witness.name, id: witness.id, signature: concatBytes(time, await word) };
  const cosigned = fromUtf8(formatNote({ text, signatures: [...signatures, cosignature] }));
  const { key } = signer;
  const leaf = [toHex(leaves.subarray(0, 32)), toHex(leaves.subarray(32, 64))];
  const manifestLeafHex = commits.map(({ commit }) => toHex(commit.leaf));
  const lineOf = (bytes: Uint8Array, i: number): string => `${fromUtf8(bytes).split("\n")[i] ?? ""}\n`;
  const signature = one.commit.checkpoint.note.signatures[0]?.signature ?? new Uint8Array(0);
  const examples = new Map<string, string>([
    ["events", fromUtf8(raw)],
    ["seed", `${toHex(SEED)}\n`],
    ["public-key", `${toHex(key.publicKey)}\n`],
    ["vkey", `${key.vkey}\n`],
    ["archive-vkey", `${archiveSigner.key.vkey}\n`],
    ["key-file", formatKeyFile(ARCHIVE, SEED)],
    ["archive.json", fromUtf8(archiveJson)],
    ["log.json", fromUtf8(logJson)],
    ["segment-base64", `${wrapped(toBase64(stored))}\n`],
    ["leaf-hashes", leaf.map((hash) => `${hash}\n`).join("")],
    ["entries-root", `${toHex(root)}\n${toBase64(root)}\n`],
    ["chain", chains.map((value) => `${toHex(value)}\n`).join("") + `${chain}\n`],
    ["manifest-line", lineOf(zero.bytes, 0)],
    ["manifest-trailer", lineOf(zero.bytes, 1)],
    ["heartbeat-line", lineOf(one.bytes, 0)],
    ["heartbeat-trailer", lineOf(one.bytes, 1)],
    ["manifest-leaves", manifestLeafHex.map((hash) => `${hash}\n`).join("")],
    ["tree-root", `${toHex(range.root())}\n${toBase64(range.root())}\n`],
    ["checkpoint", one.note],
    ["checkpoint-signature", `${toHex(key.id)}\n${wrapped(toHex(signature), 64)}\n`],
    ["witness-vkey", `${witness.vkey}\n`],
    ["cosigned-text", `cosignature/v1\ntime ${COSIGNED}\n${one.commit.checkpoint.note.text}`],
    ["cosigned-checkpoint", cosigned],
    [
      "anchor-keys",
      `app/${anchorKey("witness", 2, anchorId(utf8(cosigned)))}\n${checkpointCopyKey(ORIGIN, 2, anchorId(utf8(one.note)))}\n`,
    ],
    ["tlog-proof", formatTlogProof(proof.tlogProof)],
    ["stele-proof", fromUtf8(formatSteleProof(proof))],
    ["tile-paths", [0, 67, 1000, 1_234_067].map((index) => `${index} ${tileKey({ level: 0, index })}\n`).join("")],
    [
      "keys",
      [...objects.keys(), `app/${segmentKey("2026-11-23", 1234, 1)}`, `app/${manifestKey(42, 1)}`]
        .map((name) => `${name}\n`)
        .join(""),
    ],
    [
      "sh-functions",
      [
        `$ unhex() { printf '%s' "$1" | tr a-f A-F | basenc --base16 -d; }`,
        `$ sha() { sha256sum | cut -c 1-64; }`,
        `$ b64() { unhex "$1" | base64; }`,
        `$ leaf() { { printf '\\000'; cat; } | sha; }`,
        `$ node() { { printf '\\001'; unhex "$1"; unhex "$2"; } | sha; }`,
        `$ cd app`,
        `$ S=segments/dt=2026-11-23/0000000000000000.ndjson.zst`,
        `$ M0=manifests/0000000000000000.ndjson`,
        `$ M1=manifests/0000000000000001.ndjson`,
        `$ VKEY='${key.vkey}'`,
        "",
      ].join("\n"),
    ],
    [
      "sh-segment",
      [
        `$ sha < "$S"`,
        toHex(sha256(stored)),
        `$ head -n 1 "$M0" | jq -r .segment.sha256`,
        toBase64(sha256(stored)),
        `$ b64 "$(sha < "$S")"`,
        toBase64(sha256(stored)),
        `$ zstd -dcq "$S"`,
        ...EVENTS,
        `$ zstd -dcq "$S" | wc -c`,
        raw.length,
        "",
      ].join("\n"),
    ],
    [
      "sh-entries",
      [
        `$ L0=$(zstd -dcq "$S" | sed -n 1p | tr -d '\\n' | leaf); echo "$L0"`,
        leaf[0],
        `$ L1=$(zstd -dcq "$S" | sed -n 2p | tr -d '\\n' | leaf); echo "$L1"`,
        leaf[1],
        `$ b64 "$(node "$L0" "$L1")"`,
        toBase64(root),
        `$ head -n 1 "$M0" | jq -r .entries.root`,
        toBase64(root),
        "",
      ].join("\n"),
    ],
    [
      "sh-chain",
      [
        `$ C=$(printf 'stele/1 chain\\naudit.example.org/app' | sha); echo "$C"`,
        toHex(chains[0] ?? raw),
        `$ for L in "$L0" "$L1"; do C=$({ unhex "$C"; unhex "$L"; } | sha); echo "$C"; done`,
        toHex(chains[1] ?? raw),
        toHex(chains[2] ?? raw),
        `$ b64 "$C"`,
        chain,
        `$ head -n 1 "$M0" | jq -r .entries.chain`,
        chain,
        "",
      ].join("\n"),
    ],
    [
      "sh-manifests",
      [
        `$ H0=$(head -n 1 "$M0" | tr -d '\\n' | leaf); echo "$H0"`,
        manifestLeafHex[0],
        `$ H1=$(head -n 1 "$M1" | tr -d '\\n' | leaf); echo "$H1"`,
        manifestLeafHex[1],
        `$ b64 "$H0"`,
        toBase64(zero.commit.leaf),
        `$ head -n 1 "$M1" | jq -r .previous`,
        second.previous,
        `$ tail -n 1 "$M1" | jq -r '.range[]'`,
        ...one.commit.before.nodes.map(toBase64),
        `$ b64 "$(node "$H0" "$H1")"`,
        toBase64(range.root()),
        `$ tail -n 1 "$M1" | jq -r .checkpoint | sed -n 3p`,
        toBase64(range.root()),
        "",
      ].join("\n"),
    ],
    [
      "sh-signature",
      [
        `$ printf '%s' "$VKEY" | cut -d + -f 3- | base64 -d > ../typed-key`,
        `$ { printf '%s\\n' "\${VKEY%%+*}"; cat ../typed-key; } | sha | cut -c 1-8`,
        toHex(key.id),
        `$ tail -n 1 "$M1" | jq -j .checkpoint > ../checkpoint`,
        `$ sed '/^$/,$d' ../checkpoint > ../text`,
        `$ tail -n 1 ../checkpoint | cut -d ' ' -f 3 | base64 -d | tail -c 64 > ../signature`,
        `$ { unhex 302a300506032b6570032100; tail -c 32 ../typed-key; } > ../key.der`,
        `$ openssl pkeyutl -verify -pubin -keyform DER -inkey ../key.der -rawin -in ../text -sigfile ../signature`,
        `Signature Verified Successfully`,
        "",
      ].join("\n"),
    ],
    [
      "sh-proof",
      [
        `$ P0=$(jq -j .entry.data ../event.proof | base64 -d | leaf); echo "$P0"`,
        leaf[0],
        `$ P1=$(jq -r '.path[0]' ../event.proof | base64 -d | od -An -v -tx1 | tr -d ' \\n'); b64 "$(node "$P0" "$P1")"`,
        toBase64(root),
        `$ jq -r .manifest ../event.proof | jq -r .entries.root`,
        toBase64(root),
        `$ Q0=$(jq -j .manifest ../event.proof | leaf); echo "$Q0"`,
        manifestLeafHex[0],
        `$ Q1=$(jq -r .proof ../event.proof | sed -n 3p | base64 -d | od -An -v -tx1 | tr -d ' \\n'); b64 "$(node "$Q0" "$Q1")"`,
        toBase64(range.root()),
        `$ jq -r .proof ../event.proof | sed '1,/^$/d' | sed -n 3p`,
        toBase64(range.root()),
        "",
      ].join("\n"),
    ],
  ]);
  return { examples, objects, proof, vkey: archiveSigner.key.vkey };
}

function wrapped(text: string, width = 76): string {
  return text.match(new RegExp(`.{1,${width}}`, "g"))?.join("\n") ?? "";
}

const PAGE = new URL("../../docs/FORMAT.md", import.meta.url);
const TOOLS = ["zstd", "jq", "sha256sum", "basenc", "openssl"];

/** The examples of a page, by name: fenced blocks whose info string names one. */
function examplesOf(page: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", text = ""] of page.matchAll(/^```\w+ example=(\S+)\n(.*?)^```$/gms)) {
    if (found.has(name)) throw new Error(`two examples are called ${name}`);
    found.set(name, text);
  }
  return found;
}

function segmentOf(examples: ReadonlyMap<string, string>): Uint8Array {
  return fromBase64((examples.get("segment-base64") ?? "").replaceAll("\n", ""), "segment-base64");
}

/** Names of the examples that are not what the code makes; those that are missing, or unknown, among them. */
async function wrongExamples(examples: ReadonlyMap<string, string>, known?: Reproduced): Promise<string[]> {
  const made = (known ?? (await reproduce(segmentOf(examples)))).examples;
  return [...new Set([...made.keys(), ...examples.keys()])].filter((name) => made.get(name) !== examples.get(name));
}

let page = "";
let shown: Map<string, string> = new Map();
let reproduced: Reproduced;
let folder = "";

beforeAll(async () => {
  page = await readFile(PAGE, "utf8");
  shown = examplesOf(page);
  reproduced = await reproduce(segmentOf(shown));
  folder = await mkdtemp(join(tmpdir(), "stele-format-"));
  for (const [key, bytes] of reproduced.objects) {
    for (const place of ["archive", "by-hand"]) {
      const path = join(folder, place, key);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    }
  }
  await writeFile(join(folder, "by-hand/event.proof"), formatSteleProof(reproduced.proof));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("docs/FORMAT.md", () => {
  it("shows what the code makes, byte for byte", () => {
    for (const [name, text] of reproduced.examples) expect({ name, text: shown.get(name) }).toEqual({ name, text });
    expect([...shown.keys()].sort()).toEqual([...reproduced.examples.keys()].sort());
    // An info string that is not read as one would leave its block unchecked.
    expect(page.match(/example=/g)?.length).toBe(shown.size);
  });

  it("has a segment that is one zstd frame of its events", () => {
    const stored = segmentOf(shown);
    expect(zstdFrame(stored).length).toBe(stored.length);
    expect(zstdDecompressSync(stored).toString()).toBe(shown.get("events"));
  });

  it("can't change by a character without being found out", async () => {
    const unseen: string[] = [];
    for (const [name, text] of shown) {
      // What the segment's own bytes are is not the code's choice: changed ones have to contradict the rest of the page.
      const known = name === "segment-base64" ? undefined : reproduced;
      for (let at = 0; at < text.length; at++) {
        const changed = `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
        const wrong = await wrongExamples(new Map(shown).set(name, changed), known).catch((error: unknown) => {
          if (isSteleError(error, "format.encoding")) return [name];
          throw error;
        });
        if (wrong.length === 0) unseen.push(`${name} at ${at}`);
      }
      const without = new Map(shown);
      without.delete(name);
      if (name !== "segment-base64" && !(await wrongExamples(without, reproduced)).includes(name))
        unseen.push(`${name}, removed`);
    }
    expect(unseen).toEqual([]);
  });

  it("shows an archive that a verifier finds sound", async () => {
    const report = await verifyArchive(await openDirectoryStore(join(folder, "archive")), {
      pinned: [parseVerifierKey(reproduced.vkey)],
      level: "content",
      now: Date.UTC(2026, 10, 24),
    });
    expect(report.findings).toEqual([]);
    expect(report.verdict).toBe("sound");
    expect(report.logs.map(({ log, entries, manifests }) => ({ log, entries, manifests }))).toEqual([
      { log: "app", entries: 2, manifests: 2 },
    ]);
  });

  it("shows a proof that holds, by the key that it shows", () => {
    const proof = parseSteleProof(utf8(shown.get("stele-proof") ?? ""));
    const key = parseVerifierKey((shown.get("vkey") ?? "").trim());
    const proven = verifySteleProof(proof, [key]);
    expect(`${fromUtf8(proven.entry)}\n`).toBe(shown.get("events")?.slice(0, proven.entry.length + 1));
  });

  it("gives commands that print what it says they print", ({ skip }) => {
    const missing = TOOLS.filter((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
    if (missing.length > 0) skip(`not installed: ${missing.join(", ")}`);
    const script = ["set -u", "exec 2>&1"];
    const expected: string[] = [];
    for (const [name, text] of shown) {
      if (!name.startsWith("sh-")) continue;
      script.push(`echo '== ${name}'`);
      expected.push(`== ${name}`);
      for (const line of text.slice(0, -1).split("\n")) {
        if (line.startsWith("$ ")) script.push(line.slice(2));
        else expected.push(line);
      }
    }
    const { stdout } = spawnSync("sh", ["-c", script.join("\n")], { cwd: join(folder, "by-hand"), encoding: "utf8" });
    expect(stdout.trimEnd().split("\n")).toEqual(expected);
  });
});
