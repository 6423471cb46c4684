import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  PutObjectLockConfigurationCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { SteleError } from "../../core/error.ts";
import type { LockMode, Period } from "../../core/retention.ts";
import { type S3Connection, s3Clients, sendOptions } from "./clients.ts";
import { s3Error, s3Failure, saysNoLock } from "./errors.ts";
import { checkBucket } from "./open.ts";

/** A bucket's own lock for objects that are put without one. S3 counts it in days or years. */
export interface DefaultRetention {
  readonly mode: LockMode;
  readonly period: Period;
}

export interface ProvisionOptions extends S3Connection {
  /** Whether to create the bucket when it is missing. Default true. */
  readonly create?: boolean | undefined;
  /**
   * Set where the bucket has none; one that is there is left as it is. Hours are rounded up to days, and a month counts
   * 31 days: this is the net below the explicit locks, and must not be shorter than they are.
   */
  readonly defaultRetention?: DefaultRetention | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ProvisionResult {
  /** Whether the bucket was created now, or found. */
  readonly bucket: "created" | "found";
  /** The bucket's default as it is now; null for none. */
  readonly defaultRetention: DefaultRetention | null;
  /** Whether that default was set now. */
  readonly defaultRetentionSet: boolean;
}

/**
 * Creates the bucket with Object Lock, or checks one that is there: Object Lock on (which brings versioning along) and
 * versioning not suspended. Never changes what it finds, but for a missing default retention.
 * @throws SteleError `store.unsupported` when the bucket can't hold an archive, saying what to do; `store.denied`;
 *   `store.not-found` when it is missing and not to be created; `store.unreachable`
 */
export async function provisionBucket(options: ProvisionOptions): Promise<ProvisionResult> {
  const { signal } = options;
  const Bucket = checkBucket(options.bucket);
  const clients = s3Clients(options);
  try {
    const created = await ensureBucket(clients.retrying, Bucket, options);
    const found = await readDefaultRetention(clients.retrying, Bucket, signal);
    await checkVersioning(clients.retrying, Bucket, signal);
    const bucket = created ? "created" : "found";
    if (options.defaultRetention === undefined || found !== null) {
      return { bucket, defaultRetention: found, defaultRetentionSet: false };
    }
    await setDefaultRetention(clients.retrying, Bucket, options.defaultRetention, signal);
    const set = await readDefaultRetention(clients.retrying, Bucket, signal);
    if (set === null)
      throw new SteleError("store.unsupported", `bucket ${Bucket}: the store took a default retention and did not keep it`);
    return { bucket, defaultRetention: set, defaultRetentionSet: true };
  } catch (error) {
    throw s3Error(error, `provision bucket ${Bucket}`, signal);
  } finally {
    clients.once.destroy();
    clients.retrying.destroy();
  }
}

/**
 * The bucket's default retention; null when it has none.
 * @throws SteleError `store.unsupported` when the bucket has no Object Lock; else what the SDK throws
 */
export async function readDefaultRetention(
  client: S3Client,
  Bucket: string,
  signal: AbortSignal | undefined,
): Promise<DefaultRetention | null> {
  const configuration = await lockConfiguration(client, Bucket, signal);
  const rule = configuration?.Rule?.DefaultRetention;
  if (rule === undefined) return null;
  const { Mode, Days, Years } = rule;
  const days = Days ?? 0;
  const years = Years ?? 0;
  if ((Mode !== "COMPLIANCE" && Mode !== "GOVERNANCE") || days > 0 === years > 0) {
    throw new SteleError("store.unsupported", `bucket ${Bucket}: its default retention can't be read: ${JSON.stringify(rule)}`);
  }
  return { mode: Mode, period: years > 0 ? { count: years, unit: "y" } : { count: days, unit: "d" } };
}

async function ensureBucket(client: S3Client, Bucket: string, options: ProvisionOptions): Promise<boolean> {
  const { signal } = options;
  try {
    await client.send(new HeadBucketCommand({ Bucket }), sendOptions(signal));
    return false;
  } catch (error) {
    if (s3Failure(error)?.status !== 404) throw error;
    if (options.create === false) {
      throw new SteleError(
        "store.not-found",
        `bucket ${Bucket} does not exist: create it with Object Lock enabled, or let init do so`,
        {
          cause: error,
        },
      );
    }
  }
  const region = await client.config.region();
  // us-east-1 is the one region that S3 refuses to be told.
  const location =
    region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: locationConstraint(region) } };
  try {
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true, ...location }), sendOptions(signal));
    return true;
  } catch (error) {
    switch (s3Failure(error)?.name) {
      case "BucketAlreadyOwnedByYou":
        return false;
      case "BucketAlreadyExists":
        throw new SteleError("store.denied", `bucket name ${Bucket} belongs to another account: choose another`, {
          cause: error,
        });
      case "InvalidLocationConstraint":
        throw new SteleError("store.unsupported", `the store has no region ${region}: set AWS_REGION to one of its own`, {
          cause: error,
        });
      default:
        throw error;
    }
  }
}

async function lockConfiguration(client: S3Client, Bucket: string, signal: AbortSignal | undefined) {
  try {
    const answer = await client.send(new GetObjectLockConfigurationCommand({ Bucket }), sendOptions(signal));
    if (answer.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled") return answer.ObjectLockConfiguration;
  } catch (error) {
    const failure = s3Failure(error);
    if (failure === null || !saysNoLock(failure)) throw error;
  }
  throw new SteleError(
    "store.unsupported",
    `bucket ${Bucket} has no Object Lock, so anyone with the right to delete could remove what is archived there: name a new bucket ` +
      `(init creates it with Object Lock), or on AWS turn it on with: aws s3api put-object-lock-configuration --bucket ${Bucket} ` +
      `--object-lock-configuration ObjectLockEnabled=Enabled`,
  );
}

async function checkVersioning(client: S3Client, Bucket: string, signal: AbortSignal | undefined): Promise<void> {
  const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket }), sendOptions(signal));
  if (Status === "Enabled") return;
  throw new SteleError(
    "store.unsupported",
    `bucket ${Bucket} has Object Lock, but its versioning is ${Status ?? "off"}: turn it on with: ` +
      `aws s3api put-bucket-versioning --bucket ${Bucket} --versioning-configuration Status=Enabled`,
  );
}

async function setDefaultRetention(
  client: S3Client,
  Bucket: string,
  { mode, period }: DefaultRetention,
  signal: AbortSignal | undefined,
): Promise<void> {
  const span = period.unit === "y" ? { Years: period.count } : { Days: wholeDays(period) };
  const ObjectLockConfiguration = { ObjectLockEnabled: "Enabled" as const, Rule: { DefaultRetention: { Mode: mode, ...span } } };
  await client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }), sendOptions(signal));
}

function wholeDays({ count, unit }: Period): number {
  if (unit === "m") return count * 31;
  return unit === "h" ? Math.ceil(count / 24) : count;
}

function locationConstraint(region: string): BucketLocationConstraint {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- S3 knows more regions than any release of its SDK
  return region as BucketLocationConstraint;
}
