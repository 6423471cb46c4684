import { lookup as systemLookup } from "node:dns/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { IncomingMessage, RequestOptions } from "node:http";
import { isIP, type LookupFunction } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { Readable } from "node:stream";
import { untilAborted } from "../../archive/log/waiting.ts";
import { SteleError } from "../../core/error.ts";
import type { AddressCheck } from "./address.ts";

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** Gives all addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

export const resolveBySystem: Resolve = (host) => systemLookup(host, { all: true, verbatim: true });

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
 * Sends a body and reads the answer's beginning. The connection goes to an address that was checked, and to no other: a name
 * that is looked up again would be free to lead elsewhere. Redirects are not followed, and no proxy is used.
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
  const isEncrypted = target.protocol === "https:";
  const host = target.hostname.replace(/^\[|\]$/g, "");
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  try {
    // A literal address is never looked up.
    const family = isIP(host);
    const addresses = family === 0 ? await untilAborted(resolve(host), ended) : [{ address: host, family }];
    requireAllowed(host, addresses, check, isEncrypted);
    const options: RequestOptions = {
      method,
      headers: { ...headers, "content-length": Buffer.byteLength(body).toString() },
      lookup: fixedLookup(addresses),
      agent: false,
      signal: ended,
    };
    return await exchange(isEncrypted ? requestHttps : requestHttp, target, options, body);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SteleError) throw error;
    if (ended.aborted) throw failure(`${host} did not answer within ${timeout / 1000} s`);
    throw failure(`${host}: ${reasonOf(error)}`, error);
  }
}

function exchange(request: typeof requestHttps, target: URL, options: RequestOptions, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(target, options);
    sent.on("error", reject);
    sent.on("response", (response) => {
      const { statusCode = 0, headers } = response;
      const answer = (text: string): void => resolve({ status: statusCode, retryAfter: headers["retry-after"], text });
      // The status is the answer, though the body breaks off or never ends.
      sent.off("error", reject);
      sent.on("error", () => answer(""));
      beginningOf(response).then(answer, () => answer(""));
    });
    sent.end(body);
  });
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

/** Gives what was looked up and checked before, whatever the name leads to by now. */
function fixedLookup(addresses: readonly Address[]): LookupFunction {
  const [first] = addresses;
  return (_host, options, callback) => {
    if (options.all === true) process.nextTick(callback, null, [...addresses]);
    else process.nextTick(callback, null, first?.address, first?.family);
  };
}

/** Refuses a host of which any address is refused: one that answers with both kinds tries something. */
function requireAllowed(host: string, addresses: readonly Address[], check: AddressCheck, isEncrypted: boolean): void {
  if (addresses.length === 0) throw failure(`${host} has no address`);
  for (const { address } of addresses) {
    const why = check(host, address, isEncrypted);
    if (why !== null) throw failure(`${host} was not connected to: ${why}`);
  }
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
