import { utf8 } from "../core/bytes.ts";
import { logKey, rotationKey, ROTATIONS_PREFIX } from "../core/layout.ts";
import type { Retention } from "../core/retention.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import { lockedPut } from "./locked-put.ts";

/**
 * Says, before manifest `index` rotates keys, that it does. Whoever reads a part of a log learns from one listing that its
 * keys have changed, and walks it from the beginning: otherwise someone with a retired key could append to it and be
 * believed. The mark is locked, so it can't be taken away; a mark without a rotation, as a crash leaves it, does no harm.
 */
export async function markRotation(
  store: Store,
  log: LogIdentity,
  index: number,
  retention: Retention,
  signal?: AbortSignal,
): Promise<void> {
  await lockedPut(store, logKey(log.name, rotationKey(index)), rotationMark(log, index), retention, {
    contentType: "application/json",
    signal,
  });
}

/** The bytes of a mark. */
export function rotationMark(log: LogIdentity, index: number): Uint8Array<ArrayBuffer> {
  return utf8(`${JSON.stringify({ origin: log.origin, rotation: index })}\n`);
}

/** Whether anything says that a log's keys were ever rotated. */
export async function hasRotations(store: Store, log: LogIdentity, signal?: AbortSignal): Promise<boolean> {
  for await (const _ of store.versions(logKey(log.name, ROTATIONS_PREFIX), { limit: 1, signal })) return true;
  return false;
}
