import { logKey, manifestKeyPrefix, MANIFESTS_PREFIX, parseManifestKey } from "../core/layout.ts";
import { SteleError } from "../core/error.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { type Claim, readClaims } from "./candidates.ts";
import { orderedMap } from "./ordered-map.ts";

/** All that lies in the place of one manifest, read; or an object among the manifests that is none. */
export type WalkStep =
  | { readonly kind: "manifest"; readonly index: number; readonly claims: readonly Claim[] }
  | { readonly kind: "stray"; readonly version: ObjectVersion };

const READS_AHEAD = 16;

/**
 * Goes through the manifests of a log in order of index, from `from` on, in one listing, reading ahead. Indexes without any
 * object are left out: the caller counts.
 */
export async function* walkManifests(
  store: Store,
  log: LogIdentity,
  from = 0,
  signal?: AbortSignal,
): AsyncGenerator<WalkStep, void, undefined> {
  yield* orderedMap(groups(store, log, from, signal), READS_AHEAD, async (group): Promise<WalkStep> => {
    if (group.index === null) return { kind: "stray", version: group.version };
    return { kind: "manifest", index: group.index, claims: await readClaims(store, log, group.versions, signal) };
  });
}

type Group =
  | { readonly index: number; readonly versions: ObjectVersion[] }
  | { readonly index: null; readonly version: ObjectVersion };

async function* groups(
  store: Store,
  log: LogIdentity,
  from: number,
  signal?: AbortSignal,
): AsyncGenerator<Group, void, undefined> {
  const after = from === 0 ? undefined : `${logKey(log.name, manifestKeyPrefix(from - 1))}~`;
  let open: { index: number; versions: ObjectVersion[] } | null = null;
  for await (const version of store.versions(logKey(log.name, MANIFESTS_PREFIX), { after, signal })) {
    const parsed = parseManifestKey(version.key.slice(log.name.length + 1));
    if (parsed === null) {
      yield { index: null, version };
      continue;
    }
    // Keys of one index stand together: they differ only after its digits.
    if (open !== null && open.index > parsed.index) {
      throw new SteleError(
        "store.unreachable",
        `${store.url}: its listing is out of order at ${version.key}; nothing can be told from it`,
      );
    }
    if (open !== null && open.index !== parsed.index) {
      yield open;
      open = null;
    }
    open ??= { index: parsed.index, versions: [] };
    open.versions.push(version);
  }
  if (open !== null) yield open;
}
