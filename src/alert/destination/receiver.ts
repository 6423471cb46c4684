import { isSteleError } from "../../core/error.ts";
import type { DestinationFilter } from "../config.ts";
import { readSecret, redact, type Surroundings } from "../secret.ts";
import { shorten, visible } from "../text.ts";
import type { AddressCheck } from "./address.ts";
import { DELIVERED, failed, type Outcome } from "./destination.ts";
import type { Resolve } from "./guarded-request.ts";
import { type Answer, post } from "./http.ts";
import { retryAfter } from "./retry-after.ts";

/** What all HTTP destinations are made with. */
export interface HttpContext extends Surroundings {
  readonly check: AddressCheck;
  readonly resolve: Resolve;
  /** Milliseconds. */
  readonly timeout: number;
}

export interface Request {
  /** Default: POST. */
  readonly method?: "GET" | "POST" | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What of it must stand in no message. */
  readonly secrets: readonly string[];
}

interface Place extends DestinationFilter {
  readonly url?: string | undefined;
  readonly urlFile?: string | undefined;
  readonly urlEnv?: string | undefined;
}

/**
 * Sends one alarm to an HTTP receiver, and says what its answer means: 2xx is taken; 410 is no more of them; `refusals` never
 * this one; all else, redirects as well, may be another time.
 */
export async function send(
  place: Place,
  usual: string | null,
  request: () => Promise<Request>,
  { refusals, now, signal }: { readonly refusals: readonly number[]; readonly now: number; readonly signal: AbortSignal },
  context: HttpContext,
): Promise<Outcome> {
  const { check, resolve, timeout } = context;
  let hidden: readonly string[] = [];
  try {
    const url = await urlOf(place, usual, context);
    hidden = secretParts(url);
    const { method, headers, body, secrets } = await request();
    hidden = [...hidden, ...secrets];
    const answer = await post({ url, method, headers, body, check, resolve, timeout: place.timeout ?? timeout, signal });
    return outcomeOf(answer, refusals, hidden, now);
  } catch (error) {
    signal.throwIfAborted();
    // What could not be read or reached today may be tomorrow.
    if (isSteleError(error)) return failed(redact(visible(error.message), hidden));
    throw error;
  }
}

function outcomeOf(answer: Answer, refusals: readonly number[], hidden: readonly string[], now: number): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return DELIVERED;
  const said = shorten(visible(redact(answer.text, hidden)).trim(), 300);
  const why = `answered ${status}${said === "" ? "" : `: ${said}`}`;
  if (status === 410) return { kind: "gone", why };
  if (refusals.includes(status)) return { kind: "refused", why };
  if (status >= 300 && status < 400) return failed(`${why} (redirects are not followed: give the URL that it leads to)`);
  return failed(why, retryAfter(answer.retryAfter, now));
}

async function urlOf({ name, url, urlFile, urlEnv }: Place, usual: string | null, context: HttpContext): Promise<string> {
  const known = url ?? (urlFile === undefined && urlEnv === undefined ? usual : null);
  if (known !== null) return known;
  const [first = ""] = await readSecret({ file: urlFile, env: urlEnv }, `the URL of ${name}`, context);
  return first;
}

/** All of a URL but its host may be what lets one post to it. */
function secretParts(url: string): string[] {
  const parsed = URL.parse(url);
  if (parsed === null) return [url];
  const { href, pathname, search, username, password } = parsed;
  const parts = [
    url,
    href,
    `${pathname}${search}`,
    pathname,
    search,
    username,
    password,
    ...parsed.searchParams.values(),
    ...pathname.split("/"),
  ];
  // A receiver may say back what it has decoded.
  return [...parts, ...parts.map(decoded)].filter((part) => part.length >= 8);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
