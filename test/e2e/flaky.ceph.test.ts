import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createArchive, openArchive } from "../../src/archive/archive.ts";
import { archiveSources } from "../../src/archive/archive-sources.ts";
import { streamSource } from "../../src/archive/input/source.ts";
import { readEntries } from "../../src/archive/log-reader.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { utf8 } from "../../src/core/bytes.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { openStore } from "../../src/store/open.ts";
import { newBucket } from "../store/ceph-bucket.ts";

const LINES = Array.from({ length: 40 }, (_, i) => `event ${i}\n`);
const signer = signerFromSeed("audit.example.org", new Uint8Array(32).fill(5));

/** How the first PUT of each key fails: before the store saw it, or after the store kept it. */
type Failure = "unpersisted" | "persisted";

let failure: Failure = "unpersisted";
let failures = 0;
let proxy: Server;
let endpoint: string;
const seen = new Set<string>();

/** Passes requests on to the real store as they are; its address is part of what clients sign. */
function pass(incoming: IncomingMessage, outgoing: ServerResponse, answer: boolean): void {
  const target = new URL(process.env["AWS_ENDPOINT_URL"] ?? "");
  const { method, url, headers } = incoming;
  const forwarded = request({ host: target.hostname, port: target.port, method, path: url, headers }, (response) => {
    if (!answer) response.resume().once("end", () => refuse(outgoing));
    else response.pipe(outgoing.writeHead(response.statusCode ?? 502, response.headers));
  });
  incoming.pipe(forwarded);
}

function refuse(outgoing: ServerResponse): void {
  failures++;
  outgoing.writeHead(503, { "content-type": "application/xml" }).end("<Error><Code>SlowDown</Code></Error>");
}

beforeAll(async () => {
  proxy = createServer((incoming, outgoing) => {
    const key = `${failure} ${incoming.url?.split("?")[0]}`;
    const fails = incoming.method === "PUT" && incoming.url?.includes("/flaky-") === true && !seen.has(key);
    seen.add(key);
    if (!fails) pass(incoming, outgoing, true);
    else if (failure === "persisted") pass(incoming, outgoing, false);
    else incoming.resume().once("end", () => refuse(outgoing));
  });
  await new Promise<void>((listening) => void proxy.listen(0, "127.0.0.1", listening));
  const address = proxy.address();
  endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
afterAll(() => void proxy.close());

test.each<Failure>(["unpersisted", "persisted"])(
  "every object's first PUT is answered with 503, %s: all is archived once",
  async (kind) => {
    failure = kind;
    failures = 0;
    const { bucket } = await newBucket();
    const place = `s3://${bucket}/flaky-${kind}`;
    const store = await openStore(place, { s3: { endpoint, pathStyle: true } });
    const now = Date.now;
    await createArchive(store, {
      origin: "audit.example.org",
      signer,
      mode: "COMPLIANCE",
      period: { count: 1, unit: "d" },
      now: now(),
    });
    const archive = await openArchive(store, { pinned: [signer.key] });
    const source = streamSource(Readable.from([utf8(LINES.join(""))]), "stdin");
    const limits = { bytes: 1000, entries: 10, entryBytes: 100 };
    const { entries } = await archiveSources(archive, "app", [source], { signer, writerId: "w", now, limits });
    expect(entries).toBe(LINES.length);
    // archive.json, log.json, four segments and four manifests.
    expect(failures).toBe(10);
    const parts: Uint8Array[] = [];
    for await (const { bytes } of readEntries(archive, "app")) parts.push(bytes);
    expect(Buffer.concat(parts).toString()).toBe(LINES.join(""));
    const report = await verifyArchive(store, { pinned: [signer.key], level: "content", now: now(), threads: 1 });
    expect(report.findings.filter(({ code }) => code !== "lock.expiring")).toEqual([]);
    const versions: string[] = [];
    for await (const { key } of store.versions("")) versions.push(key);
    expect(versions).toHaveLength(10);
    expect(new Set(versions).size).toBe(10);
  },
);
