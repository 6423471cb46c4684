import type { Archive, LogIdentity } from "../../archive/archive.ts";
import { type Finding, type FindingCode, finding } from "../../archive/finding.ts";
import { openLog, type OpenLog } from "../../archive/log-reader.ts";
import { fromUtf8, toBase64 } from "../../core/bytes.ts";
import { encodeCheckpoint, type SignedCheckpoint } from "../../core/checkpoint.ts";
import { verifyConsistency } from "../../core/consistency.ts";
import { isSteleError } from "../../core/error.ts";
import { verifyNote } from "../../core/note.ts";

/**
 * Holds a log against checkpoints that were kept elsewhere, by consistency proofs: O(log n) requests each, where the log is not
 * walked from its beginning anyway.
 */
export async function checkGiven(
  archive: Archive,
  log: LogIdentity,
  checkpoints: readonly SignedCheckpoint[],
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  if (checkpoints.length === 0) return [];
  try {
    const opened = await openLog(archive, log.name, signal);
    const findings: Finding[] = [];
    for (const checkpoint of checkpoints) findings.push(...(await checkOne(opened, checkpoint)));
    return findings;
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    // Of a log without any signed manifest the walk itself tells.
    if (error.code === "log.not-found") return [];
    return [finding("log.unreadable", log.name, `the checkpoints given can't be held against the log: ${error.message}`)];
  }
}

async function checkOne({ log, head, history, located }: OpenLog, given: SignedCheckpoint): Promise<Finding[]> {
  const what = `the checkpoint given, of size ${given.size},`;
  const told = (code: FindingCode, message: string, where: Partial<Finding>): Finding[] => [
    finding(code, log.name, message, where),
  ];
  try {
    verifyNote(given.note, located.keys);
  } catch (error) {
    if (!isSteleError(error)) throw error;
    const actual = fromUtf8(encodeCheckpoint(given));
    return told("checkpoint.bad-signature", `${what} is not signed by a key of this log: ${error.message}`, { actual });
  }
  if (given.size > history.size) {
    const message = `the log was seen with ${given.size} manifests before, and now ends after ${history.size}: its tail was cut off`;
    return told("log.truncated", message, { expected: `${given.size} manifests`, actual: `${history.size} manifests` });
  }
  const proof = await history.consistencyProof(given.size);
  try {
    verifyConsistency(given.size, history.size, proof, given.root, head.after.root());
  } catch (error) {
    if (!isSteleError(error)) throw error;
    return told("checkpoint.inconsistent", `the log is not the one that ${what} was made of`, {
      index: given.size === 0 ? null : given.size - 1,
      expected: `root ${toBase64(given.root)}`,
    });
  }
  return [];
}
