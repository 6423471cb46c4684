import type { Archive } from "../archive/archive.ts";
import { SteleError } from "../core/error.ts";
import { type Timestamp, timestamp } from "../core/time.ts";
import { type Acknowledgement, type FindingRecord, tidy } from "./finding-record.ts";
import { type AcknowledgementEntry, formatSweepEntry } from "./report.ts";
import { entriesOf, readSweepEntries, restoreOwed, type RestoreOptions } from "./restore.ts";
import type { PendingReport } from "./state/pending-reports.ts";
import type { SweepState } from "./state/state.ts";
import { heading } from "./state/write-report.ts";
import { fromUtf8 } from "../core/bytes.ts";

/** Who answers for a finding, and why. */
export interface Acknowledging {
  readonly by: string;
  readonly why: string;
  /** When it is to open again; null: as long as it is not gone. */
  readonly until: Timestamp | null;
  /** Which process on which machine is told. */
  readonly sweeper: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Acknowledges an open finding, or all that one alarm for many told of: no more reminders of it. Goes to `_sweeps` with the
 * next reports.
 *
 * @param id of the finding, or the subject of the alarm
 * @throws SteleError `input.invalid` when nothing of this id is open
 */
export function acknowledge(state: SweepState, id: string, acknowledging: Acknowledging): readonly FindingRecord[] {
  const found = meant(id, state.ledger.open());
  const acknowledged = acknowledgementBy(acknowledging);
  state.atomically(() => {
    for (const one of found) state.acknowledge(one, acknowledged, acknowledging.sweeper);
  });
  return found;
}

/**
 * The same, as lines for `_sweeps`: where the state is in use by another process, which takes it over from there.
 * @param open what is open
 */
export function acknowledgementLines(
  origin: string,
  open: readonly FindingRecord[],
  id: string,
  acknowledging: Acknowledging,
): { readonly found: readonly FindingRecord[]; readonly lines: readonly PendingReport[] } {
  const found = meant(id, open);
  const acknowledgement = acknowledgementBy(acknowledging);
  const lines = found.map((one, number) => {
    const author = { origin, sweeper: tidy(acknowledging.sweeper).slice(0, 256), at: acknowledgement.at, number };
    const entry: AcknowledgementEntry = {
      // The finding's own id keeps lines apart that two machines write in the same instant.
      ...heading("acknowledgement", { ...author, sweeper: `${author.sweeper} ${one.id}` }),
      sweeper: author.sweeper,
      kind: "acknowledgement",
      finding: one.id,
      firstSeen: one.firstSeen,
      code: one.code,
      log: one.log,
      acknowledgement,
    };
    return { id: entry.id, line: fromUtf8(formatSweepEntry(entry)) };
  });
  return { found, lines };
}

/**
 * Takes over what was acknowledged elsewhere: the archive's log of sweeps is read on from where this state last read it.
 * @returns how many findings are acknowledged now that were not
 * @throws SteleError `sweep.failed`, `log.unsound`, `store.*`: nothing was taken over then
 */
export async function followAcknowledgements(archive: Archive, state: SweepState, options: RestoreOptions = {}): Promise<number> {
  await restoreOwed(archive, state, options);
  const from = state.sweepsRead;
  const end = await entriesOf(archive, options.signal);
  if (end === null || end <= from) return 0;
  const entries = await readSweepEntries(archive, from, end, options);
  return state.atomically(() => {
    let taken = 0;
    for (const { entry } of entries) {
      if (entry.kind === "acknowledgement" && state.takeOver(entry.finding, entry.firstSeen, entry.acknowledgement)) taken++;
    }
    state.readSweepsTo(end);
    return taken;
  });
}

function meant<T extends FindingRecord>(id: string, open: readonly T[]): T[] {
  const found = open.filter((one) => one.id === id || one.told === id);
  if (found.length > 0) return found;
  throw new SteleError(
    "input.invalid",
    `finding: nothing is open under the id ${JSON.stringify(id.slice(0, 64))}; "stele findings" lists what is`,
  );
}

function acknowledgementBy({ by, why, until, now }: Acknowledging): Acknowledgement {
  const at = timestamp(now);
  const said = { by: tidy(by.trim()), why: tidy(why.trim()) };
  if (said.by === "" || said.why === "") {
    throw new SteleError(
      "input.invalid",
      "to acknowledge a finding, expected who does it and why: what is written down is evidence",
    );
  }
  if (until !== null && until <= at) throw new SteleError("input.invalid", `until: expected a time after ${at}, got ${until}`);
  return { ...said, at, until };
}
