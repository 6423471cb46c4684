import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

// A process of its own: concurrent callers append single events, each waiting for its ack before its next.

/** What is appended to. */
export interface Target {
  /** Resolves when the event is durable. */
  append(event: Buffer): Promise<void>;
  /** @returns how many bytes are kept, each event's line feed with it */
  close(): Promise<number>;
}

const LF = 0x0a;
/** Until code is compiled and files have grown a little. */
const WARM_UP_SECONDS = 0.5;

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "" },
    folder: { type: "string", default: "" },
    events: { type: "string", default: "" },
    callers: { type: "string", default: "64" },
    seconds: { type: "string", default: "3" },
  },
});

async function openTarget(name: string, folder: string): Promise<Target> {
  switch (name) {
    case "bare":
      return (await import("./append-bare.ts")).bareLoop(folder);
    case "stele":
      return (await import("./append-stele.ts")).steleLog(folder);
    default:
      throw new RangeError(`--target: expected bare or stele, got ${name}`);
  }
}

function lines(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let from = 0, end = bytes.indexOf(LF); end !== -1; from = end + 1, end = bytes.indexOf(LF, from)) {
    found.push(bytes.subarray(from, end));
  }
  return found;
}

const events = lines(await readFile(values.events));
const target = await openTarget(values.target, values.folder);
const measureFrom = performance.now() + WARM_UP_SECONDS * 1000;
const measureTo = measureFrom + Number(values.seconds) * 1000;
const latencies: number[] = [];
let next = 0;
let appendedBytes = 0;
let measuredBytes = 0;

async function call(): Promise<void> {
  for (;;) {
    const event = events[next++ % events.length];
    const started = performance.now();
    if (event === undefined || started >= measureTo) return;
    await target.append(event);
    const ended = performance.now();
    appendedBytes += event.length + 1;
    if (ended < measureFrom || ended >= measureTo) continue;
    latencies.push(ended - started);
    measuredBytes += event.length + 1;
  }
}

await Promise.all(Array.from({ length: Number(values.callers) }, call));
// Before what was kept is read back, which is not part of appending.
const peakMemory = process.resourceUsage().maxRSS * 1024;
const keptBytes = await target.close();
if (keptBytes !== appendedBytes) throw new Error(`${values.target}: ${appendedBytes} bytes were acked, ${keptBytes} are kept`);
const sorted = Float64Array.from(latencies).sort();
const quantile = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
const seconds = Number(values.seconds);
process.stdout.write(
  `${JSON.stringify({
    appends: sorted.length,
    appendsPerSecond: sorted.length / seconds,
    megabytesPerSecond: measuredBytes / 1e6 / seconds,
    p50Millis: quantile(0.5),
    p99Millis: quantile(0.99),
    maxMillis: quantile(1),
    peakMemory,
  })}\n`,
);
