import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { applicationEvents, smallEvents } from "./gen-events/application.ts";
import { cloudEvents } from "./gen-events/cloud.ts";
import { kubernetesEvents } from "./gen-events/kubernetes.ts";
import { weighted } from "./gen-events/weighted.ts";
import { createWorld } from "./gen-events/world.ts";

/** What to generate. The same options give the same bytes, on every platform and at every time. */
export interface EventOptions {
  /** Any text or number; by default 1. */
  readonly seed?: string | number | undefined;
  /** How many events; by default without end. */
  readonly count?: number | undefined;
  /** Events of about 200 bytes instead of 300 bytes to 10 KB (1.2 KB on average). */
  readonly small?: boolean | undefined;
  /** The time of the first event, in milliseconds since 1970; by default 2026-11-23T00:00:00Z. */
  readonly start?: number | undefined;
  /** Events per second of event time (nothing is slowed down); by default 1,000. */
  readonly rate?: number | undefined;
}

const DEFAULT_START = Date.UTC(2026, 10, 23);
const CHUNK_EVENTS = 512;

const HELP = `node scripts/gen-events.ts [options]

Writes synthetic audit events, one JSON object a line. The same options give the same bytes.

  --count N     how many events (default 1000, unless --bytes is given)
  --bytes SIZE  whole events until at least SIZE is written, such as 500MB or 64MiB
  --seed S      any text (default 1)
  --start ISO   time of the first event (default 2026-11-23T00:00:00Z)
  --rate EPS    events per second of event time; writing itself is never slowed down (default 1000)
  --small       events of about 200 bytes (default: 300 bytes to 10 KB, about 1.2 KB on average)
  -o FILE       write to FILE instead of standard output

Example: node scripts/gen-events.ts --bytes 500MB --seed 7 -o events.ndjson
`;

/** The events as lines without their line feeds. */
export function* generateEvents(options: EventOptions = {}): Generator<string, void, undefined> {
  const next = eventSource(options);
  const count = options.count ?? Number.POSITIVE_INFINITY;
  for (let i = 0; i < count; i++) yield next();
}

/**
 * Writes events, each with a line feed, to a file or a stream (which is left open): `count` of them, or whole events
 * until at least `bytes` bytes are written, whichever comes first. One of the two must be given.
 */
export async function writeEvents(
  target: string | Writable,
  options: EventOptions & { readonly bytes?: number | undefined },
): Promise<{ events: number; bytes: number }> {
  const { count = Number.POSITIVE_INFINITY, bytes: limit = Number.POSITIVE_INFINITY } = options;
  if (!Number.isFinite(count) && !Number.isFinite(limit))
    throw new RangeError("writeEvents: expected a count or a number of bytes, got neither");
  const output = typeof target === "string" ? createWriteStream(target, { highWaterMark: 4 << 20 }) : target;
  const next = eventSource(options);
  let events = 0;
  let bytes = 0;
  while (events < count && bytes < limit) {
    const lines = Array.from({ length: Math.min(CHUNK_EVENTS, count - events) }, next);
    let chunk = Buffer.from(`${lines.join("\n")}\n`, "utf8");
    if (bytes + chunk.length > limit) {
      chunk = chunk.subarray(0, chunk.indexOf(0x0a, limit - bytes - 1) + 1);
      events += chunk.reduce((found, byte) => (byte === 0x0a ? found + 1 : found), 0);
    } else {
      events += lines.length;
    }
    bytes += chunk.length;
    if (!output.write(chunk)) await drained(output);
  }
  if (typeof target === "string") {
    output.end();
    await finished(output);
  }
  return { events, bytes };
}

function eventSource(options: EventOptions): () => string {
  const { seed = 1, small = false, start = DEFAULT_START, rate = 1000 } = options;
  const world = createWorld(String(seed), start, rate);
  const nextSource = weighted(
    world.random,
    small
      ? [[1, smallEvents(world)] as const]
      : [[62, cloudEvents(world)] as const, [18, kubernetesEvents(world)] as const, [20, applicationEvents(world)] as const],
  );
  return () => {
    world.clock.advance(world.random.unit());
    return nextSource()();
  };
}

function drained(output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      output.off("drain", settle).off("error", settle).off("close", settle);
      if (error) reject(error);
      else resolve();
    };
    output.once("drain", settle).once("error", settle).once("close", settle);
  });
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || number <= 0)
    throw new RangeError(`--${name}: expected a positive number, got ${JSON.stringify(text)}`);
  return number;
}

function whole(name: string, text: string | undefined): number | undefined {
  const number = positive(name, text);
  if (number !== undefined && !Number.isSafeInteger(number))
    throw new RangeError(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
  return number;
}

function size(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)(?:([KMG])(i?)B?|B)?$/.exec(text);
  if (match === null) throw new RangeError(`--bytes: expected a size such as 500MB or 64MiB, got ${JSON.stringify(text)}`);
  return (
    Number(match[1]) * (match[3] === "i" ? 1024 : 1000) ** ("KMG".indexOf(match[2] ?? "") + (match[2] === undefined ? 0 : 1))
  );
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      count: { type: "string" },
      bytes: { type: "string" },
      seed: { type: "string" },
      start: { type: "string" },
      rate: { type: "string" },
      small: { type: "boolean" },
      output: { type: "string", short: "o" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  const bytes = size(values.bytes);
  const start = values.start === undefined ? undefined : Date.parse(values.start);
  if (Number.isNaN(start))
    throw new RangeError(`--start: expected a time such as 2026-11-23T15:00:00Z, got ${JSON.stringify(values.start)}`);
  await writeEvents(values.output ?? process.stdout, {
    seed: values.seed,
    count: whole("count", values.count) ?? (bytes === undefined ? 1000 : undefined),
    bytes,
    small: values.small,
    start,
    rate: positive("rate", values.rate),
  });
}

if (import.meta.main) {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`gen-events: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
