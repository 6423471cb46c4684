import { type ErrorCode, SteleError, isSteleError } from "../../core/error.ts";

/** What a failed answer or connection says of itself. */
export interface S3Failure {
  /** S3's error code, such as `NoSuchKey`, or Node's, such as `ECONNREFUSED`; a HEAD's answer has none. */
  readonly name: string;
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  readonly message: string;
  readonly deleteMarker: boolean;
}

/**
 * Reads what the SDK threw; null when it is neither an answer nor a network failure (that is, when it is a bug, which
 * must not pass for an unreachable store).
 */
export function s3Failure(error: unknown): S3Failure | null {
  if (!(error instanceof Error)) return null;
  const status = errorStatus(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const networkName = /^(TimeoutError|NetworkingError|CredentialsProviderError|TokenProviderError|ECONN.*|EPIPE)$/.test(
    error.name,
  );
  if (status === undefined && code === undefined && !networkName) return null;
  const name =
    status === undefined ? (code ?? error.name) : "Code" in error && typeof error.Code === "string" ? error.Code : error.name;
  return { name, status, message: error.message, deleteMarker: answerHeader(error, "x-amz-delete-marker") === "true" };
}

/** Whether the store answered that this key, or this version, is not there (or is a delete marker). */
export function saysAbsent(failure: S3Failure): boolean {
  if (failure.name === "NoSuchBucket" || failure.name === "NoSuchUpload") return false;
  return failure.status === 404 || (failure.status === 405 && (failure.deleteMarker || failure.name === "MethodNotAllowed"));
}

/** Whether the store answered that it keeps no lock for this object (AWS and Ceph name it differently). */
export function saysNoLock(failure: S3Failure): boolean {
  return failure.status === 404 && /^(NoSuchObjectLockConfiguration|ObjectLockConfigurationNotFoundError)$/.test(failure.name);
}

/**
 * Whether the store refused a request because it doesn't know one of its headers. Such an answer is final: nothing was
 * stored, so the request may be sent again without the header.
 */
export function saysUnknownHeader(failure: S3Failure): boolean {
  return (
    failure.status === 501 || (failure.status === 400 && /^(InvalidArgument|InvalidRequest|NotImplemented)$/.test(failure.name))
  );
}

const RETRIABLE = new Set([
  "BadDigest",
  "ConditionalRequestConflict",
  "InternalError",
  // The upload's completion got through and its answer was lost, or someone removed the parts: it can be tried anew.
  "NoSuchUpload",
  "OperationAborted",
  "RequestTimeout",
  // The SDK has learned the store's time from the answer, and signs the next request with it.
  "RequestTimeTooSkewed",
  "ServiceUnavailable",
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequests",
  "XAmzContentSHA256Mismatch",
]);

/** Refused for who is asking, whatever the status: AWS gives 400 for some of them. */
const DENIED = new Set([
  "CredentialsProviderError",
  "ExpiredToken",
  "ExpiredTokenException",
  "InvalidClientTokenId",
  "InvalidToken",
  "RequestExpired",
  "TokenProviderError",
  "TokenRefreshRequired",
  "UnrecognizedClientException",
]);

/** The SDK's name for an answer without a code, such as every HEAD's. */
const NAMELESS = "Unknown";

const ADVICE: Readonly<Record<string, string>> = {
  AccessDenied: "check what these credentials may do with this bucket",
  AuthorizationHeaderMalformed: "the bucket is in another region: set AWS_REGION",
  BadDigest: "the bytes changed on the way and were not stored: try again",
  ConditionalRequestConflict: "another request for the same key was under way: read what is there, then try again",
  CredentialsProviderError: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
  ExpiredToken: "renew the credentials",
  ExpiredTokenException: "renew the credentials",
  InvalidAccessKeyId: "check the credentials and the endpoint",
  InvalidClientTokenId: "check the credentials and the endpoint",
  InvalidToken: "check AWS_SESSION_TOKEN, or renew the credentials",
  NoSuchBucket: "the bucket does not exist: check its name and the endpoint, or create it with `stele init`",
  NoSuchUpload: "the upload was completed or removed meanwhile: read what is there, then try again",
  PermanentRedirect: "the bucket is in another region: set AWS_REGION",
  RequestExpired: "renew the credentials, and check this machine's clock",
  RequestTimeTooSkewed: "this machine's clock and the store's are too far apart: correct the clock",
  SignatureDoesNotMatch: "check the secret key",
  TokenProviderError: "log in again, or renew the credentials",
  TokenRefreshRequired: "renew the credentials",
  UnrecognizedClientException: "check the credentials and the endpoint",
};

/**
 * The SteleError for what the SDK threw while doing `action` (such as `put s3://bucket/key`).
 * @returns `error` itself when it is a SteleError, when `signal` caused it (its reason), or when it is a bug.
 */
export function s3Error(error: unknown, action: string, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (isSteleError(error)) return error;
  const failure = s3Failure(error);
  if (failure === null) return error;
  const advice = adviceFor(failure);
  const answer = failure.status === undefined ? failure.name : `HTTP ${failure.status} ${failure.name}`;
  const detail = failure.message === "UnknownError" || failure.message === failure.name ? "" : ` (${failure.message})`;
  return new SteleError(errorCode(failure), `${action}: ${answer}${detail}${advice === undefined ? "" : `; ${advice}`}`, {
    cause: error,
  });
}

function adviceFor({ name, status }: S3Failure): string | undefined {
  const isUnsaid = name === NAMELESS && (status === 400 || status === 401 || status === 403);
  return isUnsaid
    ? "the answer does not say why: check the credentials (they may have expired), what they may do, and this machine's clock"
    : ADVICE[name];
}

function errorCode(failure: S3Failure): ErrorCode {
  const { name, status } = failure;
  if (DENIED.has(name)) return "store.denied";
  if (saysAbsent(failure)) return "store.not-found";
  if (status === undefined || status === 408 || status === 429 || RETRIABLE.has(name)) return "store.unreachable";
  if (status === 501) return "store.unsupported";
  if (status >= 500) return "store.unreachable";
  // An answer that was a success and could not be read tells nothing.
  if (status < 300) return "store.unreachable";
  if (status === 401 || status === 403) return "store.denied";
  // What a HEAD is refused with under an expired token.
  if (status === 400 && name === NAMELESS) return "store.denied";
  return "store.unsupported";
}

function errorStatus(error: Error): number | undefined {
  if (!("$metadata" in error) || typeof error.$metadata !== "object" || error.$metadata === null) return undefined;
  const metadata = error.$metadata;
  return "httpStatusCode" in metadata && typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

function answerHeader(error: Error, name: string): string | undefined {
  if (!("$response" in error) || typeof error.$response !== "object" || error.$response === null) return undefined;
  const answer = error.$response;
  if (!("headers" in answer) || typeof answer.headers !== "object" || answer.headers === null) return undefined;
  const value: unknown = Reflect.get(answer.headers, name);
  return typeof value === "string" ? value : undefined;
}
