import { sha256 } from "#sha256";
import { toHex } from "../../core/bytes.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import { anchorKeyPrefix, checkpointCopyPrefix, logKey, parseAnchorKey, parseCheckpointCopyKey } from "../../core/layout.ts";
import { MAX_NOTE_BYTES } from "../../core/note.ts";
import type { ObjectVersion, Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import type { AnchorKind } from "./anchoring.ts";
import { MAX_STAMPED_BYTES } from "./stamped-checkpoint.ts";

/** A key under which an anchor lies, or should. */
export interface AnchorPlace {
  readonly kind: AnchorKind;
  readonly store: Store;
  /** In the store. */
  readonly key: string;
  /** Of the checkpoint, as the key says. */
  readonly size: number;
  /** What the object's SHA-256 begins with, as the key says. */
  readonly id: string;
  /** Newest first. */
  readonly versions: readonly ObjectVersion[];
}

/** An anchor's bytes: those that its key names, whatever else lies there. */
export interface AnchorObject {
  readonly version: ObjectVersion;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The anchor comes first at its key, as it is put where nothing is. More versions before it are somebody's work. */
const MAX_READ = 16;

/** The id in an anchor's key. */
export function anchorId(bytes: Uint8Array): string {
  return toHex(sha256(bytes)).slice(0, 16);
}

/**
 * The anchors of a log of one kind, the newest checkpoint's first, and objects among them that are none (as versions).
 * @param store the log's, or for copies the second store
 * @param of only those of the checkpoint of this size
 */
export async function* listAnchors(
  store: Store,
  log: LogIdentity,
  kind: AnchorKind,
  options: { readonly of?: number; readonly limit?: number; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<AnchorPlace | ObjectVersion, void, undefined> {
  const { of, limit, signal } = options;
  const prefix = kind === "copy" ? checkpointCopyPrefix(log.origin) : logKey(log.name, anchorKeyPrefix(kind, of));
  const parse = (key: string): { size: number; id: string } | null =>
    kind === "copy" ? parseCheckpointCopyKey(key, log.origin) : parseAnchorKey(key.slice(log.name.length + 1));
  let versions: ObjectVersion[] = [];
  const place = (): AnchorPlace | null => {
    const key = versions[0]?.key;
    const parsed = key === undefined ? null : parse(key);
    return key === undefined || parsed === null ? null : { kind, store, key, ...parsed, versions };
  };
  for await (const version of store.versions(prefix, { limit, signal })) {
    if (versions[0]?.key === version.key) {
      versions.push(version);
      continue;
    }
    const before = place();
    if (before !== null) yield before;
    versions = [];
    if (parse(version.key) === null) yield version;
    else versions = [version];
  }
  const last = place();
  if (last !== null) yield last;
}

/**
 * Reads the object that a place's key names: the oldest version whose hash begins with its id. Nothing else counts, so that
 * nobody can put another anchor in its place.
 * @returns null when no version is it
 * @throws SteleError `store.*` when a version that might be it can't be read, or there are too many
 */
export async function readAnchor({ kind, store, id, versions }: AnchorPlace, signal?: AbortSignal): Promise<AnchorObject | null> {
  const maxBytes = kind === "timestamp" ? MAX_STAMPED_BYTES : MAX_NOTE_BYTES;
  let unread: SteleError | null = null;
  const candidates = versions.filter((version) => version.kind === "object" && version.size <= maxBytes).toReversed();
  for (const version of candidates.slice(0, MAX_READ)) {
    try {
      const { body } = await store.get(version.key, { versionId: version.versionId, maxBytes, signal });
      if (anchorId(body) === id) return { version, bytes: body };
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      if (error.code !== "store.not-found" && error.code !== "store.too-large") unread ??= error;
    }
  }
  if (unread === null && candidates.length > MAX_READ) {
    const message = `${store.url}: ${candidates.length} versions lie at ${candidates[0]?.key}, and the first ${MAX_READ} are not what it names`;
    throw new SteleError("store.too-large", message);
  }
  if (unread !== null) throw new SteleError(unread.code, unread.message, { cause: unread });
  return null;
}

export function isPlace(item: AnchorPlace | ObjectVersion): item is AnchorPlace {
  return "versions" in item;
}
