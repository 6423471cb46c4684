import type { IncomingMessage } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { Readable } from "node:stream";
import { SteleError } from "../../core/error.ts";
import type { AddressCheck } from "./address.ts";
import { guardedRequest, hostOf, type Resolve } from "./guarded-request.ts";

export interface PostOptions {
  readonly url: string;
  /** Default: POST. */
  readonly method?: "GET" | "POST" | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly check: AddressCheck;
  readonly resolve: Resolve;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The beginning of the body. */
  readonly text: string;
}

/** Of an answer no more is read than tells a person what is wrong. */
const MAX_ANSWER = 4096;

/**
 * Sends a body as {@link guardedRequest} does, and reads the answer's beginning.
 *
 * @throws SteleError `alert.failed`, with no part of the URL but its host in the message; the signal's reason when it aborts
 */
export async function post({
  url,
  method = "POST",
  headers,
  body,
  check,
  resolve,
  timeout,
  signal,
}: PostOptions): Promise<Answer> {
  const target = URL.parse(url);
  if (target === null || !/^https?:$/.test(target.protocol)) throw failure("expected an https:// URL, got something else");
  const host = hostOf(target);
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  try {
    const response = await guardedRequest(target, {
      method,
      headers,
      body,
      check,
      resolve,
      signal: ended,
      refuse: (message) => failure(message),
    });
    const { statusCode = 0, headers: answered } = response;
    // The status is the answer, though the body breaks off or never ends.
    const text = await beginningOf(response).catch(() => "");
    return { status: statusCode, retryAfter: answered["retry-after"], text };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SteleError) throw error;
    if (ended.aborted) throw failure(`${host} did not answer within ${timeout / 1000} s`);
    throw failure(`${host}: ${reasonOf(error)}`, error);
  }
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  let left = MAX_ANSWER;
  const parts = async function* (): AsyncGenerator<Buffer> {
    const stream: AsyncIterable<Buffer> = response;
    for await (const part of stream) {
      yield part.subarray(0, left);
      left -= part.length;
      if (left <= 0) break;
    }
    response.destroy();
  };
  return textOf(Readable.from(parts()));
}

/** Several addresses failing is one error of many, whose own message is empty. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join("; ");
  if (!(error instanceof Error)) return "the request failed";
  return "code" in error && typeof error.code === "string" && error.code.startsWith("ERR_INVALID") ? error.code : error.message;
}

function failure(message: string, cause?: unknown): SteleError {
  return new SteleError("alert.failed", message, { cause });
}
