import { parseTimestamp, type Timestamp, timestamp, toMillis } from "../../core/time.ts";
import { type Acknowledgement, tidy } from "../finding-record.ts";
import type { Changes } from "./changes.ts";
import type { Database } from "./database.ts";
import type { Episode, Ledger } from "./ledger.ts";
import type { Passes } from "./passes.ts";
import type { PendingReports } from "./pending-reports.ts";
import type { RememberedLogs } from "./remembered-logs.ts";
import type { RoundSummary } from "./round-summary.ts";
import { type Author, heading, roundReport, stateEntries } from "./write-report.ts";

/** What reports are made of. */
export interface Reported {
  readonly origin: string;
  readonly logs: RememberedLogs;
  readonly passes: Passes;
  readonly ledger: Ledger;
  readonly changes: Changes;
  readonly reports: PendingReports;
}

/** How often all that a new machine would need is written down, in milliseconds. */
const SNAPSHOT_EVERY = 86_400_000;

/** Facts. */
const REPORTS = "reports";
const SNAPSHOT = "snapshot";

/** Puts lines for `_sweeps` among those that wait, each within the transaction that makes it true. */
export class Reporter {
  readonly #db: Database;
  readonly #of: Reported;

  constructor(db: Database, of: Reported) {
    this.#db = db;
    this.#of = of;
  }

  /** @returns the lines */
  report(summary: RoundSummary, now: Timestamp): readonly string[] {
    const { logs, passes, ledger, changes, reports } = this.#of;
    const lines = reports.add(roundReport(summary, changes, ledger, this.#author(summary.sweeper, now)));
    if (!this.#isSnapshotDue(now)) return lines;
    this.#db.setFact(SNAPSHOT, now);
    return [...lines, ...reports.add(stateEntries(logs, passes, ledger, this.#author(summary.sweeper, now)))];
  }

  acknowledgement(found: Episode, acknowledged: Acknowledgement, sweeper: string, now: Timestamp): void {
    const { id: finding, firstSeen, code, log } = found;
    const begin = heading("acknowledgement", this.#author(sweeper, now));
    this.#of.reports.add([{ ...begin, kind: "acknowledgement", finding, firstSeen, code, log, acknowledgement: acknowledged }]);
  }

  #author(sweeper: string, at: Timestamp): Author {
    const count = this.#db.fact(REPORTS);
    const number = typeof count === "number" ? count + 1 : 1;
    this.#db.setFact(REPORTS, number);
    return { origin: this.#of.origin, sweeper: tidy(sweeper).slice(0, 256).toWellFormed(), at, number };
  }

  #isSnapshotDue(now: Timestamp): boolean {
    const last = this.#db.fact(SNAPSHOT);
    return typeof last !== "string" || now >= timestamp(toMillis(parseTimestamp(last)) + SNAPSHOT_EVERY);
  }
}
