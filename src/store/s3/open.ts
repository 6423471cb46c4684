import { SteleError } from "../../core/error.ts";
import type { ChecksumChoice } from "./checksum.ts";
import { type S3Connection, s3Clients } from "./clients.ts";
import { S3Store } from "./s3-store.ts";

export interface S3StoreOptions extends S3Connection {
  /** Default `auto`: settled by the store's first answer to a PUT. */
  readonly checksum?: ChecksumChoice | undefined;
  /**
   * Whether the store is known to refuse a PUT with `If-None-Match: *` over an existing key. The header is sent in any
   * case. Default `auto`: no, until the store has refused one.
   */
  readonly conditionalPut?: "auto" | boolean | undefined;
  /** Bodies longer than this go up in parts. Bytes; default 64 MiB, at least 16 MiB. */
  readonly multipartThreshold?: number | undefined;
}

/**
 * The store at `s3://bucket/prefix`. Opening sends nothing.
 * @throws SteleError `input.invalid` for a bucket or prefix that S3 can't have, or a timeout that is none
 */
export function openS3Store(options: S3StoreOptions): S3Store {
  return new S3Store(s3Clients(options), {
    bucket: checkBucket(options.bucket),
    prefix: checkPrefix(options.prefix ?? ""),
    checksum: options.checksum ?? "auto",
    conditionalPut: options.conditionalPut ?? "auto",
    multipartThreshold: options.multipartThreshold ?? 64 * 1024 * 1024,
  });
}

/** @throws SteleError `input.invalid` */
export function checkBucket(bucket: string): string {
  if (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) return bucket;
  throw new SteleError(
    "input.invalid",
    `bucket: expected 3 to 63 lower-case letters, digits, dots and hyphens, got ${JSON.stringify(bucket.slice(0, 80))}`,
  );
}

/** @throws SteleError `input.invalid` */
export function checkPrefix(prefix: string): string {
  if (prefix === "" || prefix.split("/").every((part) => part !== "" && part !== "." && part !== "..")) return prefix;
  throw new SteleError(
    "input.invalid",
    `prefix: expected names joined by single slashes, none at the ends and no "." or "..", got ${JSON.stringify(prefix.slice(0, 80))}`,
  );
}
