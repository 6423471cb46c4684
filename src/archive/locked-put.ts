import { SteleError } from "../core/error.ts";
import { coversRetention, type Retention } from "../core/retention.ts";
import type { PutResult, Store } from "../store/port.ts";

/**
 * Puts an object and reads its lock back from the store. A store that lost the lock (Ceph RGW 16 does, on multipart
 * uploads) gets it set again; one that still shows less than was promised is refused, before anything is committed on it.
 *
 * @throws SteleError `store.lock-lost`
 */
export async function lockedPut(
  store: Store,
  key: string,
  body: Uint8Array,
  retention: Retention,
  options: { readonly contentType?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<PutResult> {
  const result = await store.putIfAbsent(key, body, { retention, ...options });
  if (result.outcome === "created") await ensureLock(store, key, result.versionId, retention, options.signal);
  return result;
}

/** Makes sure that a version is locked at least as promised, extending the lock where it is not. */
export async function ensureLock(
  store: Store,
  key: string,
  versionId: string | null,
  retention: Retention,
  signal?: AbortSignal,
): Promise<void> {
  const call = { versionId, signal };
  const first = await store.lockState(key, call);
  if (coversRetention(first.retention, retention)) return;
  await store.extendRetention(key, retention, call);
  const second = await store.lockState(key, call);
  if (coversRetention(second.retention, retention)) return;
  const shown = second.retention === null ? "no lock" : `${second.retention.mode} until ${second.retention.until}`;
  throw new SteleError(
    "store.lock-lost",
    `${store.url}: ${key} was put under ${retention.mode} until ${retention.until}, but the store shows ${shown}, ` +
      `and still does after it was set again. The object stays as it is; nothing more is written. Run "stele doctor" on this store.`,
  );
}
