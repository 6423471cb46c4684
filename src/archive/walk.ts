import { logKey, manifestKeyPrefix, MANIFESTS_PREFIX, parseManifestKey } from "../core/layout.ts";
import { SteleError } from "../core/error.ts";
import { compareKeys } from "../store/key.ts";
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
 * Goes through the manifests of a log in order of index, from `from` on and up to `end` (exclusive; null: to the last), in one
 * listing, reading ahead. Indexes without any object are left out: the caller counts. What is no manifest comes up in exactly
 * one of walks that follow each other.
 */
export async function* walkManifests(
  store: Store,
  log: LogIdentity,
  from = 0,
  signal?: AbortSignal,
  end: number | null = null,
): AsyncGenerator<WalkStep, void, undefined> {
  yield* orderedMap(groups(store, log, from, end, signal), READS_AHEAD, async (group): Promise<WalkStep> => {
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
  end: number | null,
  signal?: AbortSignal,
): AsyncGenerator<Group, void, undefined> {
  const after = from === 0 ? undefined : behind(log, from - 1);
  const last = end === null ? null : behind(log, end - 1);
  let open: { index: number; versions: ObjectVersion[] } | null = null;
  for await (const version of store.versions(logKey(log.name, MANIFESTS_PREFIX), { after, signal })) {
    if (last !== null && compareKeys(version.key, last) > 0) break;
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

/** Sorts behind all keys of manifest `index`, and before those of the next. */
function behind(log: LogIdentity, index: number): string {
  return `${logKey(log.name, manifestKeyPrefix(index))}~`;
}
