import type { DeleteMarkerEntry, ListObjectVersionsCommandOutput, ObjectVersion as S3Version } from "@aws-sdk/client-s3";
import { SteleError } from "../../core/error.ts";
import { timestamp } from "../../core/time.ts";
import { compareKeys } from "../key.ts";
import type { ObjectVersion } from "../port.ts";

/** One page of ListObjectVersions, its two lists made one again, with full keys. */
export interface VersionsPage {
  readonly versions: readonly ObjectVersion[];
  /** Where the next page starts; null after the last. */
  readonly next: { readonly keyMarker: string; readonly versionIdMarker: string | undefined } | null;
}

/**
 * Reads an answer to a ListObjectVersions that asked for URL-encoded keys (a key may hold characters that XML can't carry;
 * a stray one must not make the whole listing unreadable).
 * @throws SteleError `store.unreachable` when the answer lacks what S3 promises.
 */
export function readVersionsPage(answer: ListObjectVersionsCommandOutput): VersionsPage {
  const decode = answer.EncodingType === "url" ? decodeKey : (key: string) => key;
  const objects = (answer.Versions ?? []).map((entry) => readVersion(entry, "object", decode));
  const markers = (answer.DeleteMarkers ?? []).map((entry) => readVersion(entry, "delete-marker", decode));
  const versions = mergeVersions(objects, markers);
  if (answer.IsTruncated !== true) return { versions, next: null };
  if (answer.NextKeyMarker === undefined) throw unclear("IsTruncated without NextKeyMarker");
  return { versions, next: { keyMarker: decode(answer.NextKeyMarker), versionIdMarker: answer.NextVersionIdMarker } };
}

/**
 * Merges two lists that are each in S3's order: by key, then newest first. The store's order within either list is
 * kept whatever the times say, since S3 gives them in whole seconds and which object is the oldest must not hang on that;
 * of a delete marker and an object of one second, neither of them the latest, the marker comes first.
 */
export function mergeVersions(objects: readonly ObjectVersion[], markers: readonly ObjectVersion[]): ObjectVersion[] {
  const merged: ObjectVersion[] = [];
  let o = 0;
  let m = 0;
  for (;;) {
    const object = objects[o];
    const marker = markers[m];
    if (object === undefined && marker === undefined) return merged;
    if (marker === undefined || (object !== undefined && comesFirst(object, marker))) {
      if (object !== undefined) merged.push(object);
      o++;
    } else {
      merged.push(marker);
      m++;
    }
  }
}

function comesFirst(object: ObjectVersion, marker: ObjectVersion): boolean {
  const order = compareKeys(object.key, marker.key);
  if (order !== 0) return order < 0;
  if (object.isLatest !== marker.isLatest) return object.isLatest;
  return object.lastModified > marker.lastModified;
}

function readVersion(
  entry: S3Version | DeleteMarkerEntry,
  kind: ObjectVersion["kind"],
  decode: (key: string) => string,
): ObjectVersion {
  const size = kind === "delete-marker" ? 0 : "Size" in entry ? entry.Size : undefined;
  if (entry.Key === undefined || entry.VersionId === undefined || entry.LastModified === undefined || size === undefined) {
    throw unclear(`a ${kind} without Key, VersionId, LastModified or Size`);
  }
  return {
    key: decode(entry.Key),
    versionId: entry.VersionId,
    kind,
    isLatest: entry.IsLatest === true,
    size,
    lastModified: timestamp(entry.LastModified.getTime()),
  };
}

function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", "%20"));
  } catch (error) {
    throw unclear(`a key that is not URL-encoded UTF-8: ${JSON.stringify(key.slice(0, 200))}`, error);
  }
}

function unclear(what: string, cause?: unknown): SteleError {
  return new SteleError("store.unreachable", `the store's list of versions can't be read: it holds ${what}`, { cause });
}
