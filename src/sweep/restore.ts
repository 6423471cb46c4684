import type { Archive } from "../archive/archive.ts";
import { openLog, readEntries } from "../archive/log-reader.ts";
import { utf8 } from "../core/bytes.ts";
import { parseCheckpoint } from "../core/checkpoint.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { logKey, MANIFESTS_PREFIX } from "../core/layout.ts";
import { toMillis } from "../core/time.ts";
import { confirmHeads } from "./confirm-heads.ts";
import { Fold, type Folded } from "./fold.ts";
import { formatOf, parseSweepEntry, type SweepEntry, SWEEPS_LOG } from "./report.ts";
import type { SweepState } from "./state/state.ts";

/** An entry of the log of sweeps, with its index. */
export interface IndexedEntry {
  readonly index: number;
  readonly entry: SweepEntry;
}

/** What the log of sweeps adds up to, and how many entries it has. */
export interface Swept extends Folded {
  readonly end: number;
}

export interface RestoreOptions {
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Entries read at first; each further look back reads twice as many. */
const FIRST_SPAN = 64;
/** Every machine that sweeps writes down its state once a day: two days hold that of each. */
const LOOK_BACK = 2 * 86_400_000;
const LINE_FEED = 0x0a;

/**
 * Takes what is known from the archive's log of sweeps, verified as any log, into a state that knows nothing.
 *
 * @returns what was taken over; null where the archive has no such log yet
 * @throws SteleError `sweep.failed` when the state knows something already, or an entry can't be understood; `log.unsound`,
 *   `store.*` when the log can't be read: then nothing may be concluded, least of all that nothing was known
 */
export async function restore(archive: Archive, state: SweepState, options: RestoreOptions = {}): Promise<Swept | null> {
  const folded = await readSweeps(archive, options);
  if (folded === null) return null;
  const confirmed = { ...folded, logs: await confirmHeads(archive, folded.logs, options.signal) };
  state.atomically(() => {
    state.adopt(confirmed);
    state.readSweepsTo(confirmed.end);
  });
  return confirmed;
}

/**
 * Begins sweeps where the log of sweeps is there to be read, and can't be believed: whoever spoils it must not stop them. What it
 * says is owed from then on ({@link restoreOwed}).
 * @throws the error where it says that the log can't be read now, or is of a newer release: then it is tried again
 */
export function beginUnrestored(state: SweepState, error: unknown): void {
  if (!isSteleError(error) || error.code.startsWith("store.") || error.code.startsWith("sweep.")) throw error;
  state.setTakenOver("owed");
}

/**
 * Where sweeps began though the log of sweeps could not be understood then: the heads that it tells of are held against the logs
 * once it can be.
 * @throws as {@link restore}
 */
export async function restoreOwed(archive: Archive, state: SweepState, options: RestoreOptions = {}): Promise<void> {
  if (state.takenOver !== "owed") return;
  const folded = await readSweeps(archive, options);
  if (folded === null) return;
  const heads = await confirmHeads(archive, folded.logs, options.signal);
  state.atomically(() => {
    state.keepCheckpoints(heads.map(({ checkpoint }) => parseCheckpoint(utf8(checkpoint))));
    state.setTakenOver("unproven");
  });
}

/** What the archive's log of sweeps adds up to; null where there is none. @throws as {@link restore} */
export async function readSweeps(archive: Archive, options: RestoreOptions = {}): Promise<Swept | null> {
  const end = await entriesOf(archive, options.signal);
  if (end === null) return null;
  let read: IndexedEntry[] = [];
  let first = end;
  for (let span = FIRST_SPAN; first > 0; span *= 2) {
    const from = Math.max(0, first - span);
    read = [...(await readSweepEntries(archive, from, first, options)), ...read];
    first = from;
    if (isFarEnough(read)) break;
  }
  const fold = new Fold();
  // What stands before the oldest state is in it, or was closed by then: added up as well, it changes nothing.
  for (const { entry } of read) fold.add(entry);
  return { ...fold.result, end };
}

/** Entries `[from, to)` of the log of sweeps, those of other programs left out. */
export async function readSweepEntries(
  archive: Archive,
  from: number,
  to: number,
  { threads = 1, signal }: RestoreOptions = {},
): Promise<IndexedEntry[]> {
  const entries: IndexedEntry[] = [];
  const range = { from: { index: from }, to: { index: to } };
  for await (const { first, count, bytes } of readEntries(archive, SWEEPS_LOG, { ...range, threads, signal })) {
    let start = 0;
    for (let i = 0; i < count; i++) {
      const end = bytes.indexOf(LINE_FEED, start);
      const entry = understand(archive, first + i, bytes.subarray(start, end));
      if (entry !== null) entries.push({ index: first + i, entry });
      start = end + 1;
    }
  }
  return entries;
}

/** How many entries the log of sweeps has; null where there is none. */
export async function entriesOf(archive: Archive, signal?: AbortSignal): Promise<number | null> {
  try {
    const { head } = await openLog(archive, SWEEPS_LOG, signal);
    return head.manifest.entries.first + head.manifest.entries.count;
  } catch (error) {
    if (!isSteleError(error, "log.not-found")) throw error;
    if (!(await hasManifests(archive, signal))) return null;
    throw new SteleError("log.unsound", `log ${SWEEPS_LOG}: none of its manifests is signed by a key that is believed`, {
      cause: error,
    });
  }
}

async function hasManifests({ store }: Archive, signal?: AbortSignal): Promise<boolean> {
  for await (const _ of store.versions(logKey(SWEEPS_LOG, MANIFESTS_PREFIX), { signal, limit: 1 })) return true;
  return false;
}

function understand(archive: Archive, index: number, line: Uint8Array): SweepEntry | null {
  if (formatOf(line)?.startsWith("stele-sweep/") !== true) return null;
  let entry: SweepEntry;
  try {
    entry = parseSweepEntry(line);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError(
      "sweep.failed",
      `log ${SWEEPS_LOG}: entry ${index} can't be understood: ${said}. A newer release may have written it`,
      {
        cause,
      },
    );
  }
  if (entry.origin === archive.origin) return entry;
  throw new SteleError("sweep.failed", `log ${SWEEPS_LOG}: entry ${index} is of ${entry.origin}, expected ${archive.origin}`);
}

function isFarEnough(read: readonly IndexedEntry[]): boolean {
  const [oldest] = read;
  const newest = read.at(-1);
  if (oldest === undefined || newest === undefined || !hasWholeState(read)) return false;
  return toMillis(newest.entry.at) - toMillis(oldest.entry.at) >= LOOK_BACK;
}

/** Whether all parts of a `state` were read. */
function hasWholeState(read: readonly IndexedEntry[]): boolean {
  const parts = new Map<string, number>();
  for (const { entry } of read) {
    if (entry.kind !== "state") continue;
    const seen = (parts.get(entry.id) ?? 0) + 1;
    if (seen === entry.part.of) return true;
    parts.set(entry.id, seen);
  }
  return false;
}
