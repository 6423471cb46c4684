import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { alarmsConfigSchema } from "../../../src/alert/config.ts";
import type { Destination, Outcome } from "../../../src/alert/destination/destination.ts";
import type { Resolve } from "../../../src/alert/destination/guarded-request.ts";
import { openDestinations } from "../../../src/alert/destination/open.ts";
import { eventAlarm, findingAlarm } from "../samples.ts";
import { parseCloudEvent } from "../envelope/ocsf.ts";
import { parseIncident } from "../envelope/pagerduty.ts";
import { slackTexts } from "../envelope/slack.ts";
import { type Answering, Receiver } from "../receiver.ts";

const secret = (): string => `whsec_${randomBytes(32).toString("base64")}`;
const never = new AbortController().signal;

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-hooks-"));
});
afterEach(() => rm(folder, { recursive: true }));

interface Given {
  readonly env?: Record<string, string>;
  readonly allowPrivate?: readonly string[];
  readonly timeout?: string;
  readonly resolve?: Resolve;
}

function open(
  destination: Record<string, unknown>,
  { env = {}, allowPrivate = ["127.0.0.1"], timeout = "15s", resolve }: Given = {},
): Destination {
  const config = alarmsConfigSchema.parse({ destinations: [{ name: "soc", ...destination }], allowPrivate, timeout });
  const [one] = openDestinations(config, { folder, env, resolve });
  if (one === undefined) throw new Error("no destination");
  return one;
}

const SECRET = secret();
const webhook = (url: string, given: Given = {}): Destination =>
  open({ type: "webhook", url, secretEnv: "SECRET" }, { ...given, env: { SECRET, ...given.env } });
const deliver = (to: Destination, alarm = findingAlarm()): Promise<Outcome> => to.deliver(alarm, Date.now(), never);

/** Takes what is signed with the secret, and refuses all else. */
const verifying =
  (...secrets: readonly string[]): Answering =>
  ({ body, headers }, response) => {
    try {
      const given = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value)]));
      for (const one of secrets) new Webhook(one).verify(body, given);
      parseCloudEvent(body);
      response.writeHead(204).end();
    } catch {
      response.writeHead(401).end("bad signature");
    }
  };

describe("a receiver of Standard Webhooks", () => {
  it("takes what is signed with its secret; the id is the alarm's, each time", async () => {
    await using receiver = await Receiver.start(verifying(SECRET));
    const alarm = eventAlarm();
    expect(await deliver(webhook(receiver.url), alarm)).toEqual({ kind: "delivered" });
    expect(await deliver(webhook(receiver.url), alarm)).toEqual({ kind: "delivered" });
    expect(receiver.received.map(({ headers }) => headers["webhook-id"])).toEqual([alarm.id, alarm.id]);
    expect(receiver.received[0]).toMatchObject({
      method: "POST",
      headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
    });
    expect(receiver.received[0]?.headers["content-length"]).toBe(Buffer.byteLength(receiver.received[0]?.body ?? "").toString());
  });

  it("refuses another secret's signature", async () => {
    await using receiver = await Receiver.start(verifying(secret()));
    expect(await deliver(webhook(receiver.url))).toEqual({ kind: "failed", why: "answered 401: bad signature", after: null });
  });

  it("while secrets are changed, receivers that know the old one and such that know the new one take it", async () => {
    const [old, next] = [secret(), secret()];
    await writeFile(join(folder, "secrets"), `${next}\n${old}\n`);
    await using receiver = await Receiver.start(verifying(old, next));
    const to = open({ type: "webhook", url: receiver.url, secretFile: "secrets" });
    expect(await deliver(to)).toEqual({ kind: "delivered" });
    expect(String(receiver.received[0]?.headers["webhook-signature"]).split(" ")).toHaveLength(2);
    // Read anew for each attempt.
    await writeFile(join(folder, "secrets"), next);
    expect(await deliver(to)).toMatchObject({ kind: "failed", why: expect.stringContaining("401") });
  });

  it.each([
    ["too short", `whsec_${randomBytes(16).toString("base64")}`],
    ["no whsec_", randomBytes(32).toString("base64")],
    ["no base64", "whsec_????????????????????????????????"],
  ])("a secret that is %s is not sent with, and not said", async (_what, bad) => {
    await using receiver = await Receiver.start();
    const outcome = await deliver(webhook(receiver.url, { env: { SECRET: bad } }));
    expect(outcome).toMatchObject({ kind: "failed", why: expect.stringContaining("24 to 64 bytes in base64") });
    expect(JSON.stringify(outcome)).not.toContain(bad);
    expect(receiver.received).toEqual([]);
  });

  it("a secret that is not there fails, and may be there later", async () => {
    await using receiver = await Receiver.start();
    const to = open({ type: "webhook", url: receiver.url, secretFile: "later" });
    expect(await deliver(to)).toMatchObject({ kind: "failed", why: expect.stringContaining("the secret of soc") });
    await writeFile(join(folder, "later"), SECRET);
    expect(await deliver(to)).toEqual({ kind: "delivered" });
  });
});

