import { Cron } from "croner";
import { SteleError } from "../../core/error.ts";

/** When a round is to begin: so long after the last one began, or at the times of a cron pattern (in UTC). */
export type Schedule = { readonly kind: "every"; readonly millis: number } | { readonly kind: "cron"; readonly pattern: string };

/** A round that is this many turns late is overdue. */
export const OVERDUE_TURNS = 2;

/**
 * The first turn after a time; Infinity where the pattern has none any more.
 * @param after milliseconds since 1970
 */
export function nextTurn(schedule: Schedule, after: number): number {
  if (schedule.kind === "every") return after + schedule.millis;
  if (after === Infinity) return Infinity;
  return cron(schedule.pattern).nextRun(new Date(after))?.getTime() ?? Infinity;
}

/**
 * From when on a round counts as overdue that last ended well at `last`: two turns after the one that followed.
 * @param lasted how long it took the last time, which no schedule can be asked to undercut
 */
export function overdueFrom(schedule: Schedule, last: number, lasted: number): number {
  let at = last;
  for (let turns = 0; turns <= OVERDUE_TURNS; turns++) at = nextTurn(schedule, at);
  return at + lasted;
}

/** The time between one turn and the one after it; Infinity where there are no two to come. */
export function interval(schedule: Schedule, from: number): number {
  if (schedule.kind === "every") return schedule.millis;
  const first = nextTurn(schedule, from);
  return first === Infinity ? Infinity : nextTurn(schedule, first) - first;
}

/**
 * Gives a cron pattern back.
 * @throws SteleError `input.invalid` when it is none, or one that never comes
 */
export function checkPattern(pattern: string, now: number): string {
  let next: Date | null;
  try {
    next = cron(pattern).nextRun(new Date(now));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError(
      "input.invalid",
      `expected a cron pattern such as "0 3 * * *" (minute, hour, day, month, weekday; UTC), got ${JSON.stringify(pattern)}: ${reason}`,
      { cause },
    );
  }
  if (next === null) throw new SteleError("input.invalid", `the cron pattern ${JSON.stringify(pattern)} has no time to come`);
  return pattern;
}

/** Only asked for times: it starts nothing. */
function cron(pattern: string): Cron {
  return new Cron(pattern, { timezone: "UTC", paused: true });
}
