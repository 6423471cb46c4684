import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createArchive, openArchive } from "../../src/archive/archive.ts";
import { LogWriter } from "../../src/archive/log-writer.ts";
import { sealSegment } from "../../src/archive/segment/seal.ts";
import { signerFromSeed } from "../../src/core/key.ts";
import { parsePeriod } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import type { Cost } from "../../src/sweep/cost.ts";
import type { RoundName } from "../../src/sweep/place.ts";
import { SweepState } from "../../src/sweep/state/state.ts";
import { sweep } from "../../src/sweep/sweep.ts";
import { generateEvents } from "../gen-events.ts";
import { CountingStore } from "./counting-store.ts";

// A process of its own: makes a log of one event a segment, and counts what each round of a sweep asks of the store, at each of
// the numbers of segments that are given as arguments, ascending. Prints one JSON object.

const ORIGIN = "bench.example";
const LOG = "events";

const signer = signerFromSeed(ORIGIN, new Uint8Array(32).fill(7));
const store = new CountingStore();
await createArchive(store, { origin: ORIGIN, signer, mode: "COMPLIANCE", period: parsePeriod("90d"), now: Date.now() });
const events = generateEvents({ seed: "bench", small: true });

async function commitUpTo(segments: number): Promise<void> {
  const archive = await openArchive(store, { pinned: [signer.key] });
  const writer = await LogWriter.open(archive, LOG, { signer, writerId: "bench", now: Date.now });
  for (let i = writer.nextEntry; i < segments; i++) {
    const sealed = sealSegment(new TextEncoder().encode(`${events.next().value ?? ""}\n`));
    await writer.commit(sealed, [{ count: 1, time: timestamp(Date.now()), source: "bench" }]);
  }
}

async function round(name: RoundName, state: SweepState): Promise<Cost> {
  const archive = await openArchive(store, { pinned: [signer.key] });
  const result = await sweep(archive, { state, now: Date.now, rounds: [name] });
  if (result.verdict !== "sound" || !result.complete) {
    throw new Error(`expected a sound archive, got ${result.verdict}: ${JSON.stringify(result.findings.slice(0, 3))}`);
  }
  return result.cost;
}

const folder = await mkdtemp(join(process.cwd(), "sweep-"));
const counts = [];
try {
  using state = SweepState.open(folder, { origin: ORIGIN, place: store.url, now: Date.now });
  for (const segments of process.argv.slice(2).map(Number)) {
    await commitUpTo(segments);
    const first = await round("head", state);
    const again = await round("head", state);
    counts.push({
      segments,
      storedBytes: await storedBytes(),
      first,
      head: again,
      locks: await round("locks", state),
      content: await round("content", state),
    });
  }
} finally {
  await rm(folder, { recursive: true });
}
process.stdout.write(`${JSON.stringify(counts)}\n`);

async function storedBytes(): Promise<number> {
  let bytes = 0;
  for await (const { size } of store.versions("")) bytes += size;
  return bytes;
}