describe("answers", () => {
  it.each([
    [200, "delivered"],
    [202, "delivered"],
    [301, "failed"],
    [307, "failed"],
    [400, "failed"],
    [401, "failed"],
    [404, "failed"],
    [408, "failed"],
    [410, "gone"],
    [413, "failed"],
    [429, "failed"],
    [500, "failed"],
    [503, "failed"],
  ])("%i of a webhook: %s", async (status, kind) => {
    await using receiver = await Receiver.start((_request, response) => response.writeHead(status).end());
    expect((await deliver(webhook(receiver.url))).kind).toBe(kind);
  });

  it("500, then 200", async () => {
    await using receiver = await Receiver.start((_request, response, nth) =>
      response.writeHead(nth === 1 ? 500 : 200).end("oops"),
    );
    expect(await deliver(webhook(receiver.url))).toEqual({ kind: "failed", why: "answered 500: oops", after: null });
    expect(await deliver(webhook(receiver.url))).toEqual({ kind: "delivered" });
  });

  it("Retry-After is taken from the answer", async () => {
    await using receiver = await Receiver.start((_request, response) => response.writeHead(503, { "retry-after": "120" }).end());
    expect(await deliver(webhook(receiver.url))).toEqual({ kind: "failed", why: "answered 503", after: 120_000 });
  });

  it("one that never answers is given up", async () => {
    await using receiver = await Receiver.start(() => undefined);
    expect(await deliver(webhook(receiver.url, { timeout: "1s" }))).toEqual({
      kind: "failed",
      why: "127.0.0.1 did not answer within 1 s",
      after: null,
    });
  });

  it("one that wants to speak another protocol fails", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const why = "127.0.0.1: it answered with another protocol than HTTP (101)";
    expect(await deliver(webhook(`http://127.0.0.1:${port}`))).toEqual({ kind: "failed", why, after: null });
    server.close();
  });

  it("one whose name is never looked up is given up", async () => {
    const resolve: Resolve = () => new Promise(() => undefined);
    expect(await deliver(webhook("https://soc.example/", { timeout: "1s", resolve }))).toMatchObject({
      why: "soc.example did not answer within 1 s",
    });
  });

  it("a body that never ends is not waited for, nor read beyond its beginning", async () => {
    let written = 0;
    await using receiver = await Receiver.start((_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(65_536))) written += 65_536;
      };
      response.on("drain", more);
      more();
    });
    expect(await deliver(webhook(receiver.url))).toEqual({ kind: "delivered" });
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  it("a lost connection fails", async () => {
    await using receiver = await Receiver.start((_request, response) => response.destroy());
    expect(await deliver(webhook(receiver.url))).toMatchObject({ kind: "failed", why: expect.stringContaining("127.0.0.1: ") });
    const { port } = receiver;
    await receiver[Symbol.asyncDispose]().catch(() => undefined);
    expect(await deliver(webhook(`http://127.0.0.1:${port}/`))).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("ECONNREFUSED"),
    });
  });

  it("broken off from outside, it throws", async () => {
    await using receiver = await Receiver.start(() => undefined);
    const stop = new AbortController();
    const sent = webhook(receiver.url).deliver(findingAlarm(), Date.now(), stop.signal);
    while (receiver.received.length === 0) await new Promise(setImmediate);
    stop.abort(new Error("enough"));
    await expect(sent).rejects.toThrow("enough");
  });
});

