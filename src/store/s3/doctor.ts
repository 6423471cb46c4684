import { SteleError } from "../../core/error.ts";
import { timestamp } from "../../core/time.ts";
import type { ConformanceCheck, ConformanceReport } from "../conformance.ts";
import { type S3Connection, s3Clients } from "./clients.ts";
import { BUCKET_QUESTIONS } from "./doctor/bucket.ts";
import { LOCK_QUESTIONS } from "./doctor/locks.ts";
import { Probe, type Question } from "./doctor/probe.ts";
import { WRITE_QUESTIONS } from "./doctor/writes.ts";
import { s3Error } from "./errors.ts";
import { checkBucket, checkPrefix } from "./open.ts";
import { readDefaultRetention } from "./provision.ts";

export interface DoctorOptions extends S3Connection {
  /** How long a probe object is locked, in seconds, 10 to 3600; an extended one twice as long. Default 30. */
  readonly lockSeconds?: number | undefined;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: (() => number) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Attacks probe objects below `_doctor/` in the bucket and reports what the store really enforces. What no lock holds is
 * removed again; the rest is named in `leftBehind`. On a store that loses locks of multipart uploads, one small object
 * may get the bucket's default retention instead of a short one.
 *
 * What can't be tried is `unknown` in the report, with the reason.
 * @throws SteleError `input.invalid`; the signal's reason when it is aborted
 */
export async function doctorS3(options: DoctorOptions): Promise<ConformanceReport> {
  const { signal, now = Date.now, lockSeconds = 30 } = options;
  if (!(Number.isInteger(lockSeconds) && lockSeconds >= 10 && lockSeconds <= 3600)) {
    throw new SteleError("input.invalid", `lockSeconds: expected a whole number from 10 to 3600, got ${lockSeconds}`);
  }
  const bucket = checkBucket(options.bucket);
  const prefix = checkPrefix(options.prefix ?? "");
  const clients = s3Clients(options);
  const store = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`;
  const startedAt = timestamp(now());
  try {
    // Undefined, when it can't be read: then the probes allow for a default, and the check of that name gives the reason.
    const bucketDefault = await readDefaultRetention(clients.retrying, bucket, signal).catch(() => undefined);
    const root = prefix === "" ? "" : `${prefix}/`;
    const probe = new Probe({ clients, bucket, root, lockSeconds, bucketDefault, now, signal });
    const checks: ConformanceCheck[] = [];
    for (const question of [...BUCKET_QUESTIONS, ...WRITE_QUESTIONS, ...LOCK_QUESTIONS])
      checks.push(await answer(question, probe));
    const { leftBehind, check } = await cleanUp(probe);
    return { store, startedAt, leftBehind, checks: check === null ? checks : [...checks, check] };
  } finally {
    clients.once.destroy();
    clients.retrying.destroy();
  }
}

async function answer({ ask, ...question }: Question, probe: Probe): Promise<ConformanceCheck> {
  probe.signal?.throwIfAborted();
  try {
    return { ...question, ...(await ask(probe)) };
  } catch (error) {
    return { ...question, verdict: "unknown", observed: `could not be tried: ${reason(error, probe)}` };
  }
}

async function cleanUp(probe: Probe): Promise<{ leftBehind: readonly string[]; check: ConformanceCheck | null }> {
  try {
    return { leftBehind: await probe.cleanUp(), check: null };
  } catch (error) {
    const check: ConformanceCheck = {
      id: "probe.clean-up",
      title: "Removing the probe objects",
      expected: "what no lock holds is removed",
      observed: `could not be tried: ${reason(error, probe)}`,
      verdict: "unknown",
      consequence: `Objects below ${probe.place} stay behind.`,
    };
    return { leftBehind: [probe.place], check };
  }
}

function reason(error: unknown, probe: Probe): string {
  probe.signal?.throwIfAborted();
  const cause = s3Error(error, `probe in s3://${probe.bucket}/${probe.place}`);
  return cause instanceof Error ? cause.message : String(cause);
}
