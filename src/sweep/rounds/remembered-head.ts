import type { Archive, LogIdentity } from "../../archive/archive.ts";
import { logKeys } from "../../archive/archive.ts";
import { readManifest } from "../../archive/candidates.ts";
import { type Finding, finding, leftOut } from "../../archive/finding.ts";
import { findHead } from "../../archive/head.ts";
import { manifestFindings } from "../../archive/verify/manifest-findings.ts";
import { equalBytes, toBase64 } from "../../core/bytes.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { logKey, manifestKey } from "../../core/layout.ts";
import type { RememberedLog } from "../state/remembered-logs.ts";

/** The manifest that was a log's last when it was last seen in order, held against what is remembered of it. */
export interface Recalled {
  /** It, or what the log's key has signed in its place; null where there is neither. */
  readonly commit: Commit | null;
  /** Why it is not what is remembered. */
  readonly findings: readonly Finding[];
  /** Whether nothing at all lies there. */
  readonly gone: boolean;
}

/**
 * Reads the manifest of a remembered head, in a request or two. Where no listing has it, it is asked for by its key: a listing may
 * leave something out.
 * @param keys that may have signed it
 * @throws SteleError `store.*`
 */
export async function recallHead(
  archive: Archive,
  log: LogIdentity,
  { checkpoint }: RememberedLog,
  keys: readonly VerifierKey[],
  signal: AbortSignal | undefined,
): Promise<Recalled> {
  const index = checkpoint.size - 1;
  const candidates = await readManifest(archive.store, log, index, keys, signal);
  const { chosen, others } = candidates;
  if (chosen === null) {
    const gone = others.length === 0;
    if (gone && (await headOf(archive, logKey(log.name, manifestKey(index)), signal)) !== null) {
      return {
        commit: null,
        findings: [leftOut(log.name, `manifest ${index}, the last when the log was seen before`, {})],
        gone: false,
      };
    }
    return { commit: null, findings: gone ? [] : manifestFindings(log, candidates), gone };
  }
  const { commit, version } = chosen;
  if (equalBytes(commit.after.root(), checkpoint.root)) return { commit, findings: [], gone: false };
  const other = finding(
    "checkpoint.inconsistent",
    log.name,
    `the log is not the one that was seen before with ${checkpoint.size} manifests`,
    {
      object: version.key,
      versionId: version.versionId,
      index,
      expected: `root ${toBase64(checkpoint.root)}`,
      actual: `root ${toBase64(commit.after.root())}`,
    },
  );
  return { commit, findings: [other], gone: false };
}

/** Keys that may have signed a remembered head: it may itself have retired the one that signed it. */
export function keysOfHead(archive: Archive, log: LogIdentity, { keys }: RememberedLog): VerifierKey[] {
  const all = [...keys, ...logKeys(archive, log)];
  return all.filter((key, i) => all.findIndex(({ vkey }) => vkey === key.vkey) === i);
}

/**
 * What became of a log whose remembered head is gone and behind which nothing lies.
 * @returns the finding, and what is the log's head now
 * @throws SteleError `store.*`
 */
export async function tellTruncation(
  archive: Archive,
  log: LogIdentity,
  { checkpoint }: RememberedLog,
  keys: readonly VerifierKey[],
  signal: AbortSignal | undefined,
): Promise<{ readonly finding: Finding; readonly head: Commit | null }> {
  const listed = `the log was seen with ${checkpoint.size} manifests before`;
  const { newest } = await findHead(archive.store, log, keys, { signal });
  const size = newest?.commit.after.size ?? 0;
  if (size >= checkpoint.size) {
    const message = `${listed}; the listing shows ${size} now, and did not a moment ago: nothing can be told from such a listing`;
    return { finding: finding("log.unreadable", log.name, message), head: null };
  }
  const told = { expected: `${checkpoint.size} manifests`, actual: `${size} manifests` };
  if (newest === null) {
    return {
      finding: finding("log.missing", log.name, `${listed}, and nothing that its key has signed is left`, told),
      head: null,
    };
  }
  const message = `${listed}, and now ends after ${size}: its tail was cut off`;
  return { finding: finding("log.truncated", log.name, message, told), head: newest.commit };
}

/** A store that keeps no versions, or a delete marker on top, says "not there" as well: that is no reason not to tell. */
async function headOf(archive: Archive, key: string, signal: AbortSignal | undefined): Promise<unknown> {
  try {
    return await archive.store.head(key, { signal });
  } catch (error) {
    if (isSteleError(error, "store.not-found")) return null;
    throw error;
  }
}
