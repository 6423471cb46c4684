import { equalBytes } from "../core/bytes.ts";
import { type Commit, MAX_COMMIT_BYTES, openCommit } from "../core/commit.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import type { VerifierKey } from "../core/key.ts";
import { logKey, manifestKeyPrefix, parseManifestKey } from "../core/layout.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";

/** One version of an object that may hold manifest `index`, with its bytes or why there are none. */
export interface LoadedVersion {
  readonly version: ObjectVersion;
  readonly attempt: number;
  readonly bytes: Uint8Array | SteleError;
}

/** Why an object in a manifest's place is not the manifest. */
export interface Other {
  readonly version: ObjectVersion;
  /** null: it says just the same, as a retry leaves behind. `log.fenced`: the log's key signed another history. */
  readonly refused: SteleError | null;
}

/** The manifest at an index, and everything else that lies in its place. */
export interface Candidates {
  readonly index: number;
  /** The first, by attempt and then by age, that the log's key has signed. */
  readonly chosen: ChosenManifest | null;
  readonly others: readonly Other[];
  readonly deleteMarkers: readonly ObjectVersion[];
}

export interface ChosenManifest {
  readonly commit: Commit;
  readonly bytes: Uint8Array;
  readonly version: ObjectVersion;
  readonly signedBy: readonly VerifierKey[];
}

/**
 * Reads every version of the keys of one manifest index, in the order of their claim: lower attempts first, older versions
 * first. Versions that can't be read are kept with the error.
 *
 * @param versions newest first within a key, as the store lists them
 */
export async function loadCandidates(
  store: Store,
  log: LogIdentity,
  versions: readonly ObjectVersion[],
  signal?: AbortSignal,
): Promise<LoadedVersion[]> {
  const loaded: LoadedVersion[] = [];
  const claims = versions
    .map((version, i) => ({
      version,
      i,
      attempt: parseManifestKey(version.key.slice(log.name.length + 1))?.attempt ?? Number.MAX_SAFE_INTEGER,
    }))
    .sort((a, b) => a.attempt - b.attempt || b.i - a.i);
  for (const { version, attempt } of claims) {
    if (version.kind === "delete-marker") loaded.push({ version, attempt, bytes: new Uint8Array(0) });
    else loaded.push({ version, attempt, bytes: await load(store, version, signal) });
  }
  return loaded;
}

/**
 * Decides what manifest `index` is. Only the log's key and age count: someone who can PUT but not sign may occupy the key or
 * put newer versions over it; the oldest version that the key has signed stays the manifest.
 *
 * @throws SteleError `store.denied`, `store.unreachable` when a version that could be the manifest can't be read: a younger
 *   one is then not taken in its place
 */
export function chooseManifest(
  loaded: readonly LoadedVersion[],
  log: LogIdentity,
  index: number,
  keys: readonly VerifierKey[],
): Candidates {
  let chosen: ChosenManifest | null = null;
  const others: Other[] = [];
  const deleteMarkers: ObjectVersion[] = [];
  for (const { version, bytes } of loaded) {
    if (version.kind === "delete-marker") {
      deleteMarkers.push(version);
      continue;
    }
    if (bytes instanceof SteleError) {
      const { code, message } = bytes;
      // Not known to be refused: a younger version must not be taken in its place.
      if (chosen === null && code !== "store.too-large" && code !== "store.not-found") {
        throw new SteleError(code, message, { cause: bytes });
      }
      others.push({ version, refused: bytes });
      continue;
    }
    if (chosen !== null && equalBytes(bytes, chosen.bytes)) {
      others.push({ version, refused: null });
      continue;
    }
    try {
      const { commit, signedBy } = openCommit(bytes, log.origin, keys);
      if (commit.manifest.index !== index) {
        throw new SteleError(
          "format.manifest",
          `manifest: expected index ${index}, got ${commit.manifest.index}: it belongs elsewhere in the log`,
        );
      }
      if (chosen !== null)
        throw new SteleError("log.fenced", `another manifest ${index} is validly signed: the log has two histories`);
      chosen = { commit, bytes, version, signedBy };
    } catch (error) {
      if (!isSteleError(error)) throw error;
      others.push({ version, refused: error });
    }
  }
  return { index, chosen, others, deleteMarkers };
}

/** Lists, reads and decides manifest `index`. @throws SteleError as {@link chooseManifest}, and `store.*` of the listing */
export async function readManifest(
  store: Store,
  log: LogIdentity,
  index: number,
  keys: readonly VerifierKey[],
  signal?: AbortSignal,
): Promise<Candidates> {
  const versions: ObjectVersion[] = [];
  for await (const version of store.versions(logKey(log.name, manifestKeyPrefix(index)), { signal })) {
    if (parseManifestKey(version.key.slice(log.name.length + 1)) !== null) versions.push(version);
  }
  return chooseManifest(await loadCandidates(store, log, versions, signal), log, index, keys);
}

async function load(store: Store, version: ObjectVersion, signal?: AbortSignal): Promise<Uint8Array | SteleError> {
  try {
    return (await store.get(version.key, { versionId: version.versionId, maxBytes: MAX_COMMIT_BYTES, signal })).body;
  } catch (error) {
    if (isSteleError(error) && signal?.aborted !== true) return error;
    throw error;
  }
}
