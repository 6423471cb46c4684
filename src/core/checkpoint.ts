import { clip, fromBase64, toBase64 } from "./bytes.ts";
import { SteleError } from "./error.ts";
import { HASH_SIZE } from "./hash.ts";
import type { Signer, VerifierKey } from "./key.ts";
import { formatNote, type Note, parseNote, signNote, verifyNote } from "./note.ts";

/** The body of a C2SP tlog-checkpoint: what a log's key says of its tree. */
export interface Checkpoint {
  /** The log's name, such as `audit.example.org/prod`. */
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** A checkpoint with the signed note that carries it. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: Note;
}

/** The text that is signed: origin, decimal size and base64 root, a line each. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  // A line feed in the origin would make the signed text another log's checkpoint.
  if (origin === "" || /\p{Cc}/u.test(origin)) throw malformed(`expected an origin of one line, got ${clip(origin)}`);
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/**
 * Reads a checkpoint (c2sp.org/tlog-checkpoint). Its signatures are not checked here. Extension lines are allowed, as the
 * standard asks, and mean nothing.
 * @throws SteleError `format.note`, `format.checkpoint`
 */
export function parseCheckpoint(bytes: Uint8Array): SignedCheckpoint {
  const note = parseNote(bytes);
  const lines = note.text.slice(0, -1).split("\n");
  const [origin, size, root, ...extensions] = lines;
  if (origin === undefined || origin === "" || size === undefined || root === undefined) {
    throw malformed(`expected the lines origin, size and root, got ${clip(note.text)}`);
  }
  if (extensions.includes("")) throw malformed("an extension line is empty");
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw malformed(`expected a decimal size below 2^53 without leading zeros, got ${clip(size)}`);
  }
  let hash: Uint8Array;
  try {
    hash = fromBase64(root, "root", HASH_SIZE);
  } catch (cause) {
    throw malformed(`expected a root of ${HASH_SIZE} bytes in base64, got ${clip(root)}`, cause);
  }
  return { origin, size: Number(size), root: hash, note };
}

/** Signs a checkpoint. Give the log's own key first. */
export async function signCheckpoint(checkpoint: Checkpoint, signers: readonly Signer[]): Promise<SignedCheckpoint> {
  return { ...checkpoint, note: await signNote(formatCheckpoint(checkpoint), signers) };
}

/** The bytes of the signed note. */
export function encodeCheckpoint(checkpoint: SignedCheckpoint): Uint8Array<ArrayBuffer> {
  return formatNote(checkpoint.note);
}

/**
 * Reads a checkpoint of `origin` and checks that at least one of `keys` signed it, and none of them wrongly.
 * @returns the checkpoint and the keys that signed
 * @throws SteleError `format.note`, `format.checkpoint`, `proof.signature`
 */
export function openCheckpoint(
  bytes: Uint8Array,
  origin: string,
  keys: readonly VerifierKey[],
): { checkpoint: SignedCheckpoint; signedBy: VerifierKey[] } {
  const checkpoint = parseCheckpoint(bytes);
  if (checkpoint.origin !== origin)
    throw malformed(`expected origin ${clip(origin)}, got ${clip(checkpoint.origin)}: it is of another log`);
  return { checkpoint, signedBy: verifyNote(checkpoint.note, keys) };
}

function malformed(reason: string, cause?: unknown): SteleError {
  return new SteleError("format.checkpoint", `checkpoint: ${reason}`, { cause });
}
