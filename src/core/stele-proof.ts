import { z } from "zod";
import { fromBase64, fromUtf8, toBase64, utf8 } from "./bytes.ts";
import { counter, parseCanonical, text } from "./canonical-json.ts";
import { encodeCheckpoint, openCheckpoint, type SignedCheckpoint } from "./checkpoint.ts";
import { SteleError } from "./error.ts";
import { HASH_SIZE, leafHash } from "./hash.ts";
import { verifyInclusion } from "./inclusion.ts";
import type { VerifierKey } from "./key.ts";
import { type Manifest, manifestLeaf, parseManifest } from "./manifest.ts";
import { formatTlogProof, parseTlogProof, type TlogProof } from "./tlog-proof.ts";

/**
 * The proof of one event, `stele-proof/1`: the entry, its audit path to the root in its manifest, the manifest, and a
 * tlog-proof that the manifest is in a signed checkpoint. It verifies offline, with the log's vkey alone.
 */
export interface SteleProof {
  readonly entry: Uint8Array;
  /** The entry's index in its log. */
  readonly index: number;
  /** From the entry to the manifest's `entries.root`, the entry's sibling first. */
  readonly path: readonly Uint8Array[];
  /** Line 1 of the manifest object, byte for byte. */
  readonly manifestLine: Uint8Array;
  readonly tlogProof: TlogProof;
}

/** What a verified proof shows. */
export interface ProvenEntry {
  readonly entry: Uint8Array;
  readonly index: number;
  readonly manifest: Manifest;
  readonly checkpoint: SignedCheckpoint;
  readonly signedBy: readonly VerifierKey[];
}

const FORMAT = "stele-proof/1";
/** An entry of 64 MiB in base64, and the rest. */
export const MAX_PROOF_BYTES: number = 100 * 1024 * 1024;

interface ProofFile {
  readonly format: typeof FORMAT;
  readonly origin: string;
  readonly entry: { readonly index: number; readonly data: string };
  readonly path: readonly string[];
  readonly manifest: string;
  readonly proof: string;
}

const schema: z.ZodType<ProofFile> = z.strictObject({
  format: z.literal(FORMAT),
  origin: text(512),
  entry: z.strictObject({ index: counter, data: z.string() }),
  path: z.array(z.string().max(44)).max(63),
  manifest: text(65_535),
  proof: text(131_072),
});

/** The proof's file: one line of JSON and a line feed. */
export function formatSteleProof({ entry, index, path, manifestLine, tlogProof }: SteleProof): Uint8Array<ArrayBuffer> {
  return utf8(
    `${spell({
      format: FORMAT,
      origin: tlogProof.checkpoint.origin,
      entry: { index, data: toBase64(entry) },
      path: path.map(toBase64),
      manifest: fromUtf8(manifestLine),
      proof: formatTlogProof(tlogProof),
    })}\n`,
  );
}

/** Reads a proof's file in its one spelling; nothing is verified yet. @throws SteleError `format.*` */
export function parseSteleProof(bytes: Uint8Array): SteleProof {
  if (bytes.length > MAX_PROOF_BYTES)
    throw new SteleError("format.proof", `proof: expected at most ${MAX_PROOF_BYTES} bytes, got ${bytes.length}`);
  const line = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
  const file = parseCanonical(line, schema, spell, "format.proof", "proof");
  const tlogProof = parseTlogProof(file.proof);
  if (formatTlogProof(tlogProof) !== file.proof)
    throw new SteleError("format.proof", "proof: the tlog-proof is not in its one spelling");
  if (tlogProof.checkpoint.origin !== file.origin) {
    throw new SteleError("format.proof", `proof: says origin ${file.origin}, its checkpoint ${tlogProof.checkpoint.origin}`);
  }
  return {
    entry: fromBase64(file.entry.data, "proof: entry"),
    index: file.entry.index,
    path: file.path.map((hash) => fromBase64(hash, "proof: path", HASH_SIZE)),
    manifestLine: utf8(file.manifest),
    tlogProof,
  };
}

/**
 * Verifies a proof: entry to manifest, manifest to checkpoint, checkpoint to one of `keys`.
 * @throws SteleError `proof.*` where a link does not hold, `format.*` where the manifest is malformed
 */
export function verifySteleProof(proof: SteleProof, keys: readonly VerifierKey[]): ProvenEntry {
  const { index: manifestIndex, path } = proof.tlogProof;
  // From the signed text alone, whatever stands beside it in an object that a caller made.
  const { checkpoint, signedBy } = openCheckpoint(
    encodeCheckpoint(proof.tlogProof.checkpoint),
    proof.tlogProof.checkpoint.origin,
    keys,
  );
  const manifest = parseManifest(proof.manifestLine);
  if (manifest.origin !== checkpoint.origin || manifest.index !== manifestIndex) {
    throw new SteleError(
      "proof.entry",
      `proof: the manifest is ${manifest.index} of ${manifest.origin}, the checkpoint proves ${manifestIndex} of ${checkpoint.origin}`,
    );
  }
  verifyInclusion(manifestLeaf(proof.manifestLine), manifestIndex, checkpoint.size, path, checkpoint.root);
  const { first, count, root } = manifest.entries;
  if (proof.index < first || proof.index >= first + count) {
    throw new SteleError(
      "proof.entry",
      `proof: entry ${proof.index} is not among the manifest's entries ${first} to ${first + count - 1}`,
    );
  }
  verifyInclusion(leafHash(proof.entry), proof.index - first, count, proof.path, fromBase64(root, "entries.root", HASH_SIZE));
  return { entry: proof.entry, index: proof.index, manifest, checkpoint, signedBy };
}

function spell(file: ProofFile): string {
  return JSON.stringify({
    format: file.format,
    origin: file.origin,
    entry: { index: file.entry.index, data: file.entry.data },
    path: file.path,
    manifest: file.manifest,
    proof: file.proof,
  });
}
