import { clip } from "./bytes.ts";
import { SteleError } from "./error.ts";
import { isKeyName } from "./key.ts";
import { type TileId, tilePath } from "./tile.ts";

/**
 * Where the objects of an archive lie (docs/FORMAT.md, "Objects"). Keys of a log's objects are relative to the log's
 * folder, as they stand in its manifests; {@link logKey} puts the log's name before them.
 */
export const ARCHIVE_DESCRIPTION_KEY = "archive.json";
export const LOG_DESCRIPTION_KEY = "log.json";
export const SEGMENTS_PREFIX = "segments/";
export const MANIFESTS_PREFIX = "manifests/";
export const TILES_PREFIX = "tiles/";
export const ROTATIONS_PREFIX = "keys/";
export const ANCHORS_PREFIX = "anchors/";

const RESERVED = new Set(["segments", "manifests", "tiles", "keys", "anchors", LOG_DESCRIPTION_KEY, ARCHIVE_DESCRIPTION_KEY]);
const MAX_LOG_NAME = 200;

/**
 * Checks a log's name: parts of `[a-z0-9][a-z0-9._-]*` joined by `/`; the first may begin with `_`, which is kept for the
 * archive's own logs. Names of the format's own folders are refused as parts, so that no log lies inside another's objects.
 * @throws SteleError `input.invalid`
 */
export function parseLogName(name: string): string {
  const parts = name.split("/");
  const valid = parts.every(
    (part, i) => (i === 0 ? /^_?[a-z0-9][a-z0-9._-]*$/ : /^[a-z0-9][a-z0-9._-]*$/).test(part) && !RESERVED.has(part),
  );
  if (!valid || name.length > MAX_LOG_NAME || name.includes("..")) {
    throw new SteleError(
      "input.invalid",
      `log name: expected parts of a-z, 0-9, ".", "_" and "-" joined by "/", such as prod/eu, at most ${MAX_LOG_NAME} characters, ` +
        `no part called ${[...RESERVED].join(", ")}; got ${clip(name)}`,
    );
  }
  return name;
}

/**
 * Checks an origin: a C2SP schema-less URL such as `audit.example.org/prod`, which is also the name of its key.
 * @throws SteleError `input.invalid`
 */
export function parseOrigin(origin: string): string {
  if (
    !isKeyName(origin) ||
    origin.includes("://") ||
    origin.startsWith("/") ||
    origin.endsWith("/") ||
    !/^[\x21-\x7e]{1,255}$/.test(origin)
  ) {
    throw new SteleError(
      "input.invalid",
      `origin: expected a name like audit.example.org or audit.example.org/prod (no scheme, no white space, no "+"), got ${clip(origin)}`,
    );
  }
  return origin;
}

/** The origin of a log of an archive: the archive's origin and the log's name. */
export function logOrigin(archiveOrigin: string, log: string): string {
  return `${archiveOrigin}/${log}`;
}

/** A log's object's key in the store. */
export function logKey(log: string, relative: string): string {
  return `${log}/${relative}`;
}

/** The log and the key within it of an object in the store; null where it belongs to no log. */
export function splitLogKey(key: string): { log: string; relative: string } | null {
  const match = /^(.+?)\/((?:segments|manifests|tiles|keys|anchors)\/.*|log\.json)$/s.exec(key);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  try {
    return { log: parseLogName(match[1]), relative: match[2] };
  } catch {
    return null;
  }
}

/**
 * `segments/dt=2026-11-23/0000000000001234.ndjson.zst`. `attempt` above 0 goes around a key that someone else occupies.
 * @param day UTC day of the first entry's arrival, `YYYY-MM-DD`
 */
export function segmentKey(day: string, first: number, attempt = 0): string {
  return `${SEGMENTS_PREFIX}dt=${day}/${digits(first)}${suffix(attempt)}.ndjson.zst`;
}

/** The first entry's index, the day and the attempt in a segment's key; null where it is no segment's key. */
export function parseSegmentKey(key: string): { day: string; first: number; attempt: number } | null {
  const match = /^segments\/dt=(\d{4}-\d{2}-\d{2})\/(\d{16})(?:\.([1-9]\d{0,3}))?\.ndjson\.zst$/.exec(key);
  if (match?.[1] === undefined) return null;
  const first = Number(match[2]);
  return Number.isSafeInteger(first) ? { day: match[1], first, attempt: Number(match[3] ?? 0) } : null;
}

/** `manifests/0000000000000042.ndjson`, or `manifests/0000000000000042.1.ndjson` for attempt 1. */
export function manifestKey(index: number, attempt = 0): string {
  return `${MANIFESTS_PREFIX}${digits(index)}${suffix(attempt)}.ndjson`;
}

