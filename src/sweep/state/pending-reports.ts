import { fromUtf8 } from "../../core/bytes.ts";
import type { Database } from "./database.ts";
import { formatSweepEntry, type SweepEntry } from "../report.ts";

/** A line that waits to be appended to `_sweeps`. */
export interface PendingReport {
  /** Appended under it, a line that is tried again is archived once. */
  readonly id: string;
  readonly line: string;
}

/** Lines for the archive's log of sweeps, until they are archived there. */
export class PendingReports {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** @returns the lines */
  add(entries: readonly SweepEntry[]): string[] {
    return entries.map((entry) => {
      const line = fromUtf8(formatSweepEntry(entry));
      const id = entry.part.of === 1 ? entry.id : `${entry.id}/${entry.part.number}`;
      this.#db.run("INSERT OR IGNORE INTO reports (id, line) VALUES (?, ?)", id, line);
      return line;
    });
  }

  /** The oldest first. */
  pending(limit = 1000): PendingReport[] {
    const rows = this.#db.all("SELECT id, line FROM reports ORDER BY seq LIMIT ?", limit);
    return rows.map((row) => ({ id: row.text("id"), line: row.text("line") }));
  }

  /** It is in the archive now. */
  archived(id: string): void {
    this.#db.transaction(() => this.#db.run("DELETE FROM reports WHERE id = ?", id));
  }
}