describe("where it may not go", () => {
  it.each([
    "http://127.0.0.1:1/",
    "https://127.0.0.1:1/",
    "https://[::1]:1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0/",
    "https://[::ffff:127.0.0.1]/",
    "http://8.8.8.8/",
  ])("%s is not connected to", async (url) => {
    expect(await deliver(webhook(url, { allowPrivate: [] }))).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("was not connected to"),
    });
  });

  it("a name is refused where any of its addresses is private", async () => {
    const resolve: Resolve = async () => [
      { address: "8.8.8.8", family: 4 },
      { address: "169.254.169.254", family: 4 },
    ];
    expect(await deliver(webhook("https://soc.example/", { resolve }))).toMatchObject({
      kind: "failed",
      why: "soc.example was not connected to: it is at 169.254.169.254 (linkLocal), which is not public, and not in allowPrivate",
    });
  });

  it("a name that leads elsewhere when it is asked again gains nothing: it is asked once, and what was checked is connected to", async () => {
    await using receiver = await Receiver.start(verifying(SECRET));
    let asked = 0;
    const resolve: Resolve = async () => [{ address: asked++ === 0 ? "127.0.0.1" : "169.254.169.254", family: 4 }];
    const to = webhook(`http://soc.example:${receiver.port}/`, { resolve, allowPrivate: ["127.0.0.0/8"] });
    expect(await deliver(to)).toEqual({ kind: "delivered" });
    expect(asked).toBe(1);
    expect(receiver.received[0]?.headers.host).toBe(`soc.example:${receiver.port}`);
    expect(await deliver(to)).toMatchObject({ kind: "failed", why: expect.stringContaining("169.254.169.254") });
    expect(receiver.received).toHaveLength(1);
  });

  it.each([301, 302, 303, 307, 308])("a redirect (%i) to the metadata service, or anywhere, is not followed", async (status) => {
    await using other = await Receiver.start();
    for (const location of ["http://169.254.169.254/latest/meta-data/iam/", `${other.url}/`]) {
      await using receiver = await Receiver.start((_request, response) => response.writeHead(status, { location }).end());
      expect(await deliver(webhook(receiver.url))).toMatchObject({
        kind: "failed",
        why: expect.stringContaining("redirects are not followed"),
      });
      expect(receiver.received).toHaveLength(1);
    }
    expect(other.received).toEqual([]);
  });

  it("http:// is for hosts in allowPrivate", async () => {
    const resolve: Resolve = async () => [{ address: "93.184.216.34", family: 4 }];
    expect(await deliver(webhook("http://soc.example/", { resolve, allowPrivate: ["soc.example"] }))).toMatchObject({
      why: expect.stringContaining("use https://"),
    });
  });
});

describe("secrets", () => {
  const TOKEN = "T0000-hushhush-0000";

  it.each([
    [
      "a status",
      (({ url }, response) => response.writeHead(403).end(`no: ${url} ${decodeURIComponent(url)}`)) satisfies Answering,
    ],
    ["a lost connection", ((_request, response) => response.destroy()) satisfies Answering],
  ])("the URL of a Slack webhook stands in no outcome: %s", async (_what, answer) => {
    await using receiver = await Receiver.start(answer);
    const to = open(
      { type: "slack", urlEnv: "URL" },
      { env: { URL: `${receiver.url}/services/${TOKEN}/a%20${TOKEN}?key=${TOKEN}&x=1` } },
    );
    const outcome = await deliver(to);
    expect(outcome.kind).toBe("failed");
    expect(JSON.stringify(outcome)).not.toContain("hushhush");
    expect(receiver.received[0]?.url).toContain(TOKEN);
  });

  it.each([
    `https://user:${TOKEN}@127.0.0.1:1/x`,
    `not a url ${TOKEN}`,
    `https://soc.example:99999/${TOKEN}`,
    `gopher://soc.example/${TOKEN}`,
    `https://${TOKEN}@169.254.169.254/${TOKEN}`,
  ])("nor does that of one that is no good: %#", async (URL) => {
    const outcome = await deliver(
      open({ type: "slack", urlEnv: "URL" }, { env: { URL }, resolve: async () => [{ address: "127.0.0.1", family: 4 }] }),
    );
    expect(outcome.kind).toBe("failed");
    expect(JSON.stringify(outcome)).not.toContain("hushhush");
  });

  it("nor does a routing key that the service says back", async () => {
    await using receiver = await Receiver.start(({ body }, response) => response.writeHead(400).end(`invalid: ${body}`));
    const outcome = await deliver(open({ type: "pagerduty", url: receiver.url, secretEnv: "KEY" }, { env: { KEY: TOKEN } }));
    expect(outcome).toMatchObject({ kind: "refused", why: expect.stringContaining("answered 400: invalid: ") });
    expect(JSON.stringify(outcome)).not.toContain("hushhush");
    expect(parseIncident(receiver.received[0]?.body ?? "")).toMatchObject({ routing_key: TOKEN });
  });
});

describe("Slack", () => {
  it("takes blocks; 400 says that it never will", async () => {
    await using receiver = await Receiver.start((_request, response, nth) =>
      nth === 1 ? response.end("ok") : response.writeHead(400).end("invalid_blocks"),
    );
    await writeFile(join(folder, "url"), `${receiver.url}/services/T/B/X\n`);
    const to = open({ type: "slack", urlFile: "url" });
    expect(await deliver(to)).toEqual({ kind: "delivered" });
    slackTexts(receiver.received[0]?.body ?? "");
    expect(await deliver(to)).toEqual({ kind: "refused", why: "answered 400: invalid_blocks" });
  });
});
