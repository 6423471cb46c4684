import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { generateEvents } from "../gen-events.ts";
import { inFolder } from "./archive.ts";
import { inRatio, median, type Ratio } from "./figures.ts";
import { execute, say } from "./process.ts";

const LOADER = fileURLToPath(new URL("append-load.ts", import.meta.url));
const CALLERS = 64;
const SECONDS = 3;
/** At least this share of the bare loop's throughput. */
const WANTED = 0.7;
/** Single events of about 1 KB. */
const EVENT_BYTES = { from: 900, to: 1150 } as const;
const DIFFERENT_EVENTS = 20_000;

/** What one run of the callers came to. Milliseconds are from the call to its ack. */
export interface Load {
  readonly appends: number;
  readonly appendsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
  readonly maxMillis: number;
  /** Bytes, until the last ack. */
  readonly peakMemory: number;
}

const LOAD_RESULT: z.ZodType<Load> = z.object({
  appends: z.int(),
  appendsPerSecond: z.number(),
  megabytesPerSecond: z.number(),
  p50Millis: z.number(),
  p99Millis: z.number(),
  maxMillis: z.number(),
  peakMemory: z.number(),
});

/** Durable appends of single events by concurrent callers: medians of the runs. */
export interface AppendFigures {
  readonly name: string;
  readonly runs: readonly Load[];
  readonly appendsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
  /** Bytes: the largest of the runs. */
  readonly peakMemory: number;
}

export interface AppendComparison {
  readonly callers: number;
  /** Measured in each run, after a warm-up. */
  readonly seconds: number;
  readonly stele: AppendFigures;
  readonly bare: AppendFigures & Ratio;
}

/** Durable appends beside a bare loop of write and datasync with group commit, on the same file system, in turns. */
export function measureAppend(dir: string, runs: number): Promise<AppendComparison> {
  return inFolder(dir, async (folder) => {
    const events = join(folder, "events");
    await writeEvents(events);
    const stele: Load[] = [];
    const bare: Load[] = [];
    for (let run = 1; run <= runs; run++) {
      say(`append: run ${run} of ${runs}`);
      bare.push(await load("bare", events, folder));
      stele.push(await load("stele", events, folder));
    }
    const ours = inMedians("stele log.append", stele);
    const theirs = inMedians("bare loop of write and datasync", bare);
    return {
      callers: CALLERS,
      seconds: SECONDS,
      stele: ours,
      bare: { ...theirs, ...inRatio(ours.appendsPerSecond, theirs.appendsPerSecond, WANTED) },
    };
  });
}

function load(target: "bare" | "stele", events: string, dir: string): Promise<Load> {
  return inFolder(dir, async (folder) => {
    const { stdout } = await execute(process.execPath, [
      "--conditions=stele-source",
      LOADER,
      `--target=${target}`,
      `--folder=${folder}`,
      `--events=${events}`,
      `--callers=${CALLERS}`,
      `--seconds=${SECONDS}`,
    ]);
    return LOAD_RESULT.parse(JSON.parse(stdout));
  });
}

function inMedians(name: string, loaded: readonly Load[]): AppendFigures {
  return {
    name,
    runs: loaded,
    appendsPerSecond: median(loaded.map((run) => run.appendsPerSecond)),
    megabytesPerSecond: median(loaded.map((run) => run.megabytesPerSecond)),
    p50Millis: median(loaded.map((run) => run.p50Millis)),
    p99Millis: median(loaded.map((run) => run.p99Millis)),
    peakMemory: Math.max(...loaded.map((run) => run.peakMemory)),
  };
}

async function writeEvents(path: string): Promise<void> {
  const output = createWriteStream(path);
  let written = 0;
  for (const event of generateEvents({ seed: "bench" })) {
    const bytes = Buffer.byteLength(event);
    if (bytes < EVENT_BYTES.from || bytes > EVENT_BYTES.to) continue;
    output.write(`${event}\n`);
    if (++written === DIFFERENT_EVENTS) break;
  }
  output.end();
  await finished(output);
}
