import { connect, createServer, type Server, type Socket } from "node:net";
import type { FailureStatus } from "../../src/store/fault/answers.ts";
import { type MessageHead, MessageReader, send } from "./http-bytes.ts";
import { type S3Operation, s3Operation } from "./s3-operation.ts";

/** One request, as a plan sees it when its headers have come. */
export interface ProxiedRequest {
  readonly operation: S3Operation;
  /** Of the object, with the store's prefix; empty for the bucket. */
  readonly key: string;
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  /** Counts all requests, from 0. */
  readonly index: number;
  /** Counts the requests of this operation, from 0. */
  readonly nth: number;
}

/**
 * Where a connection goes wrong:
 * - `request`: in the middle of the request's body (before its first byte, when it has none); the store keeps nothing.
 * - `answer`: the store has done its work and answered; nothing of the answer comes through.
 * - `answer-body`: half of the answer's body comes through.
 */
export type Place = "request" | "answer" | "answer-body";

/**
 * - `answer`: the proxy answers itself: instead of the store, which never hears of the request, or (`persisted`) when the
 *   store has done its work.
 * - `cut`: the connection is closed.
 * - `hang`: not a byte more comes, until the client gives up or the proxy is closed.
 * - `slow`: the answer comes in pieces of `bytes`, each after `wait()`.
 */
export type ProxyFault =
  | { readonly kind: "answer"; readonly status: FailureStatus; readonly code?: string; readonly persisted?: boolean }
  | { readonly kind: "cut"; readonly at: Place }
  | { readonly kind: "hang"; readonly at: Place; readonly reached?: () => void }
  | { readonly kind: "slow"; readonly bytes: number; readonly wait: () => Promise<unknown> };

/** Which requests go wrong, and how; null for those that don't. */
export type ProxyPlan = (request: ProxiedRequest) => ProxyFault | null;

/** A plan with one fault: at the `nth` request (from 0) of this operation, of those whose key `matches`. */
export function proxyFaultAt(
  operation: S3Operation,
  nth: number,
  fault: ProxyFault,
  matches: (key: string) => boolean = () => true,
): ProxyPlan {
  let met = 0;
  return (request) => (request.operation === operation && matches(request.key) && met++ === nth ? fault : null);
}

const CODES: Readonly<Record<FailureStatus, string>> = {
  403: "AccessDenied",
  409: "ConditionalRequestConflict",
  412: "PreconditionFailed",
  500: "InternalError",
  503: "SlowDown",
};

/**
 * A proxy between an S3 client and a server, for tests: a server for real and a connection that goes wrong as planned. It
 * passes on bytes as they are, the Host header too, so that signatures hold: clients are given `endpoint` with `pathStyle`.
 */
export class S3Proxy {
  /** Every request so far, in order. */
  readonly seen: ProxiedRequest[] = [];
  #plan: ProxyPlan = () => null;
  readonly #upstream: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #failures: unknown[] = [];

