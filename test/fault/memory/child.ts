// Appends events at full speed while the store hangs, or only opens what was spooled; then archives all, and says what it took.
import { writeSync } from "node:fs";
import process from "node:process";
import { z } from "zod";
import { openArchive } from "../../../src/archive/log/open-archive.ts";
import { openDirectoryStore } from "../../../src/store/directory/directory.ts";
import { withFaults } from "../../../src/store/fault.ts";
import { LOG, OWNER } from "../../archive/fixture.ts";

/** `bytes`: of events to append before the store answers; 0: none. `drain`: whether to archive all then, or leave it spooled. */
export interface MemoryOrder {
  readonly archive: string;
  readonly spool: string;
  readonly bytes: number;
  /** Events in one append. */
  readonly batch: number;
  readonly drain: boolean;
}

export interface MemoryReport {
  readonly appended: number;
  readonly spooledBytes: number;
  /** Entries that were found in the spool. */
  readonly found: number;
  /** Of the log afterwards; null when it is empty. */
  readonly entries: number | null;
  /** The process's peak, in bytes, when all was spooled and at its end. */
  readonly spooledPeak: number;
  readonly peak: number;
  readonly spoolMillis: number;
  readonly openMillis: number;
  readonly drainMillis: number;
}

const orderSchema: z.ZodType<MemoryOrder> = z.strictObject({
  archive: z.string(),
  spool: z.string(),
  bytes: z.int(),
  batch: z.int(),
  drain: z.boolean(),
});

const CALLERS = 64;
const EVENT_BYTES = 1200;

/** An event as services write them: half of it repeats, half does not. */
function eventOf(number: number): string {
  let state = (number * 2_654_435_761) >>> 0;
  let noise = "";
  while (noise.length < EVENT_BYTES / 2) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    noise += state.toString(36);
  }
  return JSON.stringify({ number, noise }).padEnd(EVENT_BYTES - 1, " an audit event like any other");
}

function peak(): number {
  return process.resourceUsage().maxRSS * 1024;
}

async function main({ archive: place, spool, bytes, batch, drain }: MemoryOrder): Promise<MemoryReport> {
  const stalled = Promise.withResolvers<void>();
  if (bytes === 0) stalled.resolve();
  const directory = await openDirectoryStore(place);
  const store = withFaults(directory, ({ call }) =>
    call === "putIfAbsent" && bytes > 0 ? { kind: "slow", wait: () => stalled.promise } : null,
  );
  const archive = await openArchive(store, { signer: OWNER, spool });
  const log = archive.log(LOG, { maxSpoolBytes: 64 * 2 ** 30 });
  let started = performance.now();
  const { recovery } = await log.open();
  const openMillis = performance.now() - started;
  started = performance.now();
  let appended = 0;
  const call = async (): Promise<void> => {
    while (appended * EVENT_BYTES < bytes) await log.append(Array.from({ length: batch }, () => eventOf(appended++)));
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  const spoolMillis = performance.now() - started;
  const spooledPeak = peak();
  const spooledBytes = log.status()?.spooled.bytes ?? 0;
  started = performance.now();
  if (drain) stalled.resolve();
  const head = drain ? await log.flush() : null;
  const drainMillis = performance.now() - started;
  await archive.close(drain ? {} : { signal: AbortSignal.abort(new Error("left in the spool")) });
  const entries = head === null ? null : head.manifest.entries.first + head.manifest.entries.count;
  return {
    appended,
    spooledBytes,
    found: recovery.entries,
    entries,
    spooledPeak,
    peak: peak(),
    spoolMillis,
    openMillis,
    drainMillis,
  };
}

if (process.argv[2] !== undefined) {
  writeSync(1, `${JSON.stringify(await main(orderSchema.parse(JSON.parse(process.argv[2]))))}\n`);
}
