import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Cost } from "../../src/sweep/cost.ts";
import { inFolder } from "./archive.ts";
import { executeNode, say } from "./process.ts";

const COUNTER = fileURLToPath(new URL("sweep-count.ts", import.meta.url));
const FEWEST_SEGMENTS = 1000;

/** What each round of a sweep asks of the store, of a log of so many segments with one event each. */
export interface SweepCosts {
  readonly segments: number;
  /** Bytes of all objects. */
  readonly storedBytes: number;
  /** A head round that met all segments since the size before for the first time. */
  readonly first: Cost;
  /** One that met nothing new. */
  readonly head: Cost;
  readonly locks: Cost;
  readonly content: Cost;
}

const NUMBER = z.number();
const COST: z.ZodType<Cost> = z.object({
  gets: NUMBER,
  heads: NUMBER,
  lists: NUMBER,
  locks: NUMBER,
  puts: NUMBER,
  bytesRead: NUMBER,
  bytesWritten: NUMBER,
});
const COSTS: z.ZodType<SweepCosts[]> = z.array(
  z.object({ segments: z.int(), storedBytes: NUMBER, first: COST, head: COST, locks: COST, content: COST }),
);

/** The number of requests is no matter of speed: one run tells it. @param segments of the largest log, 1000 or more */
export function countSweep(dir: string, segments: number): Promise<SweepCosts[]> {
  const sizes = [1];
  for (let size = FEWEST_SEGMENTS; size < segments; size *= 10) sizes.push(size);
  sizes.push(segments);
  say(`sweeps, up to ${segments.toLocaleString("en-US")} segments`);
  return inFolder(dir, async (folder) => {
    const { stdout } = await executeNode(["--conditions=stele-source", COUNTER, ...sizes.map(String)], folder);
    return COSTS.parse(JSON.parse(stdout));
  });
}