  private constructor(upstream: URL) {
    this.#upstream = upstream;
    this.#server = createServer((client) => {
      this.#track(client);
      this.#serve(client).catch((error: unknown) => {
        // What a connection's end does to reads and writes has a code; the rest is a bug in the proxy.
        if (!(error instanceof Error && "code" in error)) this.#failures.push(error);
        client.destroy();
      });
    });
  }

  /** @param upstream the server's endpoint, `http://host:port` */
  static async start(upstream: string): Promise<S3Proxy> {
    const proxy = new S3Proxy(new URL(upstream));
    await new Promise<void>((resolve) => void proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy is not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Forgets the requests so far, and lets those to come go wrong as `plan` says. */
  follow(plan: ProxyPlan): void {
    this.seen.length = 0;
    this.#plan = plan;
  }

  /** How often an operation was asked for, with or without a fault. */
  count(operation: S3Operation): number {
    return this.seen.filter((request) => request.operation === operation).length;
  }

  /** Cuts every connection, those that hang too. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** @throws AggregateError what went wrong in the proxy itself */
  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, "the proxy failed");
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    // An error is met by whoever reads or writes; unheard it would end the process.
    socket.setNoDelay(true).on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async #serve(client: Socket): Promise<void> {
    const requests = new MessageReader(client);
    const store = connect({ host: this.#upstream.hostname, port: Number(this.#upstream.port || 80) });
    this.#track(store);
    client.once("close", () => store.destroy());
    const exchange = new Exchange(client, store, requests, new MessageReader(store));
    for (let head = await requests.head(); head !== null; head = await requests.head()) {
      const [method, target] = head.start;
      const { operation, key } = s3Operation(method, target);
      const request = { operation, key, method, target, index: this.seen.length, nth: this.count(operation) };
      this.seen.push(request);
      if (!(await exchange.run(head, this.#plan(request)))) break;
    }
    client.destroySoon();
  }
}

/** One client's connection and the one to the store that goes with it. */
class Exchange {
  readonly #client: Socket;
  readonly #store: Socket;
  readonly #requests: MessageReader;
  readonly #answers: MessageReader;

  constructor(client: Socket, store: Socket, requests: MessageReader, answers: MessageReader) {
    this.#client = client;
    this.#store = store;
    this.#requests = requests;
    this.#answers = answers;
  }

  /** @returns whether another request may follow on this connection */
  async run(request: MessageHead, fault: ProxyFault | null): Promise<boolean> {
    const at = fault?.kind === "answer" ? (fault.persisted === true ? "answer" : "request") : placeOf(fault);
    if (fault !== null && at === "request") {
      await this.#takeRequest(request, fault);
      await this.#fail(request, fault);
      return false;
    }
    const body = this.#pass(this.#requests.body(request, false), [request.bytes]);
    // Settled later; until then, the store's answer tells what became of it.
    body.catch(() => undefined);
    let answer = await this.#answers.head();
    for (; answer?.start[1].startsWith("1") === true; answer = await this.#answers.head()) await send(this.#client, answer.bytes);
    if (answer === null) return false;
    const isBodiless = request.start[0] === "HEAD" || /^(204|304)$/.test(answer.start[1]);
    const rest = this.#answers.body(answer, isBodiless);
    if (fault !== null && at !== null) {
      const parts: Buffer[] = [];
      for await (const part of rest) parts.push(part);
      if (at === "answer-body") {
        const whole = Buffer.concat(parts);
        await send(this.#client, Buffer.concat([answer.bytes, whole.subarray(0, Math.floor(whole.length / 2))]));
      }
      await this.#fail(request, fault);
      return false;
    }
    await send(this.#client, answer.bytes);
    for await (const part of rest) {
      if (fault?.kind === "slow") await this.#trickle(part, fault);
      else await send(this.#client, part);
    }
    // An answer that came before the whole request: the client may not send the rest.
    const isWhole = await Promise.race([body, new Promise<false>((resolve) => void setImmediate(() => resolve(false)))]);
    return isWhole && request.header("connection") !== "close" && answer.header("connection")?.toLowerCase() !== "close";
  }

  async #pass(body: AsyncIterable<Buffer>, before: readonly Buffer[]): Promise<true> {
    for (const part of before) await send(this.#store, part);
    for await (const part of body) await send(this.#store, part);
    return true;
  }

  /** Takes a request of which the store is to keep nothing. */
  async #takeRequest(request: MessageHead, fault: ProxyFault): Promise<void> {
    const length = Number(request.header("content-length") ?? 0);
    // A client that waits to be told before it sends its body is told at once what there is to tell.
    if (request.header("expect") === "100-continue") {
      if (fault.kind !== "cut") return;
      await send(this.#client, Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    const parts: Buffer[] = [];
    let taken = 0;
    const enough = fault.kind === "cut" ? Math.floor(length / 2) : length;
    for await (const part of this.#requests.body(request, enough === 0)) {
      parts.push(part);
      taken += part.length;
      if (taken >= enough) break;
    }
    if (fault.kind !== "cut" || enough === 0) return;
    await send(this.#store, Buffer.concat([request.bytes, Buffer.concat(parts).subarray(0, enough)]));
    // Until the store has made up its mind: what it kept can then be looked at.
    this.#store.end();
    await this.#answers.discard();
  }

  async #fail(request: MessageHead, fault: ProxyFault): Promise<void> {
    if (fault.kind === "hang") {
      fault.reached?.();
      await this.#requests.discard();
    }
    if (fault.kind === "answer") await send(this.#client, ownAnswer(request, fault.status, fault.code ?? CODES[fault.status]));
    else this.#client.destroy();
  }

  async #trickle(part: Buffer, fault: Extract<ProxyFault, { kind: "slow" }>): Promise<void> {
    for (let start = 0; start < part.length; start += fault.bytes) {
      await fault.wait();
      await send(this.#client, part.subarray(start, start + fault.bytes));
    }
  }
}

function placeOf(fault: ProxyFault | null): Place | null {
  return fault?.kind === "cut" || fault?.kind === "hang" ? fault.at : null;
}

function ownAnswer(request: MessageHead, status: FailureStatus, code: string): Buffer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as planned</Message></Error>`;
  const head = `HTTP/1.1 ${status} ${code}\r\ncontent-type: application/xml\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
  return Buffer.from(request.start[0] === "HEAD" ? head : head + body);
}
