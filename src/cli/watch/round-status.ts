import { isUnreadable, verdict } from "../../archive/finding.ts";
import type { SweepResult } from "../../sweep/result.ts";
import type { Item } from "./agenda.ts";
import { isOverdue, type Watched } from "./overdue.ts";
import type { RoundFigures, RoundOutcome } from "./metrics.ts";
import type { RoundRecord, RoundRecords } from "./round-records.ts";

/** What came of a round, as far as the schedule and the dead man's switch need to know. */
export interface RoundReport {
  /** Of what this round saw. */
  readonly outcome: RoundOutcome;
  /** Why it could not tell, or did not come to an end; null where it did. */
  readonly reason: string | null;
  /** Whether nothing is open that nobody answers for, of this round or another. */
  readonly isAllSound: boolean;
}

/** What a sweep of one round amounts to. @param isStopped whether it was told to stop */
export function reportOf({ verdict: ofAll, complete, findings, rounds }: SweepResult, isStopped: boolean): RoundReport {
  const isAllSound = ofAll === "sound";
  const seen = findings.filter((found) => found.seen && found.acknowledged === null);
  const unread = seen.find(isUnreadable);
  if (unread !== undefined) return { outcome: "unknown", reason: `${unread.code}: ${unread.message}`, isAllSound };
  if (!complete && isStopped) {
    const [why] = rounds.flatMap(({ logs }) => logs).flatMap((log) => (log.complete ? [] : [log.why ?? "not all was looked at"]));
    return { outcome: "stopped", reason: why ?? "not all was looked at", isAllSound };
  }
  return { outcome: verdict(seen), reason: null, isAllSound };
}

/** How rounds fare, over starts of the daemon. */
export class RoundStatus<Name extends string> {
  readonly #records: RoundRecords<Name>;
  readonly #last = new Map<Name, RoundReport>();
  /** When what is under way was first begun, slices before included. */
  readonly #begun = new Map<Name, number>();

  constructor(records: RoundRecords<Name>) {
    this.#records = records;
  }

  record(name: Name, now: number): RoundRecord {
    return this.#records.of(name, now);
  }

  /** When it last began, for the agenda; null: never, or it did not come to its end. */
  lastBegun(name: Name, now: number): number | null {
    const { began, ended } = this.record(name, now);
    return began !== null && ended !== null && began <= ended ? began : null;
  }

  /** How it last fared since the start of the process. */
  last(name: Name): RoundReport | null {
    return this.#last.get(name) ?? null;
  }

  began(name: Name, now: number): void {
    if (!this.#begun.has(name)) this.#begun.set(name, now);
    this.#records.change(name, now, { began: now });
  }

  ended(name: Name, report: RoundReport, now: number): void {
    this.#last.set(name, report);
    // Cut short, it goes on; until it has, nothing is known.
    if (report.outcome === "stopped") return;
    const lasted = Math.max(0, now - (this.#begun.get(name) ?? now));
    this.#begun.delete(name);
    const couldTell = report.outcome === "sound" || report.outcome === "unsound";
    this.#records.change(name, now, {
      ended: now,
      lasted,
      ...(couldTell ? { told: now } : {}),
      ...(couldTell && report.isAllSound ? { sound: now } : {}),
    });
  }

  /** An alarm said that it is overdue, or (null) that it is not any more. */
  alarmed(name: Name, overdueOf: number | null, now: number): void {
    this.#records.change(name, now, { overdueOf });
  }

  watched({ name, schedule }: Item<Name>, now: number): Watched {
    return { name, schedule, record: this.record(name, now), reason: this.last(name)?.reason ?? null };
  }

  figures(item: Item<Name>, now: number): RoundFigures {
    const watched = this.watched(item, now);
    const { told, sound } = watched.record;
    const { outcome } = this.last(item.name) ?? { outcome: null };
    const couldNotTell = outcome === "unknown" || outcome === "failed";
    return { round: item.name, told, sound, isOverdue: isOverdue(watched, now), couldNotTell };
  }
}
