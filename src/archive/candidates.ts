import { equalBytes } from "../core/bytes.ts";
import { type Commit, MAX_COMMIT_BYTES, openCommit } from "../core/commit.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import type { VerifierKey } from "../core/key.ts";
import { logKey, manifestKeyPrefix, parseManifestKey } from "../core/layout.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";

/** An object version that lies in a manifest's place. */
export interface Claim {
  readonly version: ObjectVersion;
  /** Its bytes, or why there are none. */
  readonly read: () => Promise<Uint8Array | SteleError>;
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
  readonly version: ObjectVersion;
  readonly signedBy: readonly VerifierKey[];
}

/**
 * The claims to one manifest index, in their order: lower attempts first, older versions first. Only the first is read ahead,
 * so that what a stranger puts in a manifest's place costs no memory.
 *
 * @param versions newest first within a key, as the store lists them
 */
export async function readClaims(
  store: Store,
  log: LogIdentity,
  versions: readonly ObjectVersion[],
  signal?: AbortSignal,
): Promise<Claim[]> {
  const ordered = versions
    .map((version, i) => ({ version, i, attempt: attemptOf(log, version) }))
    .sort((a, b) => a.attempt - b.attempt || b.i - a.i)
    .map(({ version }) => version);
  const first = ordered.find(({ kind }) => kind === "object");
  const ahead = first === undefined ? null : await load(store, first, signal);
  return ordered.map((version) => ({
    version,
    read: async () => (version === first && ahead !== null ? ahead : load(store, version, signal)),
  }));
}

/**
 * Decides what manifest `index` is. Only the log's key and age count: someone who can PUT but not sign may occupy the key or
 * put newer versions over it; the oldest version that the key has signed stays the manifest.
 *
 * @param others whether what lies beside the manifest is read and judged as well
 * @throws SteleError `store.denied`, `store.unreachable` when a version that could be the manifest can't be read: a younger
 *   one is then not taken in its place
 */
export async function chooseManifest(
  claims: readonly Claim[],
  log: LogIdentity,
  index: number,
  keys: readonly VerifierKey[],
  { others: wanted }: { readonly others: boolean } = { others: false },
): Promise<Candidates> {
  let chosen: ChosenManifest | null = null;
  const others: Other[] = [];
  const deleteMarkers: ObjectVersion[] = [];
  for (const { version, read } of claims) {
    if (version.kind === "delete-marker") {
      deleteMarkers.push(version);
      continue;
    }
    if (chosen !== null && !wanted) continue;
    const bytes = await read();
    if (bytes instanceof SteleError) {
      const { code, message } = bytes;
      // Not known to be refused: a younger version must not be taken in its place.
      if (chosen === null && code !== "store.too-large" && code !== "store.not-found") {
        throw new SteleError(code, message, { cause: bytes });
      }
      others.push({ version, refused: bytes });
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
      if (chosen === null) {
        chosen = { commit, version, signedBy };
      } else if (equalBytes(commit.leaf, chosen.commit.leaf)) {
        // The same manifest: a retry, or a copy with a signature line more, which anyone can make.
        others.push({ version, refused: null });
      } else {
        throw new SteleError("log.fenced", `another manifest ${index} is validly signed: the log has two histories`);
      }
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
  return chooseManifest(await readClaims(store, log, versions, signal), log, index, keys);
}

function attemptOf(log: LogIdentity, { key }: ObjectVersion): number {
  return parseManifestKey(key.slice(log.name.length + 1))?.attempt ?? Number.MAX_SAFE_INTEGER;
}

async function load(store: Store, version: ObjectVersion, signal?: AbortSignal): Promise<Uint8Array | SteleError> {
  if (version.size > MAX_COMMIT_BYTES) {
    return new SteleError(
      "store.too-large",
      `expected a manifest object of at most ${MAX_COMMIT_BYTES} bytes, got ${version.size}`,
    );
  }
  try {
    return (await store.get(version.key, { versionId: version.versionId, maxBytes: MAX_COMMIT_BYTES, signal })).body;
  } catch (error) {
    if (isSteleError(error) && signal?.aborted !== true) return error;
    throw error;
  }
}
