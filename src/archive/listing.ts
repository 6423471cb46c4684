import { LOG_DESCRIPTION_KEY, logKey, splitLogKey } from "../core/layout.ts";
import { compareKeys } from "../store/key.ts";
import type { ObjectVersion, Store } from "../store/port.ts";

/** A log of an archive, or an object that belongs to none. */
export type ArchiveItem =
  | { readonly kind: "log"; readonly name: string }
  | { readonly kind: "object"; readonly version: ObjectVersion };

/**
 * The logs that have objects in a store, and every object that belongs to none, in order. Skips from log to log: a few
 * requests each, however many objects it has.
 * @param prefix "" for the whole store
 */
export async function* listArchive(
  store: Store,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<ArchiveItem, void, undefined> {
  const seen = new Set<string>();
  let after: string | undefined;
  for (let jumped = true; jumped;) {
    jumped = false;
    for await (const version of store.versions(prefix, { after, signal })) {
      const place = splitLogKey(version.key);
      if (place === null) {
        yield { kind: "object", version };
        continue;
      }
      if (!seen.has(place.log)) {
        seen.add(place.log);
        yield { kind: "log", name: place.log };
      }
      if (place.relative === LOG_DESCRIPTION_KEY) continue;
      // "~" sorts after everything that a key of the format holds; what sorts after it all the same is gone through.
      const end = `${logKey(place.log, place.relative.split("/")[0] ?? "")}/~`;
      if (compareKeys(version.key, end) >= 0) continue;
      after = end;
      jumped = true;
      break;
    }
  }
}
