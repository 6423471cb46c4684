import {
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { SteleError } from "../../core/error.ts";
import { type Retention, coversRetention } from "../../core/retention.ts";
import { timestamp, toMillis } from "../../core/time.ts";
import type { LockState } from "../port.ts";
import { sendOptions } from "./clients.ts";
import { s3Failure, saysNoLock } from "./errors.ts";

/** One version of one object, as the SDK's commands take it. Without VersionId, the newest. */
export interface VersionAddress {
  readonly Bucket: string;
  readonly Key: string;
  readonly VersionId?: string;
}

/**
 * Retain-until as S3 is given it. A PUT's header carries whole seconds only, and what is beyond would be cut off: rounded
 * up, a lock is never shorter than asked.
 */
export function retainUntilDate(retention: Retention): Date {
  return new Date(Math.ceil(toMillis(retention.until) / 1000) * 1000);
}

/** The lock on a version. @throws what the SDK throws, when the store neither showed a lock nor said that there is none. */
export async function readLockState(client: S3Client, version: VersionAddress, signal?: AbortSignal): Promise<LockState> {
  const options = sendOptions(signal);
  try {
    const [retention, legalHold] = await Promise.all([
      readRetention(client, version, signal),
      orNone(async () => {
        const answer = await client.send(new GetObjectLegalHoldCommand(version), options);
        const status = answer.LegalHold?.Status;
        if (status !== "ON" && status !== "OFF") throw unclear("legal hold", answer.LegalHold);
        return status === "ON";
      }),
    ]);
    return { retention, legalHold: legalHold ?? false };
  } catch (error) {
    // A bucket without Object Lock answers 400 InvalidRequest. The code alone could mean anything, so the bucket is asked.
    if (s3Failure(error)?.name !== "InvalidRequest" || (await hasObjectLock(client, version.Bucket, signal))) throw error;
    await client.send(new HeadObjectCommand(version), options);
    return { retention: null, legalHold: false };
  }
}

async function readRetention(client: S3Client, version: VersionAddress, signal?: AbortSignal): Promise<Retention | null> {
  const answer = await orNone(() => client.send(new GetObjectRetentionCommand(version), sendOptions(signal)));
  if (answer === null) return null;
  const { Mode: mode, RetainUntilDate: until } = answer.Retention ?? {};
  if ((mode !== "COMPLIANCE" && mode !== "GOVERNANCE") || until === undefined) throw unclear("retention", answer.Retention);
  return { mode, until: timestamp(until.getTime()) };
}

/**
 * Sets a later end.
 * @throws SteleError `store.locked` when the store refused and the lock that is there is the reason.
 */
export async function extendRetention(
  client: S3Client,
  version: VersionAddress,
  retention: Retention,
  signal?: AbortSignal,
): Promise<void> {
  const RetainUntilDate = retainUntilDate(retention);
  try {
    const command = new PutObjectRetentionCommand({ ...version, Retention: { Mode: retention.mode, RetainUntilDate } });
    await client.send(command, sendOptions(signal));
  } catch (error) {
    const status = s3Failure(error)?.status;
    if (status !== 403 && status !== 400) throw error;
    // 403 stands for a missing permission as well; which of the two it was, only the lock itself can tell.
    const present = await readRetention(client, version, signal).catch(() => null);
    if (present === null || coversRetention(retention, present)) throw error;
    const { mode, until } = present;
    throw new SteleError(
      "store.locked",
      `${version.Key} is locked in ${mode} until ${until}; the store refused ${retention.mode} until ${retention.until}, which is weaker`,
      { cause: error },
    );
  }
}

export async function setLegalHold(
  client: S3Client,
  version: VersionAddress,
  held: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const command = new PutObjectLegalHoldCommand({ ...version, LegalHold: { Status: held ? "ON" : "OFF" } });
  await client.send(command, sendOptions(signal));
}

async function orNone<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    const failure = s3Failure(error);
    if (failure !== null && saysNoLock(failure)) return null;
    throw error;
  }
}

async function hasObjectLock(client: S3Client, Bucket: string, signal?: AbortSignal): Promise<boolean> {
  const options = sendOptions(signal);
  const answer = await orNone(() => client.send(new GetObjectLockConfigurationCommand({ Bucket }), options));
  return answer !== null;
}

function unclear(what: string, got: unknown): SteleError {
  return new SteleError(
    "store.unreachable",
    `the store's answer about a ${what} can't be read: ${JSON.stringify(got) ?? "nothing"}`,
  );
}
