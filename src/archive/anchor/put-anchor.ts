import { SteleError } from "../../core/error.ts";
import type { Retention } from "../../core/retention.ts";
import type { Store } from "../../store/port.ts";
import { ensureLock, lockedPut } from "../locked-put.ts";
import { versionsOf } from "../versions-of.ts";
import type { AnchorKind } from "./anchoring.ts";
import { anchorId, readAnchor } from "./places.ts";

/**
 * Puts an anchor under its key, once, under lock. A key names its bytes: put again, it is the same object.
 * @param retention null leaves the lock to the store's default
 * @throws SteleError `store.exists` when something else lies at its key, `store.*`
 */
export async function putAnchor(
  store: Store,
  anchor: { readonly kind: AnchorKind; readonly key: string; readonly size: number; readonly bytes: Uint8Array<ArrayBuffer> },
  retention: Retention | null,
  signal?: AbortSignal,
): Promise<void> {
  const { kind, key, size, bytes } = anchor;
  const contentType = kind === "timestamp" ? "application/json" : "text/plain; charset=utf-8";
  const { outcome } =
    retention === null
      ? await store.putIfAbsent(key, bytes, { retention, contentType, signal })
      : await lockedPut(store, key, bytes, retention, { contentType, signal });
  if (outcome === "created") return;
  const place = { kind, store, key, size, id: anchorId(bytes), versions: await versionsOf(store, key, signal) };
  const there = await readAnchor(place, signal);
  if (there === null) {
    throw new SteleError("store.exists", `${store.url}: something else lies at ${key}, where an anchor is to be put`);
  }
  if (retention !== null) await ensureLock(store, key, there.version.versionId, retention, signal);
}
