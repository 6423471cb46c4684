import { isSteleError, type SteleError } from "../../core/error.ts";

export interface BackoffOptions {
  /** The first wait is about this long, in milliseconds; each further one twice as long. Default 500. */
  readonly baseMillis?: number;
  /** The longest wait. Default 60,000. */
  readonly maxMillis?: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** Whether trying again, and nothing else, may help. Permissions, lost locks and other writers don't go away by themselves. */
export function isTransient(error: unknown): error is SteleError {
  return isSteleError(error, "store.unreachable");
}

/** How long to wait after the `failures`-th failure in a row, from 1: half of it fixed, half random, so that many don't return at once. */
export function backoff(
  failures: number,
  { baseMillis = 500, maxMillis = 60_000, random = Math.random }: BackoffOptions,
): number {
  const whole = Math.min(maxMillis, baseMillis * 2 ** Math.min(failures - 1, 30));
  return whole / 2 + (random() * whole) / 2;
}
