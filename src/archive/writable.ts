import { descriptionPeriod } from "../core/description.ts";
import { SteleError } from "../core/error.ts";
import type { VerifierKey } from "../core/key.ts";
import { logKey, parseLogName, parseSegmentKey, SEGMENTS_PREFIX, TILES_PREFIX } from "../core/layout.ts";
import type { Manifest } from "../core/manifest.ts";
import type { LockMode, Period } from "../core/retention.ts";
import type { Store } from "../store/port.ts";
import { type Archive, logKeys, type LogIdentity, logOf } from "./archive.ts";
import type { ChosenManifest } from "./candidates.ts";
import { locateHead } from "./locate.ts";

/** A log that may be appended to: where it stands, and what locks it promises. */
export interface WritableLog {
  readonly log: LogIdentity;
  /** null while it is empty. */
  readonly newest: ChosenManifest | null;
  /** All keys that may have signed it. */
  readonly keys: readonly VerifierKey[];
  readonly retention: { readonly mode: LockMode; readonly period: Period };
}

/**
 * Finds a log's head and makes sure that `key` may sign what follows it.
 * @throws SteleError `log.key` when it is not in force, `log.unsound` when the log has lost its manifests,
 *   `store.unsupported`, `format.description`, `store.*`
 */
export async function findWritable(
  archive: Archive,
  name: string,
  key: (log: LogIdentity) => VerifierKey,
  signal?: AbortSignal,
): Promise<WritableLog> {
  const { store, description } = archive;
  const log = logOf(archive, parseLogName(name));
  if (store.capabilities.locks === "none") {
    throw new SteleError(
      "store.unsupported",
      `${store.url} is a plain copy of an archive, without locks: it can be read, but not written to`,
    );
  }
  if (description === null)
    throw new SteleError("format.description", `${store.url}: without its archive.json an archive can't be written to`);
  const { newest, ring, keys } = await locateHead(store, log, logKeys(archive, log), signal);
  requireInForce(log, key(log), ring.inForce);
  if (newest === null) await requireNothingAfterNothing(store, log, signal);
  return { log, newest, keys, retention: { mode: description.retention.mode, period: descriptionPeriod(description) } };
}

/** Why nothing may follow a manifest that closed its log. */
export function closedBy(log: LogIdentity, { index, sealed }: Manifest): SteleError {
  return new SteleError(
    "log.closed",
    `log ${log.name} was closed with manifest ${index} at ${sealed}: nothing may follow it; use another log`,
  );
}

function requireInForce(log: LogIdentity, key: VerifierKey, inForce: readonly VerifierKey[]): void {
  if (inForce.some(({ vkey }) => vkey === key.vkey)) return;
  // With any other key the writer would make a manifest that no reader accepts, beside the real one.
  throw new SteleError(
    "log.key",
    `log ${log.name}: the signing key ${key.vkey} is not in force; expected ${inForce.map(({ vkey }) => vkey).join(" or ") || "a key of the archive"}. ` +
      `Give the archive's own key with --key-file.`,
  );
}

/**
 * A log without manifests but with what only manifests lead to has lost them: going on at 0 would be a second history. Until
 * a log has a manifest, no segment is put but its first.
 */
async function requireNothingAfterNothing(store: Store, log: LogIdentity, signal?: AbortSignal): Promise<void> {
  for (const prefix of [TILES_PREFIX, SEGMENTS_PREFIX]) {
    for await (const { key } of store.versions(logKey(log.name, prefix), { signal })) {
      const relative = key.slice(log.name.length + 1);
      if (prefix === SEGMENTS_PREFIX && (parseSegmentKey(relative)?.first ?? 0) === 0) continue;
      throw new SteleError(
        "log.unsound",
        `log ${log.name} has no manifest, but ${key}: its manifests are gone. Nothing is appended, since that would begin a second history. ` +
          `Run "stele verify"; to go on all the same, use another log`,
      );
    }
  }
}
