import { SteleError } from "../../core/error.ts";
import type { Retention } from "../../core/retention.ts";
import { toMillis } from "../../core/time.ts";

/** What S3 Object Lock knows of one version. */
export interface Lock {
  readonly retention: Retention | null;
  readonly legalHold: boolean;
}

/** `bypassGovernance` is the header `x-amz-bypass-governance-retention` of a caller who has the permission for it. */
export interface BypassOptions {
  readonly bypassGovernance?: boolean;
}

/** @throws SteleError `store.locked` when Object Lock forbids to delete the version now. */
export function checkDeletable(what: string, lock: Lock, now: number, { bypassGovernance = false }: BypassOptions): void {
  if (lock.legalHold) throw new SteleError("store.locked", `${what} is under legal hold and can't be deleted`);
  const { retention } = lock;
  if (!isActive(retention, now) || (retention.mode === "GOVERNANCE" && bypassGovernance)) return;
  throw new SteleError("store.locked", `${what} is locked in ${retention.mode} until ${retention.until} and can't be deleted`);
}

/**
 * Whether `after` may replace the retention `before`, as S3 decides it: COMPLIANCE may only get longer; GOVERNANCE may
 * get longer or become COMPLIANCE, and anything with the bypass; an ended lock binds nothing.
 *
 * @throws SteleError `store.locked`; `input.invalid` when `after` ends in the past.
 */
export function checkRetentionChange(
  what: string,
  before: Retention | null,
  after: Retention | null,
  now: number,
  { bypassGovernance = false }: BypassOptions,
): void {
  if (isActive(before, now) && !(before.mode === "GOVERNANCE" && bypassGovernance)) {
    const weaker = after === null || after.until < before.until || (before.mode === "COMPLIANCE" && after.mode !== "COMPLIANCE");
    if (weaker) {
      throw new SteleError(
        "store.locked",
        `${what} is locked in ${before.mode} until ${before.until}, which can't be shortened or weakened`,
      );
    }
  }
  if (after !== null) checkFuture(after, now);
}

/** @throws SteleError `input.invalid` when `retention` ends in the past, which S3 refuses (400). */
export function checkFuture(retention: Retention, now: number): void {
  if (toMillis(retention.until) > now) return;
  throw new SteleError("input.invalid", `retention: expected an end in the future, got ${retention.until}`);
}

function isActive(retention: Retention | null, now: number): retention is Retention {
  return retention !== null && toMillis(retention.until) > now;
}
