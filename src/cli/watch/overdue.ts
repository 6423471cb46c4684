import { type Alarm, alarmId } from "../../sweep/alarm.ts";
import { timestamp } from "../../core/time.ts";
import { duration } from "../words.ts";
import type { RoundRecord } from "./round-records.ts";
import { overdueFrom, type Schedule } from "./schedule.ts";

/** A round that an alarm may be about. */
export interface Watched {
  readonly name: string;
  readonly schedule: Schedule;
  readonly record: RoundRecord;
  /** Why the last tries came to nothing, where that is known. */
  readonly reason: string | null;
}

/** Since when nothing was told by a round: the last time that it could tell, or since it is watched at all. */
export function silentSince({ told, since }: RoundRecord): number {
  return Math.max(told ?? 0, since);
}

export function isOverdue({ schedule, record }: Pick<Watched, "schedule" | "record">, now: number): boolean {
  return now >= overdueFrom(schedule, Math.min(silentSince(record), now), record.lasted);
}

/**
 * The dead man's switch: says that a round is overdue, and that it is not any more. The same silence has the same alarm id,
 * whoever looks and however often.
 * @returns the alarm to raise, if any, and what to remember once it was raised
 */
export function judge(
  origin: string,
  watched: Watched,
  now: number,
): { readonly alarm: Alarm; readonly overdueOf: number | null } | null {
  const { record } = watched;
  const silent = silentSince(record);
  const overdue = isOverdue(watched, now);
  if (overdue && record.overdueOf === null) return { alarm: overdueAlarm(origin, watched, silent, now), overdueOf: silent };
  // A clock set back, or a longer interval, is no recovery: only a round that told is.
  if (record.overdueOf !== null && silent > record.overdueOf) {
    return { alarm: recoveredAlarm(origin, watched, record.overdueOf, now), overdueOf: null };
  }
  return null;
}

function overdueAlarm(origin: string, { name, record, reason }: Watched, silent: number, now: number): Alarm {
  const subject = subjectOf(origin, name);
  const since = timestamp(silent);
  return {
    id: alarmId("sweep.overdue", subject, since),
    kind: "sweep.overdue",
    severity: "critical",
    at: timestamp(now),
    origin,
    log: "",
    title: `The ${name} round of ${origin} is overdue`,
    message:
      (record.told === null
        ? `No ${name} round has been able to tell how the archive is since ${since}, when it was first watched`
        : `The last ${name} round that could tell how the archive is ended at ${since}, ${duration(now - silent)} ago`) +
      `. ${reason === null ? "Nobody knows whether the archive is whole now." : `The last try: ${reason.replace(/([^.?!])$/, "$1.")}`} ` +
      `Until this is mended nothing that happens to the archive is noticed: look at the log and at /readyz of stele watch.`,
    subject,
  };
}

function recoveredAlarm(origin: string, { name }: Watched, silent: number, now: number): Alarm {
  const subject = subjectOf(origin, name);
  const since = timestamp(silent);
  return {
    id: alarmId("sweep.recovered", subject, since),
    kind: "sweep.recovered",
    severity: "info",
    at: timestamp(now),
    origin,
    log: "",
    title: `The ${name} round of ${origin} runs again`,
    message: `It had told nothing since ${since}. What happened to the archive meanwhile is seen by this round and those that follow.`,
    subject,
  };
}

function subjectOf(origin: string, name: string): string {
  return `sweep:${origin}:${name}`;
}
