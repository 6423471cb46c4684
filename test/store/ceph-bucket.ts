import { randomUUID } from "node:crypto";
import { CreateBucketCommand, PutObjectLockConfigurationCommand, S3Client } from "@aws-sdk/client-s3";
import { openS3Store, type S3StoreOptions } from "../../src/store/s3/open.ts";
import type { S3Store } from "../../src/store/s3/s3-store.ts";

/** A new bucket on the real server that the environment names. */
export interface TestBucket {
  readonly bucket: string;
  readonly client: S3Client;
  readonly open: (options?: Partial<S3StoreOptions>) => S3Store;
}

export interface BucketTraits {
  /** Default true. */
  readonly objectLock?: boolean;
  /** Default lock of new objects, COMPLIANCE, in days. Default: none. */
  readonly defaultDays?: number;
}

/**
 * @throws Error when the environment names no test server: a store that isn't tested must not look like one that passed,
 *   and whatever account the credentials at hand belong to must not get locked objects.
 */
export function requireServer(): void {
  if (process.env["AWS_ENDPOINT_URL"] === undefined || process.env["STELE_TEST_S3"] === undefined) {
    throw new Error("these tests need a real S3 server: run them under `node scripts/ceph.ts run -- ...`");
  }
}

export async function newBucket(traits: BucketTraits = {}): Promise<TestBucket> {
  requireServer();
  const client = new S3Client({
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const bucket = `test-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: traits.objectLock ?? true }));
  if (traits.defaultDays !== undefined) {
    const Rule = { DefaultRetention: { Mode: "COMPLIANCE" as const, Days: traits.defaultDays } };
    const ObjectLockConfiguration = { ObjectLockEnabled: "Enabled" as const, Rule };
    await client.send(new PutObjectLockConfigurationCommand({ Bucket: bucket, ObjectLockConfiguration }));
  }
  return { bucket, client, open: (options = {}) => openS3Store({ bucket, pathStyle: true, ...options }) };
}
