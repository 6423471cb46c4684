import { type Archive, createArchive, openArchive } from "../../src/archive/archive.ts";
import { openLog, readEntries } from "../../src/archive/log-reader.ts";
import { LogWriter } from "../../src/archive/log-writer.ts";
import { proveEntry } from "../../src/archive/prove.ts";
import type { EntryRange } from "../../src/archive/range.ts";
import { sealSegment } from "../../src/archive/segment/seal.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { parsePeriod } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import { generateEvents } from "../gen-events.ts";
import { CountingStore, type Requests } from "./counting-store.ts";

// A process of its own: makes a log of one event a manifest and counts what its readers ask of the store, at each of the
// numbers of manifests that are given as arguments, ascending. Prints one JSON object.

const ORIGIN = "bench.example";
const LOG = "events";
/** Entries that are read and verified of the middle of the log. */
const RANGE = 100;

const signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(7));
const store = new CountingStore();
await createArchive(store, { origin: ORIGIN, signer, mode: "COMPLIANCE", period: parsePeriod("90d"), now: Date.now() });

async function commitUpTo(manifests: number): Promise<Requests> {
  const archive = await openArchive(store, { pinned: [signer.key] });
  const writer = await LogWriter.open(archive, LOG, { signer, writerId: "bench", now: Date.now });
  store.taken();
  for (let i = writer.nextEntry; i < manifests; i++) {
    const sealed = sealSegment(new TextEncoder().encode(`${events.next().value ?? ""}\n`));
    await writer.commit(sealed, [{ count: 1, time: timestamp(Date.now()), source: "bench" }]);
  }
  return store.taken();
}

async function counted(work: () => Promise<unknown>): Promise<Requests> {
  store.taken();
  await work();
  return store.taken();
}

const events = generateEvents({ seed: "bench", small: true });
const sizes = process.argv.slice(2).map(Number);
const counts = [];
let before = 0;
for (const manifests of sizes) {
  const started = performance.now();
  const writing = await commitUpTo(manifests);
  const millis = performance.now() - started;
  const archive = await openArchive(store, { pinned: [signer.key] });
  const middle = Math.floor(manifests / 2);
  const range = { from: { index: middle }, to: { index: middle + RANGE } };
  counts.push({
    manifests,
    commit: { each: perManifest(writing, manifests - before), millisEach: millis / (manifests - before) },
    findHead: await counted(() => openLog(archive, LOG)),
    proveEntry: await counted(() => proveEntry(archive, LOG, middle)),
    readRange: await counted(() => readRange(archive, range)),
    verifyRange: await counted(() => verifyRange(range)),
  });
  before = manifests;
}
process.stdout.write(`${JSON.stringify(counts)}\n`);

async function readRange(archive: Archive, range: EntryRange): Promise<void> {
  let read = 0;
  for await (const { count } of readEntries(archive, LOG, range)) read += count;
  if (read !== RANGE) throw new Error(`expected ${RANGE} entries, got ${read}`);
}

async function verifyRange(range: EntryRange): Promise<void> {
  const report = await verifyArchive(store, { pinned: [signer.key], level: "content", now: Date.now(), ...range });
  if (report.verdict !== "sound") throw new Error(`expected the log to be sound: ${JSON.stringify(report.findings.slice(0, 3))}`);
}

function perManifest(requests: Requests, manifests: number): Requests {
  const each = (count: number): number => count / manifests;
  const { put, get, head, list, lock } = requests;
  return { put: each(put), get: each(get), head: each(head), list: each(list), lock: each(lock) };
}
