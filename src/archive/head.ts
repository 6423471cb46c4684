import type { VerifierKey } from "../core/key.ts";
import { logKey, manifestKeyPrefix, MANIFESTS_PREFIX, parseManifestKey } from "../core/layout.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { type ChosenManifest, type Other, readManifest } from "./candidates.ts";

/** The newest manifest of a log, and what lies behind it that no given key has signed. */
export interface Head {
  /** null: no manifest that one of the keys has signed. */
  readonly newest: ChosenManifest | null;
  /** What was passed over at the log's end. */
  readonly passedOver: readonly Other[];
}

/**
 * Finds a log's newest validly signed manifest in O(log n) requests, and in one listing when `known`, an index that is
 * certainly there, is the newest.
 *
 * It asks the store for the first key after a place, not for a key: "is there anything after k" stays monotone when
 * manifests in the middle are gone, so that a gap can't pass for the end, and sees keys that a delete marker hides.
 *
 * @throws SteleError `store.*`; a log that can't be read is never taken for an empty one
 */
export async function findHead(
  store: Store,
  log: LogIdentity,
  keys: readonly VerifierKey[],
  options: { readonly known?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<Head> {
  const { signal } = options;
  const next = (index: number): Promise<number | null> => nextIndex(store, log.name, index, signal);
  const passedOver: Other[] = [];
  let low = options.known ?? -1;
  let end = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const last = await lastIndexBelow(next, low, end);
    if (last === null) return { newest: null, passedOver };
    const { chosen, others } = await readManifest(store, log, last, keys, signal);
    if (chosen !== null) return { newest: chosen, passedOver };
    // Put there by someone without the keys: the head is before it.
    passedOver.push(...others);
    end = last;
    if (low >= end) low = -1;
  }
}

/** The largest index in `[low, end)` that has a manifest key, by galloping and then halving; null when there is none. */
async function lastIndexBelow(next: (index: number) => Promise<number | null>, low: number, end: number): Promise<number | null> {
  let last = low >= 0 ? low : null;
  let from = low;
  let limit = end;
  for (let step = 1; from + step - 1 < limit;) {
    const found = await next(from + step - 1);
    if (found === null || found >= limit) {
      limit = from + step;
      break;
    }
    last = found;
    from = found;
    step *= 2;
  }
  // All keys up to `from` are known to be followed up to `last`; none lies in [limit, end).
  let bottom = last ?? from;
  while (bottom + 1 < limit) {
    const middle = bottom + Math.floor((limit - bottom) / 2);
    const found = await next(middle - 1);
    if (found === null || found >= limit) limit = middle;
    else {
      last = found;
      bottom = found;
    }
  }
  return last;
}

/** The first index above `index` (-1: the first of all) that has a manifest key, whatever it holds. */
async function nextIndex(store: Store, log: string, index: number, signal?: AbortSignal): Promise<number | null> {
  const after = index < 0 ? undefined : `${logKey(log, manifestKeyPrefix(index))}~`;
  const prefix = logKey(log, MANIFESTS_PREFIX);
  let first: string | undefined;
  for await (const { key } of store.versions(prefix, { after, limit: 1, signal })) {
    first = key;
    break;
  }
  if (first === undefined) return null;
  const found = indexAbove(first, log, index);
  if (found !== null) return found;
  // A stray. Now whole pages are read, so that strays do not cost a request each.
  for await (const { key } of store.versions(prefix, { after: first, signal })) {
    const above = indexAbove(key, log, index);
    if (above !== null) return above;
  }
  return null;
}

function indexAbove(key: string, log: string, index: number): number | null {
  const parsed = parseManifestKey(key.slice(log.length + 1));
  return parsed !== null && parsed.index > index ? parsed.index : null;
}
