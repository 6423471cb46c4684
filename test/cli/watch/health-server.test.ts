import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HealthServer, type Reason, serveHealth } from "../../../src/cli/watch/health-server.ts";

const LOCAL = { host: "127.0.0.1", port: 0 };
let health: Reason[];
let readiness: Reason[];
let failing: boolean;
let server: HealthServer;
beforeEach(async () => {
  health = [];
  readiness = [];
  failing = false;
  const probes = {
    health: () => health,
    readiness: () => readiness,
    metrics: () =>
      failing ? Promise.reject(new Error("broken")) : Promise.resolve({ type: "text/plain; version=0.0.4", text: "a 1\n" }),
  };
  server = await serveHealth(probes, LOCAL);
});
afterEach(() => server[Symbol.asyncDispose]());

async function ask(path: string, method = "GET"): Promise<{ status: number; headers: Headers; body: string }> {
  const response = await fetch(`http://${server.address}${path}`, { method });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** Writes bytes as they are, and gives all that comes back until the connection ends. */
async function raw(bytes: string): Promise<string> {
  const [host = "", port = ""] = server.address.split(":");
  const socket = connect(Number(port), host);
  await once(socket, "connect");
  socket.write(bytes);
  return text(socket);
}

describe("the health server", () => {
  it("says that all is well, and why not", async () => {
    expect(await ask("/healthz")).toMatchObject({ status: 200, body: '{"ok":true,"reasons":[]}\n' });
    readiness = [{ code: "head.overdue", message: "no head round" }];
    const answer = await ask("/readyz?verbose");
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toEqual({ ok: false, reasons: readiness });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect((await ask("/healthz")).status).toBe(200);
    health = [{ code: "process.hangs", message: "for 61 s" }];
    expect((await ask("/healthz")).status).toBe(503);
  });

  it("gives metrics in their own type, and nothing where they fail", async () => {
    const { headers, body } = await ask("/metrics");
    expect(body).toBe("a 1\n");
    expect(headers.get("content-type")).toBe("text/plain; version=0.0.4");
    failing = true;
    await expect(ask("/metrics")).rejects.toThrow();
    expect((await ask("/healthz")).status).toBe(200);
  });

  it("knows three paths and two methods", async () => {
    expect((await ask("/")).status).toBe(404);
    expect((await ask("/healthz/")).status).toBe(404);
    expect((await ask("/metrics", "HEAD")).body).toBe("");
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const { status, headers } = await ask("/readyz", method);
      expect(status).toBe(405);
      expect(headers.get("allow")).toBe("GET, HEAD");
    }
  });

  it("answers a connection once, whatever more it asks for", async () => {
    const request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n";
    const said = await raw(request + request);
    expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(said).toMatch(/^connection: close\r$/im);
  });

  it("refuses headers that are too long, and what is no HTTP", async () => {
    expect(await raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431/);
    expect(await raw("hello\r\n\r\n")).toMatch(/^HTTP\/1\.1 400/);
  });

  it("ends though a connection is open, and says when an address is taken", async () => {
    const [host = "", port = ""] = server.address.split(":");
    const taken = serveHealth(
      { health: () => [], readiness: () => [], metrics: () => Promise.reject(new Error("none")) },
      { host, port: Number(port) },
    );
    await expect(taken).rejects.toMatchObject({
      code: "input.invalid",
      message: expect.stringContaining(`watch.listen: ${server.address}`),
    });
    const socket = connect(Number(port), host);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    await server[Symbol.asyncDispose]();
    if (!socket.closed) await once(socket, "close");
    expect(socket.closed).toBe(true);
  });
});
