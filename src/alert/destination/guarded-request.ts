import { lookup as systemLookup } from "node:dns/promises";
import { request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { untilAborted } from "../../archive/log/waiting.ts";
import type { AddressCheck } from "./address.ts";

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** Gives all addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

export const resolveBySystem: Resolve = (host) => systemLookup(host, { all: true, verbatim: true });

export interface GuardedRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly check: AddressCheck;
  readonly resolve: Resolve;
  readonly signal?: AbortSignal | undefined;
  /** The error that says why a host is not connected to. */
  readonly refuse: (message: string) => Error;
}

/** The host of a URL, without the brackets of a literal address. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/**
 * Sends a request over http or https and gives the answer, its body unread. The connection goes to an address that was checked,
 * and to no other: a name that is looked up again would be free to lead elsewhere. Redirects are not followed, and no proxy is
 * used.
 */
export async function guardedRequest(target: URL, options: GuardedRequest): Promise<IncomingMessage> {
  const { method, headers, body, check, resolve, signal, refuse } = options;
  const isEncrypted = target.protocol === "https:";
  const host = hostOf(target);
  // A literal address is never looked up.
  const family = isIP(host);
  const addresses = family === 0 ? await untilAborted(resolve(host), signal) : [{ address: host, family }];
  if (addresses.length === 0) throw refuse(`${host} has no address`);
  // Of which any address is refused: one that answers with both kinds tries something.
  for (const { address } of addresses) {
    const why = check(host, address, isEncrypted);
    if (why !== null) throw refuse(`${host} was not connected to: ${why}`);
  }
  return new Promise((answered, reject) => {
    const sent = (isEncrypted ? requestHttps : requestHttp)(target, {
      method,
      headers: { ...headers, "content-length": Buffer.byteLength(body).toString() },
      lookup: fixedLookup(addresses),
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    sent.on("error", reject);
    // Nobody asked for another protocol. Without a listener the connection would be closed, and nothing said.
    sent.on("upgrade", (_response, socket) => {
      socket.destroy();
      reject(new Error("it answered with another protocol than HTTP (101)"));
    });
    sent.on("response", (response) => {
      // Until it is read: whoever reads it hears of what goes wrong.
      response.on("error", () => undefined);
      answered(response);
    });
    sent.end(body);
  });
}

/** Gives what was looked up and checked before, whatever the name leads to by now. */
function fixedLookup(addresses: readonly Address[]): LookupFunction {
  const [first] = addresses;
  return (_host, options, callback) => {
    if (options.all === true) process.nextTick(callback, null, [...addresses]);
    else process.nextTick(callback, null, first?.address, first?.family);
  };
}
