import { equalBytes, fromUtf8, toBase64 } from "../../core/bytes.ts";
import { encodeCheckpoint, type SignedCheckpoint } from "../../core/checkpoint.ts";
import { verifyConsistency } from "../../core/consistency.ts";
import { isSteleError } from "../../core/error.ts";
import { logKey, manifestKey } from "../../core/layout.ts";
import { verifyNote } from "../../core/note.ts";
import type { Store } from "../../store/port.ts";
import { askForManifest } from "../ask-for.ts";
import type { LogIdentity } from "../archive.ts";
import { type Finding, type FindingCode, finding, leftOut } from "../finding.ts";
import type { History } from "../history.ts";
import type { ManifestWalk } from "./manifest-walk.ts";

/**
 * Each checkpoint seen before must be signed by the log's key, and be the log's own at that size. A log that ends before it
 * was cut off, once the store has said that the manifest is not there.
 *
 * @returns the findings, and whether the log is there beyond the end that its listing shows
 */
export async function checkRemembered(
  store: Store,
  log: LogIdentity,
  walk: ManifestWalk,
  checkpoints: readonly SignedCheckpoint[],
  history: History | undefined,
  endUnknown: boolean,
  signal?: AbortSignal,
): Promise<{ findings: Finding[]; endUnknown: boolean }> {
  const findings: Finding[] = [];
  const found = (code: FindingCode, message: string, told: Partial<Finding>): void =>
    void findings.push(finding(code, log.name, message, told));
  const size = walk.newest?.after.size ?? 0;
  let unknown = endUnknown;
  for (const remembered of checkpoints) {
    const what = `the remembered checkpoint of size ${remembered.size}`;
    try {
      verifyNote(remembered.note, [...walk.everInForce, ...(history?.keys ?? [])]);
    } catch (error) {
      if (!isSteleError(error)) throw error;
      if (!walk.allRead) {
        found("log.unreadable", `whether ${what} is the log's can't be told, as manifests can't be read: ${error.message}`, {});
        continue;
      }
      const note = fromUtf8(encodeCheckpoint(remembered));
      found("checkpoint.bad-signature", `${what} is not signed by a key of this log: ${error.message}`, { actual: note });
      continue;
    }
    const held = await isHeld(log, walk, history, remembered, signal);
    if (typeof held !== "boolean") findings.push(held);
    else if (!held) {
      const root = walk.rootAt(remembered.size);
      found("checkpoint.inconsistent", `the log is not the one that ${what} was made of`, {
        index: remembered.size - 1,
        expected: `root ${toBase64(remembered.root)}`,
        actual: root === undefined ? `another beginning of ${history?.size} manifests` : `root ${toBase64(root)}`,
      });
    }
    if (remembered.size <= size || unknown) continue;
    const there = await lastRemembered(store, log, walk, remembered.size - 1, signal);
    if (there !== null) {
      findings.push(there);
      unknown = true;
      continue;
    }
    const message = `the log was seen with ${remembered.size} manifests before, and now ends after ${size}: its tail was cut off`;
    found("log.truncated", message, { expected: `${remembered.size} manifests`, actual: `${size} manifests` });
  }
  return { findings, endUnknown: unknown };
}

/** Whether the log holds a checkpoint: by its own root at that size, or where that lies before the window, by a proof. */
async function isHeld(
  log: LogIdentity,
  walk: ManifestWalk,
  history: History | undefined,
  { size, root }: SignedCheckpoint,
  signal?: AbortSignal,
): Promise<boolean | Finding> {
  const known = walk.rootAt(size);
  if (known !== undefined) return equalBytes(known, root);
  if (history === undefined || size > history.size || size >= walk.from) return true;
  return isBeginning(log, history, { size, root }, `the ${size} manifests of a remembered checkpoint`, signal);
}

/** Asks for the last manifest that was seen before, where the listing has nothing. null: it is gone. */
async function lastRemembered(
  store: Store,
  log: LogIdentity,
  walk: ManifestWalk,
  index: number,
  signal?: AbortSignal,
): Promise<Finding | null> {
  if (walk.isOccupied(index)) return null;
  const claims = await askForManifest(store, log, index, signal);
  const where = { object: logKey(log.name, manifestKey(index)), index };
  if (isSteleError(claims))
    return finding(
      "log.unreadable",
      log.name,
      `whether manifest ${index} is still there can't be told: ${claims.message}`,
      where,
    );
  return claims.some(({ version }) => version.kind === "object") ? leftOut(log.name, `manifest ${index}`, where) : null;
}

/**
 * A window may be validly signed from end to end, and yet be of another history than the log's head: its last manifest's tree
 * must be a beginning of the head's, or hold it.
 */
export async function checkInHistory(
  log: LogIdentity,
  walk: ManifestWalk,
  history: History,
  signal?: AbortSignal,
): Promise<Finding | null> {
  if (walk.newest === null) return null;
  const { manifest, after } = walk.newest;
  const root = after.root();
  const atHead = walk.rootAt(history.size);
  const isOfHead =
    after.size < history.size
      ? await isBeginning(log, history, { size: after.size, root }, `the manifests up to ${manifest.index}`, signal)
      : atHead === undefined || equalBytes(atHead, history.root);
  if (typeof isOfHead !== "boolean") return isOfHead;
  if (isOfHead) return null;
  const message = `manifest ${manifest.index} is signed, but is of another history than the log's head`;
  return finding("checkpoint.inconsistent", log.name, message, {
    object: logKey(log.name, manifestKey(manifest.index)),
    index: manifest.index,
    expected: `root ${toBase64(history.root)} of ${history.size} manifests`,
    actual: `root ${toBase64(root)} of ${after.size} manifests`,
  });
}

/** Whether a tree is a beginning of the head's; or why that can't be told. */
async function isBeginning(
  log: LogIdentity,
  history: History,
  { size, root }: { readonly size: number; readonly root: Uint8Array },
  what: string,
  signal?: AbortSignal,
): Promise<boolean | Finding> {
  let proof: Uint8Array[];
  try {
    proof = await history.consistencyProof(size);
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    return finding("log.unreadable", log.name, `whether ${what} are of the head's history can't be told: ${error.message}`);
  }
  try {
    verifyConsistency(size, history.size, proof, root, history.root);
    return true;
  } catch (error) {
    if (!isSteleError(error, "proof.consistency")) throw error;
    return false;
  }
}
