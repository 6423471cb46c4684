import { Readable } from "node:stream";
import { addressCheck, isAddressRule } from "../alert/destination/address.ts";
import { guardedRequest, type Resolve, resolveBySystem } from "../alert/destination/guarded-request.ts";
import type { Fetch } from "../archive/anchor/http.ts";
import { SteleError } from "../core/error.ts";

/** What an answer of these has no body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * A `fetch` for witnesses and authorities that connects to public addresses only, over https, and to what `allow` names. The
 * address that was checked is the one that is connected to. Redirects are not followed, and no proxy is used.
 * @throws SteleError `input.invalid` when an entry of `allow` is no address, CIDR or host name
 */
export function guardedFetch(allow: readonly string[], resolve: Resolve = resolveBySystem): Fetch {
  for (const rule of allow) {
    if (isAddressRule(rule)) continue;
    throw new SteleError(
      "input.invalid",
      `allowPrivate: expected an address, a CIDR or a host name, got ${JSON.stringify(rule)}`,
    );
  }
  const check = addressCheck(allow);
  return async (url, { method = "GET", headers, body, signal }) => {
    const response = await guardedRequest(new URL(url), {
      method,
      headers: Object.fromEntries(new Headers(headers)),
      body: body instanceof Uint8Array ? body : new Uint8Array(0),
      check,
      resolve,
      signal: signal ?? undefined,
      refuse: (message) => new SteleError("anchor.failed", message),
    });
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode > 599) {
      response.destroy();
      throw new SteleError("anchor.failed", `${url}: expected an answer of HTTP, got status ${statusCode}`);
    }
    const stream: ReadableStream = Readable.toWeb(response);
    return new Response(WITHOUT_BODY.has(statusCode) ? null : stream, {
      status: statusCode,
      headers: { "content-type": response.headers["content-type"] ?? "" },
    });
  };
}
