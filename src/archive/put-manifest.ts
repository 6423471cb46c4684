import { equalBytes } from "../core/bytes.ts";
import type { Commit } from "../core/commit.ts";
import { SteleError } from "../core/error.ts";
import type { VerifierKey } from "../core/key.ts";
import { logKey, manifestKey } from "../core/layout.ts";
import type { Retention } from "../core/retention.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { readManifest } from "./candidates.ts";
import { ensureLock, lockedPut } from "./locked-put.ts";
import { closedBy } from "./writable.ts";

const MAX_ATTEMPTS = 100;

/**
 * The commit: puts a manifest object so that every reader will take it for the manifest of its index, or finds out that
 * another one is. Its key is the fence between writers; the decision is always the readers' own: the first object in the
 * manifest's place that the log's key has signed. So it holds on stores that ignore `If-None-Match` as well, where two
 * writers both put and only the older version counts.
 *
 * A crash before the put leaves the log as it was; after it, the manifest is whole and the log ends in it.
 *
 * @throws SteleError `log.fenced` when another writer's manifest holds this index, `log.closed` when that one ended the log
 */
export async function putManifest(
  store: Store,
  log: LogIdentity,
  { commit, bytes }: { readonly commit: Commit; readonly bytes: Uint8Array },
  keys: readonly VerifierKey[],
  retention: Retention,
  signal?: AbortSignal,
): Promise<void> {
  const { index } = commit.manifest;
  // Where a second put would not be refused, it would be a second signed history, there for good: look first. What is left
  // is the moment between this and the put.
  if (!store.capabilities.conditionalPut) await requireFree(store, log, commit, keys, signal);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const result = await lockedPut(store, logKey(log.name, manifestKey(index, attempt)), bytes, retention, {
      contentType: "application/x-ndjson",
      signal,
    });
    // One version a key, and the store itself refuses a second: nothing to list.
    if (result.outcome === "created" && store.capabilities.conditionalPut && !store.capabilities.versions) return;
    const { chosen } = await readManifest(store, log, index, keys, signal);
    if (chosen !== null && equalBytes(chosen.commit.leaf, commit.leaf)) {
      // Put at an earlier try: its lock was not read back yet.
      if (result.outcome === "exists") await ensureLock(store, chosen.version.key, chosen.version.versionId, retention, signal);
      return;
    }
    if (chosen !== null) throw fenced(log, chosen.commit);
    // Only junk in the way, without the log's signature: go around it.
  }
  throw new SteleError(
    "store.exists",
    `log ${log.name}: ${MAX_ATTEMPTS} keys for manifest ${index} are all taken by objects without the log's signature; run "stele verify"`,
  );
}

async function requireFree(
  store: Store,
  log: LogIdentity,
  ours: Commit,
  keys: readonly VerifierKey[],
  signal?: AbortSignal,
): Promise<void> {
  const { chosen } = await readManifest(store, log, ours.manifest.index, keys, signal);
  if (chosen !== null && !equalBytes(chosen.commit.leaf, ours.leaf)) throw fenced(log, chosen.commit);
}

function fenced(log: LogIdentity, { manifest }: Commit): SteleError {
  if (manifest.closed === true) return closedBy(log, manifest);
  return new SteleError(
    "log.fenced",
    `log ${log.name}: another writer (${manifest.writer.id}) committed manifest ${manifest.index} at ${manifest.sealed}. ` +
      `A log has one writer at a time: this one stops. What it had not committed is still with its source, or in its spool; ` +
      `run it again when the other has ended, or use another log.`,
  );
}
