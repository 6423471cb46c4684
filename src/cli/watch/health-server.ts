import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ListenAddress } from "./config.ts";
import { SteleError } from "../../core/error.ts";

/** Why a probe says no. Messages hold no secrets: whoever reaches the port may read them. */
export interface Reason {
  /** Stable, such as `head.overdue`. */
  readonly code: string;
  readonly message: string;
}

/** What is asked of the daemon from outside. */
export interface Probes {
  /** Why the process should be started again; none while it lives. */
  health(): readonly Reason[];
  /** Why nobody should rely on it now; none while it does its work. */
  readiness(): readonly Reason[];
  /** The metrics' text and its type. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>;
}

export interface HealthServer extends AsyncDisposable {
  /** Where it listens, such as `127.0.0.1:9464`. */
  readonly address: string;
}

const JSON_TYPE = "application/json; charset=utf-8";
/** A probe or a scrape is one small request: whoever needs longer is none. */
const REQUEST_MS = 5000;
const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 8192;

/**
 * Answers `/healthz`, `/readyz` and `/metrics`, each connection once. Nothing can be changed through it.
 * @throws SteleError `input.invalid` when the address can't be listened on
 */
export async function serveHealth(probes: Probes, listen: ListenAddress): Promise<HealthServer> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1000,
      keepAlive: false,
    },
    (request, response) => {
      answer(probes, request, response).catch(() => response.destroy());
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  // Covers what the other two do not: a reader that takes the answer and never goes.
  server.setTimeout(2 * REQUEST_MS);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(listen, cause)));
    server.listen({ host: listen.host, port: listen.port }, resolve);
  });
  return { address: addressOf(server), [Symbol.asyncDispose]: () => closed(server) };
}

async function answer(probes: Probes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const [path = ""] = (request.url ?? "").split("?", 1);
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, {
      "content-type": type,
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      connection: "close",
    });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  const sendJson = (status: number, value: unknown): void => send(status, JSON_TYPE, `${JSON.stringify(value)}\n`);
  if (path !== "/healthz" && path !== "/readyz" && path !== "/metrics") {
    sendJson(404, { error: "there are /healthz, /readyz and /metrics" });
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    sendJson(405, { error: "only GET and HEAD" });
    return;
  }
  if (path === "/metrics") {
    const { type, text } = await probes.metrics();
    send(200, type, text);
    return;
  }
  const reasons = path === "/healthz" ? probes.health() : probes.readiness();
  sendJson(reasons.length === 0 ? 200 : 503, { ok: reasons.length === 0, reasons });
}

function addressOf(server: Server): string {
  const at = server.address();
  if (at === null || typeof at === "string") return String(at);
  return at.family === "IPv6" ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function cannotListen({ host, port }: ListenAddress, cause: Error): SteleError {
  return new SteleError(
    "input.invalid",
    `watch.listen: ${host}:${port} can't be listened on: ${cause.message}. Choose another address, or end what uses it`,
    { cause },
  );
}
