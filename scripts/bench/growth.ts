import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inFolder } from "./archive.ts";
import { countLines, type EventsFile, eventsFile } from "./events-file.ts";
import { median, spread } from "./figures.ts";
import { type Run, say } from "./process.ts";
import { archive, initPlace } from "./stele.ts";

const COUNTS = [1e5, 1e6, 1e7] as const;
/** How far the slowest size may be above the fastest, in time for each event. */
const FLAT_WITHIN = 0.15;

export interface GrowthStep {
  readonly events: number;
  readonly bytes: number;
  readonly seconds: readonly number[];
  readonly median: number;
  /** Of the median run, the start of the process taken off. */
  readonly microsPerEvent: number;
  /** Bytes: the largest of the runs. */
  readonly peakMemory: number;
}

export interface Growth {
  /** Archiving a single event: what a process costs before its first. */
  readonly startSeconds: number;
  readonly steps: readonly GrowthStep[];
  /** Of the time for each event: 0.1 is 10 %. */
  readonly timeSpread: number;
  readonly memorySpread: number;
  readonly wantedSpread: number;
  readonly met: boolean;
}

/** `archive` at growing numbers of small events. */
export async function measureGrowth(dir: string, runs: number): Promise<Growth> {
  const start = await inFolder(dir, async (folder) => {
    const path = join(folder, "one.ndjson");
    await writeFile(path, '{"event":"the only one"}\n');
    return measure(dir, { path, ...(await countLines(path)) }, runs);
  });
  const startSeconds = median(start.map(({ seconds }) => seconds));
  const steps: GrowthStep[] = [];
  for (const count of COUNTS) {
    const file = await eventsFile(dir, { count }, true);
    const done = await measure(dir, file, runs);
    const seconds = done.map((run) => run.seconds);
    const peakMemory = Math.max(...done.map(({ peak }) => peak ?? 0));
    const microsPerEvent = ((median(seconds) - startSeconds) / count) * 1e6;
    steps.push({ events: count, bytes: file.bytes, seconds, median: median(seconds), microsPerEvent, peakMemory });
  }
  const timeSpread = spread(steps.map(({ microsPerEvent }) => microsPerEvent));
  return {
    startSeconds,
    steps,
    timeSpread,
    memorySpread: spread(steps.map(({ peakMemory }) => peakMemory)),
    wantedSpread: FLAT_WITHIN,
    met: timeSpread <= FLAT_WITHIN,
  };
}

async function measure(dir: string, file: EventsFile, runs: number): Promise<Run[]> {
  const done: Run[] = [];
  for (let run = 1; run <= runs; run++) {
    say(`growth, number of events ${file.events.toLocaleString("en-US")}: run ${run} of ${runs}`);
    done.push(await inFolder(dir, async (folder) => archive(await initPlace(folder), file)));
  }
  return done;
}
