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
import { type ProxyFault, S3Proxy } from "../fault/s3-proxy.ts";
import { newBucket, requireServer } from "../store/ceph-bucket.ts";

const LINES = Array.from({ length: 40 }, (_, i) => `event ${i}\n`);
const signer = signerFromSeed("audit.example.org", new Uint8Array(32).fill(5));

let proxy: S3Proxy;
beforeAll(async () => {
  requireServer();
  proxy = await S3Proxy.start(process.env["AWS_ENDPOINT_URL"] ?? "");
});
afterAll(() => proxy.close());

test.each<[string, ProxyFault, number]>([
  ["answered with 503, unpersisted", { kind: "answer", status: 503 }, 20],
  ["answered with 503, persisted", { kind: "answer", status: 503, persisted: true }, 10],
  ["cut in mid-body", { kind: "cut", at: "request" }, 20],
  ["cut before its answer", { kind: "cut", at: "answer" }, 10],
])("every object's first PUT is %s: all is archived once", async (_, fault, puts) => {
  const tried = new Set<string>();
  proxy.follow(({ operation, key }) => {
    if (operation !== "PutObject" || tried.has(key)) return null;
    tried.add(key);
    return fault;
  });
  const { bucket } = await newBucket();
  const store = await openStore(`s3://${bucket}/flaky`, { s3: { endpoint: proxy.endpoint, pathStyle: true } });
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
  expect(tried.size).toBe(10);
  expect(proxy.count("PutObject")).toBe(puts);
  const parts: Uint8Array[] = [];
  for await (const { bytes } of readEntries(archive, "app")) parts.push(bytes);
  expect(Buffer.concat(parts).toString()).toBe(LINES.join(""));
  const report = await verifyArchive(store, { pinned: [signer.key], level: "content", now: now(), threads: 1 });
  expect(report.findings.filter(({ code }) => code !== "lock.expiring")).toEqual([]);
  const versions: string[] = [];
  for await (const { key } of store.versions("")) versions.push(key);
  expect(versions).toHaveLength(10);
  expect(new Set(versions).size).toBe(10);
});
