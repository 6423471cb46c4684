import { type Archive, logKeys, logOf } from "../archive/archive.ts";
import { isReadFailure } from "../archive/finding.ts";
import { openLog } from "../archive/log-reader.ts";
import { toBase64, utf8 } from "../core/bytes.ts";
import { parseCheckpoint } from "../core/checkpoint.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { type ReportedHead, SWEEPS_LOG } from "./report.ts";

/**
 * Heads as the log of sweeps tells them, with the keys that the archive itself lets sign: the key of the log of sweeps signs
 * nothing else, and must make nobody the signer of another log.
 *
 * @throws SteleError `sweep.failed` when a head is not what its checkpoint says; `store.*` when rotations of keys can't be read
 */
export async function confirmHeads(
  archive: Archive,
  heads: readonly ReportedHead[],
  signal?: AbortSignal,
): Promise<ReportedHead[]> {
  const confirmed: ReportedHead[] = [];
  for (const head of heads) {
    requireOwnCheckpoint(archive, head);
    confirmed.push({ ...head, keys: await confirmKeys(archive, head, signal) });
  }
  return confirmed;
}

function requireOwnCheckpoint(archive: Archive, { log, size, root, checkpoint }: ReportedHead): void {
  const { origin } = logOf(archive, log);
  const own = parseCheckpoint(utf8(checkpoint));
  if (own.origin === origin && own.size === size && toBase64(own.root) === root) return;
  throw new SteleError(
    "sweep.failed",
    `log ${SWEEPS_LOG}: expected the head of ${origin} with ${size} manifests and its checkpoint, got a checkpoint of ${own.origin} with ${own.size}`,
  );
}

async function confirmKeys(archive: Archive, { log, keys }: ReportedHead, signal?: AbortSignal): Promise<readonly string[]> {
  const believed = logKeys(archive, logOf(archive, log)).map(({ vkey }) => vkey);
  if (keys.every((key) => believed.includes(key))) return keys;
  const known = new Set([...believed, ...(await rotatedKeys(archive, log, signal))]);
  const rest = keys.filter((key) => known.has(key));
  return rest.length > 0 ? rest : believed;
}

/** Keys that the log itself has let sign, one after the other. */
async function rotatedKeys(archive: Archive, log: string, signal?: AbortSignal): Promise<string[]> {
  try {
    return (await openLog(archive, log, signal)).located.keys.map(({ vkey }) => vkey);
  } catch (error) {
    // What became of a log that is not there any more, or not sound, the head round tells.
    if (!isSteleError(error) || signal?.aborted === true || isReadFailure(error.code)) throw error;
    return [];
  }
}
