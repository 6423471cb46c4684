import { rm } from "node:fs/promises";
import { type Archive, logOf } from "../archive/archive.ts";
import { LogWriter } from "../archive/log-writer.ts";
import { openArchive, spoolFolder } from "../archive/log/open-archive.ts";
import { finishReindex, reindexSpool } from "../archive/log/reindex.ts";
import { isSteleError } from "../core/error.ts";
import type { Signer } from "../core/key.ts";
import { SWEEPS_LOG } from "./report.ts";
import type { PendingReport } from "./state/pending-reports.ts";
import type { SweepState } from "./state/state.ts";

export interface RecordOptions {
  /** Of `_sweeps`: the key that the archive names for it, or the archive's own. */
  readonly signer: Signer;
  /** Folder of spools on a local disk. */
  readonly spool: string;
  /** Which process on which machine; stands in manifests. */
  readonly writerId?: string | undefined;
  readonly now?: (() => number) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Says who delivered. */
const SOURCE = "stele/sweep";
/** Several machines may report to one log: whoever comes second begins again after the first. */
const TRIES = 8;
const AT_A_TIME = 200;

/**
 * Appends the reports that wait to the archive's log of sweeps. What was archived is forgotten here; a report that an earlier
 * try had archived after all is not archived twice.
 *
 * @returns how many
 * @throws SteleError `log.key` when the key is not in force, `spool.*`, `store.*`; the rest waits for the next time
 */
export async function record(archive: Archive, state: SweepState, options: RecordOptions): Promise<number> {
  let recorded = 0;
  for (;;) {
    const pending = state.reports.pending(AT_A_TIME);
    if (pending.length === 0) return recorded;
    await appendReports(archive, pending, options, (report) => state.reports.archived(report.id));
    recorded += pending.length;
  }
}

/**
 * Appends lines to the archive's log of sweeps, each once under its id.
 * @param archived called for each that is in the archive
 */
export async function appendReports(
  archive: Archive,
  reports: readonly PendingReport[],
  options: RecordOptions,
  archived: (report: PendingReport) => void = () => undefined,
): Promise<void> {
  const left = new Set(reports);
  await finishReindex(spoolOf(archive, options));
  for (let tries = 1; ; tries++) {
    try {
      await appendOnce(archive, left, options, archived);
      return;
    } catch (error) {
      if (!isSteleError(error, "log.fenced") || tries === TRIES) throw error;
    }
    await standBehind(archive, options);
  }
}

/** Another machine's reports stand where these were to: they move behind them. */
async function standBehind(archive: Archive, options: RecordOptions): Promise<void> {
  const { signer, writerId = "stele/sweep", now = Date.now, signal } = options;
  const { origin } = logOf(archive, SWEEPS_LOG);
  const { nextEntry } = await LogWriter.open(archive, SWEEPS_LOG, { signer, writerId, now, signal });
  const moved = await reindexSpool(spoolOf(archive, options), { origin, next: nextEntry, now });
  // Nobody was told the old indexes, and the reports themselves wait in the state.
  if (moved !== null) await rm(moved.keptAs, { recursive: true, force: true });
}

function spoolOf(archive: Archive, { spool }: RecordOptions): string {
  return spoolFolder(spool, logOf(archive, SWEEPS_LOG).origin);
}

async function appendOnce(
  archive: Archive,
  left: Set<PendingReport>,
  { signer, spool, writerId, now, signal }: RecordOptions,
  archived: (report: PendingReport) => void,
): Promise<void> {
  await using opened = await openArchive(archive.store, { signer, spool, keys: archive.keys, writerId, now, threads: 1 });
  const log = opened.log(SWEEPS_LOG, { source: SOURCE, lingerMillis: 0 });
  const appends = [...left].map(async (report) => {
    await log.append(report.line, { id: report.id, ack: "archived", signal });
    left.delete(report);
    archived(report);
  });
  const refused = (await Promise.allSettled(appends)).find((one) => one.status === "rejected");
  if (refused !== undefined) throw refused.reason;
}
