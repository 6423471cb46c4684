import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Answering = (request: Received, response: ServerResponse, nth: number) => void;

/** A real HTTP server on this machine. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly url: string;
  readonly port: number;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(answer: Answering = (_request, response) => response.writeHead(204).end()): Promise<Receiver> {
    let receiver: Receiver | null = null;
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        const { method = "", url = "", headers } = request;
        const received = { method, url, headers, body };
        receiver?.received.push(received);
        return answer(received, response, receiver?.received.length ?? 0);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    receiver = new Receiver(server, typeof address === "object" && address !== null ? address.port : 0);
    return receiver;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
