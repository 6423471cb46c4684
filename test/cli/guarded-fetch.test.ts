import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { post } from "../../src/archive/anchor/http.ts";
import { guardedFetch } from "../../src/cli/guarded-fetch.ts";

let server: Server;
let port = 0;
const asked: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.headers.host} ${request.headers["content-type"]}`);
    if (request.url === "/upgrade") {
      request.socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n");
      return;
    }
    const status = request.url === "/empty" ? 204 : request.url === "/away" ? 302 : request.url === "/odd" ? 700 : 200;
    request.pipe(response.writeHead(status, { "content-type": "text/x.echo; charset=utf-8", location: "/echo" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  ({ port } = address);
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const request = { method: "POST", headers: { "content-type": "text/x.test" }, body: Uint8Array.of(0, 255, 10) };

test("gives the answer's status, type and bytes", async () => {
  const response = await guardedFetch(["127.0.0.1"])(`http://127.0.0.1:${port}/echo`, request);
  expect({ status: response.status, type: response.headers.get("content-type") }).toEqual({
    status: 200,
    type: "text/x.echo; charset=utf-8",
  });
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(request.body);
  expect(asked.at(-1)).toBe(`POST 127.0.0.1:${port} text/x.test`);
  expect((await guardedFetch(["127.0.0.1"])(`http://127.0.0.1:${port}/empty`, request)).status).toBe(204);
});

test("does not go where it is sent", async () => {
  const before = asked.length;
  expect((await guardedFetch(["127.0.0.1"])(`http://127.0.0.1:${port}/away`, request)).status).toBe(302);
  expect(asked).toHaveLength(before + 1);
});

test("connects to the address that was checked, and to none where one of a name's is refused", async () => {
  const before = asked.length;
  const resolve =
    (...addresses: string[]) =>
    () =>
      Promise.resolve(addresses.map((address) => ({ address, family: 4 })));
  const allowed = guardedFetch(["127.0.0.1"], resolve("127.0.0.1"));
  expect((await allowed(`http://witness.example:${port}/echo`, request)).status).toBe(200);
  expect(asked.at(-1)).toBe(`POST witness.example:${port} text/x.test`);
  for (const addresses of [["10.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "10.0.0.1"], []]) {
    const refused = guardedFetch(["127.0.0.1"], resolve(...addresses));
    await expect(refused(`http://witness.example:${port}/echo`, request)).rejects.toMatchObject({ code: "anchor.failed" });
  }
  await expect(guardedFetch([])(`https://127.0.0.1:${port}/echo`, request)).rejects.toThrow(/127\.0\.0\.1 \(loopback\)/);
  await expect(guardedFetch([])(`https://[::1]:${port}/echo`, request)).rejects.toMatchObject({ code: "anchor.failed" });
  expect(asked).toHaveLength(before + 1);
});

test("an answer in another protocol, or with a status that there is not, is an error", async () => {
  const guarded = guardedFetch(["127.0.0.1"]);
  await expect(guarded(`http://127.0.0.1:${port}/upgrade`, request)).rejects.toThrow(/another protocol than HTTP/);
  await expect(guarded(`http://127.0.0.1:${port}/odd`, request)).rejects.toThrow(
    /\/odd: expected an answer of HTTP, got status 700/,
  );
});

test("a name whose addresses do not come is waited for no longer than the signal says", async () => {
  const guarded = guardedFetch([], () => new Promise(() => undefined));
  const signal = AbortSignal.timeout(20);
  await expect(guarded("https://witness.example/", { ...request, signal })).rejects.toThrow(/timeout/);
});

test("an answer that is too long is refused, with the name of whoever gave it", async () => {
  const connection = { fetch: guardedFetch(["127.0.0.1"]), allowPrivate: true };
  const url = `http://127.0.0.1:${port}/echo`;
  await expect(post(connection, url, { contentType: "text/x.test", body: new Uint8Array(9), maxBytes: 8 })).rejects.toThrow(
    `${url}: expected an answer of at most 8 bytes`,
  );
});

test("ends when it is told to, and takes no rule that is none", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(guardedFetch(["127.0.0.1"])(`http://127.0.0.1:${port}/echo`, { ...request, signal })).rejects.toThrow();
  expect(() => guardedFetch(["not an address"])).toThrow(/allowPrivate: expected an address/);
});