/** What every key of manifest `index` begins with, whatever its attempt. */
export function manifestKeyPrefix(index: number): string {
  return `${MANIFESTS_PREFIX}${digits(index)}.`;
}

/** The index and the attempt in a manifest's key; null where it is no manifest's key. */
export function parseManifestKey(key: string): { index: number; attempt: number } | null {
  const match = /^manifests\/(\d{16})(?:\.([1-9]\d{0,3}))?\.ndjson$/.exec(key);
  if (match === null) return null;
  const index = Number(match[1]);
  return Number.isSafeInteger(index) ? { index, attempt: Number(match[2] ?? 0) } : null;
}

/** `tiles/0/x001/x234/067`. */
export function tileKey(id: TileId): string {
  return `${TILES_PREFIX}${tilePath(id)}`;
}

/** `keys/0000000000000042.json`: says that manifest 42 rotates keys. */
export function rotationKey(index: number): string {
  return `${ROTATIONS_PREFIX}${digits(index)}.json`;
}

/** What a stored anchor is: a checkpoint with witnesses' cosignatures, or with a time-stamp token. */
export type StoredAnchorKind = "witness" | "timestamp";

const ANCHOR_EXTENSIONS: Readonly<Record<StoredAnchorKind, string>> = { witness: "note", timestamp: "json" };

/**
 * `anchors/witness/9007199254740949.5b1c0a9f3d2e4c67.note`: an anchor of the checkpoint of size 42. The first number counts
 * down from 2^53 - 1, so that the newest anchor is the first that a listing names.
 * @param id the first 16 hex digits of the object's SHA-256: no other object can stand for it at its key
 */
export function anchorKey(kind: StoredAnchorKind, size: number, id: string): string {
  return `${anchorKeyPrefix(kind, size)}${id}.${ANCHOR_EXTENSIONS[kind]}`;
}

/** What the keys of all anchors of a kind begin with; with `size`, of those of that checkpoint. */
export function anchorKeyPrefix(kind: StoredAnchorKind, size?: number): string {
  return `${ANCHORS_PREFIX}${kind}/${size === undefined ? "" : `${digits(Number.MAX_SAFE_INTEGER - size)}.`}`;
}

/** The kind, the checkpoint's size and the id in an anchor's key; null where it is no anchor's key. */
export function parseAnchorKey(key: string): { kind: StoredAnchorKind; size: number; id: string } | null {
  const match = /^anchors\/(?:(witness)\/(\d{16})\.([0-9a-f]{16})\.note|(timestamp)\/(\d{16})\.([0-9a-f]{16})\.json)$/.exec(key);
  if (match === null) return null;
  const left = Number(match[2] ?? match[5]);
  if (!Number.isSafeInteger(left)) return null;
  const kind = match[1] === undefined ? "timestamp" : "witness";
  return { kind, size: Number.MAX_SAFE_INTEGER - left, id: match[3] ?? match[6] ?? "" };
}

/**
 * `anchors/audit.example.org+app/9007199254740949.5b1c0a9f3d2e4c67.note`: a copy of a log's checkpoint in another store. No
 * `+` stands in an origin, so that each log has its own folder.
 */
export function checkpointCopyKey(origin: string, size: number, id: string): string {
  return `${checkpointCopyPrefix(origin)}${digits(Number.MAX_SAFE_INTEGER - size)}.${id}.note`;
}

export function checkpointCopyPrefix(origin: string): string {
  return `${ANCHORS_PREFIX}${origin.replaceAll("/", "+")}/`;
}

/** The size and the id in the key of a checkpoint's copy; null where it is none of `origin`. */
export function parseCheckpointCopyKey(key: string, origin: string): { size: number; id: string } | null {
  const prefix = checkpointCopyPrefix(origin);
  const match = /^(\d{16})\.([0-9a-f]{16})\.note$/.exec(key.startsWith(prefix) ? key.slice(prefix.length) : "");
  const left = Number(match?.[1] ?? Number.NaN);
  return match?.[2] !== undefined && Number.isSafeInteger(left) ? { size: Number.MAX_SAFE_INTEGER - left, id: match[2] } : null;
}

function digits(n: number): string {
  if (!Number.isSafeInteger(n) || n < 0) throw new SteleError("input.invalid", `expected an index from 0 to 2^53 - 1, got ${n}`);
  return String(n).padStart(16, "0");
}

function suffix(attempt: number): string {
  return attempt === 0 ? "" : `.${attempt}`;
}
