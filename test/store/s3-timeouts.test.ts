import { createServer, type Server } from "node:net";
import { HeadBucketCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../src/store/port.ts";
import { type S3Timeouts, s3Clients } from "../../src/store/s3/clients.ts";
import { openS3Store } from "../../src/store/s3/open.ts";
import { scriptedS3 } from "./scripted-s3.ts";

const client = { maxAttempts: 1, credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" } };

let silent: Server;
let port: number;
beforeEach(async () => {
  silent = createServer((socket) => void socket.on("error", () => undefined).resume());
  await new Promise<void>((resolve) => void silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  port = typeof address === "object" ? (address?.port ?? 0) : 0;
});
afterEach(() => new Promise((resolve) => void silent.close(resolve)));

const open = (scheme: string): Store =>
  openS3Store({ bucket: "bucket", endpoint: `${scheme}://127.0.0.1:${port}`, region: "r", client, timeouts: { idleMs: 100 } });

describe.each(["http", "https"])("a server that takes a connection and says nothing, over %s", (scheme) => {
  test.each<[string, (store: Store) => Promise<unknown>]>([
    ["a small PUT", (store) => store.putIfAbsent("a", new Uint8Array(3), { retention: null })],
    ["a large PUT", (store) => store.putIfAbsent("a", new Uint8Array(30_000_000), { retention: null })],
    ["a GET", (store) => store.get("a", { maxBytes: 3 })],
  ])("%s ends as unreachable", async (_, call) => {
    await expect(call(open(scheme))).rejects.toMatchObject({
      code: "store.unreachable",
      message: expect.stringContaining("100 ms of inactivity"),
    });
  });
});

test.each<[S3Timeouts | undefined, number, number]>([
  [undefined, 5_000, 60_000],
  [{ connectMs: 1234 }, 1234, 60_000],
  [{ idleMs: 1 }, 5_000, 1],
])(
  "timeouts %o: both clients give up a connection after %i ms, and one that is silent after %i ms",
  async (timeouts, connect, idle) => {
    const server = await scriptedS3(() => ({ status: 200 }));
    const clients = s3Clients({ bucket: "bucket", endpoint: server.endpoint, region: "r", client, timeouts });
    for (const one of [clients.once, clients.retrying]) {
      await one.send(new HeadBucketCommand({ Bucket: "bucket" })).catch(() => undefined);
      expect(one.config.requestHandler).toMatchObject({ config: { connectionTimeout: connect, socketTimeout: idle } });
      one.destroy();
    }
    await server.close();
  },
);

test.each([0, -1, 1.5, Number.NaN, Infinity, 2 ** 31])("no timeout: %d", (millis) => {
  for (const timeouts of [{ connectMs: millis }, { idleMs: millis }]) {
    expect(() => openS3Store({ bucket: "bucket", timeouts })).toThrow(/expected whole milliseconds from 1 to 2147483647/);
  }
});
