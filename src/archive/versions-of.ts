import type { ObjectVersion, Store } from "../store/port.ts";

/** All versions and delete markers of one key, newest first; those of longer keys that begin with it are left out. */
export async function versionsOf(store: Store, key: string, signal?: AbortSignal): Promise<ObjectVersion[]> {
  const versions: ObjectVersion[] = [];
  for await (const version of store.versions(key, { signal })) if (version.key === key) versions.push(version);
  return versions;
}
