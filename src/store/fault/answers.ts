import { SteleError } from "../../core/error.ts";
import type { Store } from "../port.ts";
import { s3Error } from "../s3/errors.ts";

/** The HTTP statuses with which an S3 store refuses, or fails at, what it was rightly asked. */
export type FailureStatus = 403 | 409 | 412 | 500 | 503;

const CODES: Readonly<Record<FailureStatus, string>> = {
  403: "AccessDenied",
  409: "OperationAborted",
  412: "PreconditionFailed",
  500: "InternalError",
  503: "SlowDown",
};

/**
 * What the S3 adapter throws when the store answers `call` with `status`:
 * - 500, 503: `store.unreachable`
 * - 409: `store.unreachable`; for a HEAD, whose answer can't name the conflict, `store.unsupported`
 * - 412: `store.unsupported`; for putIfAbsent `store.exists`, which the adapter gives as the outcome `exists`
 * - 403: `store.denied`
 */
export function answered(call: keyof Store, key: string, status: FailureStatus): unknown {
  const action = `injected fault (HTTP ${status}): ${call} ${key}`;
  if (call === "putIfAbsent" && status === 412) return new SteleError("store.exists", action);
  return s3Error(sdkError(status, codeOf(call, status)), action);
}

function codeOf(call: keyof Store, status: FailureStatus): string {
  // An answer to a HEAD has no body that could hold one.
  if (call === "head") return "Unknown";
  return call === "putIfAbsent" && status === 409 ? "ConditionalRequestConflict" : CODES[status];
}

/** The error that the SDK makes of such an answer, as far as the adapter looks at it. */
function sdkError(status: FailureStatus, code: string): Error {
  return Object.assign(new Error(code), { name: code, $metadata: { httpStatusCode: status } });
}
