import { SteleError } from "../../core/error.ts";

/** Sends a request: the platform's `fetch`, or one that guards where it goes. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface Connection {
  readonly fetch: Fetch;
  /** Whether plain `http:` will do, as for a service on the same machine. */
  readonly allowPrivate: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  /** Without its parameters, in lower case. */
  readonly contentType: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

const TIMEOUT_MS = 30_000;

/**
 * Posts to a witness or an authority. Redirects are not followed: they would lead where nobody was asked about.
 * @throws SteleError `anchor.failed` when there is no answer, or one of more than `maxBytes`; `input.invalid` for a URL that can't be
 */
export async function post(
  { fetch, allowPrivate, signal }: Connection,
  url: string,
  request: { readonly contentType: string; readonly body: Uint8Array<ArrayBuffer>; readonly maxBytes: number },
): Promise<Answer> {
  requireUrl(url, allowPrivate);
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": request.contentType },
      body: request.body,
      redirect: "manual",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    const [contentType = ""] = (response.headers.get("content-type") ?? "").split(";");
    const body = await readBody(url, response, request.maxBytes);
    return { status: response.status, contentType: contentType.trim().toLowerCase(), body };
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    if (cause instanceof SteleError) throw cause;
    throw new SteleError("anchor.failed", `${url}: no answer: ${reasonOf(cause)}`, { cause });
  }
}

/** @throws SteleError `input.invalid` unless it is an https URL without credentials (or http, where that is allowed) */
export function requireUrl(url: string, allowPrivate: boolean): void {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const scheme = parsed?.protocol === "https:" || (allowPrivate && parsed?.protocol === "http:");
  if (parsed !== null && scheme && parsed.username === "" && parsed.password === "") return;
  const expected = allowPrivate ? "an http or https URL" : "an https URL (http only with allowPrivate)";
  throw new SteleError("input.invalid", `expected ${expected} without user name and password, got ${JSON.stringify(url)}`);
}

/** What an answer says in its first line, for a message. */
export function saying({ body }: Answer): string {
  const [line = ""] = new TextDecoder().decode(body.subarray(0, 200)).trim().split("\n");
  return line === "" ? "" : `: ${JSON.stringify(line)}`;
}

async function readBody(url: string, response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const part = await reader?.read();
    if (part?.value === undefined) return new Uint8Array(Buffer.concat(parts));
    length += part.value.length;
    if (length > maxBytes) {
      await reader?.cancel();
      throw new SteleError("anchor.failed", `${url}: expected an answer of at most ${maxBytes} bytes, got more`);
    }
    parts.push(part.value);
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
}
