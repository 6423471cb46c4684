import { isSteleError, type SteleError } from "../../core/error.ts";
import { errnoOf } from "../../store/directory/errno.ts";

/** How long to wait before the store is tried again. */
export interface BackoffOptions {
  /** The first wait is about this long, in milliseconds; each further one twice as long. Default 500. */
  readonly baseMillis?: number;
  /** The longest wait. Default 60,000. */
  readonly maxMillis?: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** What a disk refuses while it is full or the machine is short of something, and may not refuse later. */
const PASSING = new Set(["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EBUSY"]);

/** Whether trying again, and nothing else, may help. Permissions, lost locks, other writers and broken disks don't go away so. */
export function isTransient(error: unknown): error is SteleError {
  if (isSteleError(error, "store.unreachable")) return true;
  return isSteleError(error, "spool.failed") && PASSING.has(errnoOf(error.cause) ?? "");
}

/** How long to wait after the `failures`-th failure in a row, from 1: half of it fixed, half random, so that many don't return at once. */
export function backoff(
  failures: number,
  { baseMillis = 500, maxMillis = 60_000, random = Math.random }: BackoffOptions,
): number {
  const whole = Math.min(maxMillis, baseMillis * 2 ** Math.min(failures - 1, 30));
  return whole / 2 + (random() * whole) / 2;
}
