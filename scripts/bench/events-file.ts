import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateEvents } from "../gen-events.ts";
import { execute, say } from "./process.ts";

/** Events in a file, one a line. Of one size of events, a smaller file is the beginning of a larger one. */
export interface EventsFile {
  readonly path: string;
  readonly bytes: number;
  readonly events: number;
}

/** How many events: a number of them, or a size such as 500MB. */
export type HowMany = { readonly count: number } | { readonly size: string };

const GENERATOR = fileURLToPath(new URL("../gen-events.ts", import.meta.url));
const SEED = "bench";
const LF = 0x0a;

/** The events' file, made unless it is there. Its name says what the generator makes, so that a changed one makes another. */
export async function eventsFile(dir: string, howMany: HowMany, small: boolean): Promise<EventsFile> {
  const sample = createHash("sha256");
  for (const event of generateEvents({ seed: SEED, count: 1000, small })) sample.update(event);
  const amount = "count" in howMany ? `x${howMany.count}` : howMany.size;
  const path = join(dir, `${small ? "small-" : ""}events-${amount}-${sample.digest("hex").slice(0, 12)}.ndjson`);
  if (!existsSync(path)) {
    say(`generating ${"count" in howMany ? howMany.count.toLocaleString("en-US") : `${howMany.size} of`} ${inWords(small)}`);
    const partial = `${path}.partial`;
    const limit = "count" in howMany ? ["--count", String(howMany.count)] : ["--bytes", howMany.size];
    // In a process of its own: what a process starts begins with its starter's memory as its peak.
    await execute(process.execPath, [GENERATOR, ...limit, "--seed", SEED, ...(small ? ["--small"] : []), "-o", partial]);
    await rename(partial, path);
  }
  // Counting also has the file read once, unmeasured: the first of the measured processes finds it in memory as the others do.
  return { path, ...(await countLines(path)) };
}

export async function countLines(path: string): Promise<{ bytes: number; events: number }> {
  let bytes = 0;
  let events = 0;
  for await (const chunk of chunksOf(path)) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) events++;
  }
  return { bytes, events };
}

/** The lines of a file, without their line feeds, in arrays of `size`. */
export async function* linesOf(path: string, size: number): AsyncGenerator<Buffer[], void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let lines: Buffer[] = [];
  for await (const chunk of chunksOf(path)) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, from)) {
      lines.push(bytes.subarray(from, end));
      from = end + 1;
      if (lines.length < size) continue;
      yield lines;
      lines = [];
    }
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) lines.push(rest);
  if (lines.length > 0) yield lines;
}

export function inWords(small: boolean): string {
  return small ? "small events" : "events";
}

function chunksOf(path: string): AsyncIterable<Buffer> {
  return createReadStream(path, { highWaterMark: 1 << 20 });
}
