import { isSteleError, SteleError } from "../core/error.ts";
import { logKey, manifestKey, manifestKeyPrefix, parseManifestKey } from "../core/layout.ts";
import { timestamp } from "../core/time.ts";
import type { ObjectHead, ObjectVersion, Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { type Claim, readClaims } from "./candidates.ts";

/**
 * Asks for an object that a listing did not give: by its version, where one is known, and as whoever asks without. A listing
 * that leaves something out is no proof that it is gone.
 *
 * @returns the object, as far as an answer without listing tells; null: it is not there; or why that can't be told
 */
export async function askFor(
  store: Store,
  key: string,
  versionId: string | null,
  signal?: AbortSignal,
): Promise<ObjectVersion | null | SteleError> {
  try {
    const named = await headOf(store, key, versionId, signal);
    const head = named ?? (await store.head(key, { signal }));
    if (head === null) return null;
    // Its age is not told, and nothing here depends on it.
    return { key, versionId: head.versionId, kind: "object", isLatest: named === null, size: head.size, lastModified: EPOCH };
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    return error;
  }
}

const EPOCH = timestamp(0);

/** The named version's head. In a copy of the archive an id of another store may not even be one: then it is not there. */
async function headOf(
  store: Store,
  key: string,
  versionId: string | null,
  signal: AbortSignal | undefined,
): Promise<ObjectHead | null> {
  if (versionId === null || !store.capabilities.versions) return null;
  try {
    return await store.head(key, { versionId, signal });
  } catch (error) {
    if (!isSteleError(error, "store.unsupported")) throw error;
    return null;
  }
}

/**
 * Asks for manifest `index`, which the log's listing did not give: in a listing of its own, and directly at its usual key.
 * @returns what lies there, none: it is missing; or why that can't be told
 */
export async function askForManifest(
  store: Store,
  log: LogIdentity,
  index: number,
  signal?: AbortSignal,
): Promise<Claim[] | SteleError> {
  try {
    const versions: ObjectVersion[] = [];
    for await (const version of store.versions(logKey(log.name, manifestKeyPrefix(index)), { signal })) {
      if (parseManifestKey(version.key.slice(log.name.length + 1)) !== null) versions.push(version);
    }
    if (!versions.some(({ kind }) => kind === "object")) {
      const direct = await askFor(store, logKey(log.name, manifestKey(index)), null, signal);
      if (direct instanceof SteleError) return direct;
      if (direct !== null) versions.push(direct);
    }
    return await readClaims(store, log, versions, signal);
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    return error;
  }
}
