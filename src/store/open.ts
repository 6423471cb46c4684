import { fileURLToPath } from "node:url";
import { SteleError } from "../core/error.ts";
import { createDirectoryStore, openDirectoryStore } from "./directory/directory.ts";
import type { Store } from "./port.ts";
import { withRetry } from "./retry.ts";
import type { ChecksumChoice } from "./s3/checksum.ts";

/** Where a store lies, as its user wrote it: `s3://bucket[/prefix]`, a folder, or `file:` and a folder. */
export type StoreLocation =
  | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "directory"; readonly path: string };

/** How an S3 store is reached. What is left out is found as every AWS tool finds it. */
export interface S3Access {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: boolean | undefined;
  readonly checksum?: ChecksumChoice | undefined;
}

export interface OpenStoreOptions {
  /** Of no meaning for a folder. */
  readonly s3?: S3Access | undefined;
  /** Make a folder that is not there yet a store. A bucket is made by `provisionBucket`. Default false. */
  readonly create?: boolean | undefined;
}

/**
 * Reads a store's location. A slash at the end means nothing.
 * @throws SteleError `input.invalid`
 */
export function parseStoreLocation(location: string): StoreLocation {
  if (location.startsWith("s3://")) return parseS3(location);
  if (location.startsWith("file://")) return { kind: "directory", path: fileUrlPath(location) };
  const path = location.startsWith("file:") ? location.slice("file:".length) : location;
  if (path === "" || /^(?:s3:|[a-z][a-z0-9+.-]*:\/\/)/i.test(path)) {
    throw new SteleError("input.invalid", `store: expected s3://bucket[/prefix] or a folder, got ${JSON.stringify(location)}`);
  }
  return { kind: "directory", path };
}

/**
 * Opens the store at a location. What can't be reached for a moment is tried again; a folder has no such moments.
 * @throws SteleError `input.invalid` for a location that can't be, `store.not-found` when there is no such folder
 */
export async function openStore(location: string | StoreLocation, options: OpenStoreOptions = {}): Promise<Store> {
  const place = typeof location === "string" ? parseStoreLocation(location) : location;
  if (place.kind === "directory") {
    return options.create === true ? createDirectoryStore(place.path) : openDirectoryStore(place.path);
  }
  // The SDK takes longer to load than most work on a folder takes.
  const { openS3Store } = await import("./s3/open.ts");
  return withRetry(openS3Store({ bucket: place.bucket, prefix: place.prefix, ...options.s3 }));
}

function parseS3(location: string): StoreLocation {
  const [, bucket = "", prefix = ""] = /^s3:\/\/([^/]*)(?:\/(.*?))?\/?$/s.exec(location) ?? [];
  if (bucket === "")
    throw new SteleError("input.invalid", `store: expected s3://bucket[/prefix], got ${JSON.stringify(location)}`);
  return { kind: "s3", bucket, prefix };
}

function fileUrlPath(location: string): string {
  try {
    return fileURLToPath(location);
  } catch (cause) {
    throw new SteleError("input.invalid", `store: expected file:///absolute/path, got ${JSON.stringify(location)}`, { cause });
  }
}
