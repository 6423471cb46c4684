import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { openS3Store, type S3StoreOptions } from "../../src/store/s3/open.ts";
import type { S3Store } from "../../src/store/s3/s3-store.ts";

export interface SeenRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What the server answers; `hang-up` cuts the connection without a word. */
export type ScriptedAnswer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Buffer }
  | "hang-up";

/**
 * An HTTP server that answers as AWS does where Ceph can't: the requests are the real client's, so retries and headers are
 * those that would go out.
 */
export interface ScriptedS3 {
  readonly seen: SeenRequest[];
  readonly endpoint: string;
  readonly open: (options?: Partial<S3StoreOptions>) => S3Store;
  readonly close: () => Promise<void>;
}

export async function scriptedS3(answer: (request: SeenRequest, index: number) => ScriptedAnswer): Promise<ScriptedS3> {
  const seen: SeenRequest[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = {
        method: request.method ?? "",
        target: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks),
      };
      seen.push(one);
      const scripted = answer(one, seen.length - 1);
      if (scripted === "hang-up") return void request.socket.destroy();
      const length = Buffer.byteLength(scripted.body ?? "");
      response.writeHead(scripted.status, { "content-length": length, ...scripted.headers }).end(scripted.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the scripted server has no port");
  const endpoint = `http://127.0.0.1:${address.port}`;
  return {
    seen,
    endpoint,
    open: (options = {}) =>
      openS3Store({
        bucket: "bucket",
        endpoint,
        region: "eu-central-1",
        client: { credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" } },
        ...options,
      }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function xmlError(status: number, code: string, headers: Readonly<Record<string, string>> = {}): ScriptedAnswer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as scripted</Message></Error>`;
  return { status, headers: { "content-type": "application/xml", ...headers }, body };
}
