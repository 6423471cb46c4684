import { clip, fromBase64, fromUtf8, toBase64, utf8 } from "./bytes.ts";
import { encodeCheckpoint, parseCheckpoint, type SignedCheckpoint } from "./checkpoint.ts";
import { SteleError } from "./error.ts";
import { HASH_SIZE } from "./hash.ts";

/** A C2SP tlog-proof: a leaf's index, its audit path, and the checkpoint that it leads to. */
export interface TlogProof {
  readonly index: number;
  /** The leaf's sibling first. */
  readonly path: readonly Uint8Array[];
  readonly checkpoint: SignedCheckpoint;
}

const HEADER = "c2sp.org/tlog-proof@v1";
const MAX_PATH = 63;

/** The proof's text (c2sp.org/tlog-proof), without extra data. */
export function formatTlogProof({ index, path, checkpoint }: TlogProof): string {
  const hashes = path.map((hash) => `${toBase64(hash)}\n`).join("");
  return `${HEADER}\nindex ${index}\n${hashes}\n${fromUtf8(encodeCheckpoint(checkpoint))}`;
}

/**
 * Reads a tlog-proof. Neither its signatures nor its path are checked here. An `extra` line is allowed, and not kept.
 * @throws SteleError `format.proof`, `format.note`, `format.checkpoint`
 */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf("\n\n");
  if (split < 0) throw malformed("expected a blank line before the checkpoint");
  const [header, ...lines] = text.slice(0, split).split("\n");
  if (header !== HEADER) throw malformed(`expected the first line ${HEADER}, got ${clip(header ?? "")}`);
  if (lines[0]?.startsWith("extra ")) fromBase64(lines[0].slice("extra ".length), "tlog-proof: extra");
  const [indexLine, ...hashes] = lines[0]?.startsWith("extra ") ? lines.slice(1) : lines;
  const match = /^index (0|[1-9]\d{0,15})$/.exec(indexLine ?? "");
  const index = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(index))
    throw malformed(`expected a line like "index 42", got ${clip(indexLine ?? "")}`);
  if (hashes.length > MAX_PATH) throw malformed(`expected at most ${MAX_PATH} hashes, got ${hashes.length}`);
  return {
    index,
    path: hashes.map((hash) => fromBase64(hash, "tlog-proof: hash", HASH_SIZE)),
    checkpoint: parseCheckpoint(utf8(text.slice(split + 2))),
  };
}

function malformed(reason: string): SteleError {
  return new SteleError("format.proof", `tlog-proof: ${reason}`);
}
