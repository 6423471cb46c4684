import { type SignedCheckpoint, encodeCheckpoint, parseCheckpoint } from "../core/checkpoint.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { MAX_NOTE_BYTES } from "../core/note.ts";
import { readNamedFile, replaceFile } from "./files.ts";

/**
 * Reads a checkpoint that was kept from an earlier run. Its signature is checked by whoever holds the log's keys.
 * @throws SteleError `input.unreadable`, `input.invalid`
 */
export async function readCheckpointFile(path: string): Promise<SignedCheckpoint> {
  const bytes = await readNamedFile(path, MAX_NOTE_BYTES);
  try {
    return parseCheckpoint(bytes);
  } catch (cause) {
    if (!isSteleError(cause)) throw cause;
    throw new SteleError("input.invalid", `${path} is no checkpoint: ${cause.message}`, { cause });
  }
}

/** Keeps a checkpoint: a signed note, in place whole or not at all. @throws SteleError `input.unreadable` */
export async function writeCheckpointFile(path: string, checkpoint: SignedCheckpoint): Promise<void> {
  await replaceFile(path, encodeCheckpoint(checkpoint));
}
