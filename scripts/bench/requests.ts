import { fileURLToPath } from "node:url";
import { z } from "zod";
import { inFolder } from "./archive.ts";
import { executeNode, say } from "./process.ts";
import type { Requests } from "./counting-store.ts";

const COUNTER = fileURLToPath(new URL("requests-count.ts", import.meta.url));
const FEWEST_MANIFESTS = 1000;

/** What a log of so many manifests, of one event each, has its readers and its writer ask of the store. */
export interface RequestCounts {
  readonly manifests: number;
  /** For each manifest since the previous size; opening the writer is left out. */
  readonly commit: { readonly each: Requests; readonly millisEach: number };
  readonly findHead: Requests;
  readonly proveEntry: Requests;
  /** 100 entries, in as many manifests, from the middle. */
  readonly readRange: Requests;
  /** The same entries, with all that leads to them. */
  readonly verifyRange: Requests;
}

const NUMBER = z.number();
const REQUESTS: z.ZodType<Requests> = z.object({ put: NUMBER, get: NUMBER, head: NUMBER, list: NUMBER, lock: NUMBER });
const COUNTS: z.ZodType<RequestCounts[]> = z.array(
  z.object({
    manifests: z.int(),
    commit: z.object({ each: REQUESTS, millisEach: NUMBER }),
    findHead: REQUESTS,
    proveEntry: REQUESTS,
    readRange: REQUESTS,
    verifyRange: REQUESTS,
  }),
);

/** The number of requests is no matter of speed: one run tells it. @param manifests of the largest log, 1000 or more */
export function countRequests(dir: string, manifests: number): Promise<RequestCounts[]> {
  const sizes: number[] = [];
  for (let size = FEWEST_MANIFESTS; size < manifests; size *= 10) sizes.push(size);
  sizes.push(manifests);
  say(`requests, up to ${manifests.toLocaleString("en-US")} manifests`);
  return inFolder(dir, async (folder) => {
    const { stdout } = await executeNode(["--conditions=stele-source", COUNTER, ...sizes.map(String)], folder);
    return COUNTS.parse(JSON.parse(stdout));
  });
}
