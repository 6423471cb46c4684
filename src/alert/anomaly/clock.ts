import { z } from "zod";
import { type Change, inWords } from "./change.ts";
import type { ClockConfig } from "./config.ts";

export interface Clock {
  /** The episode under way. */
  open: string | null;
}

export const clockSchema: z.ZodType<Clock> = z.object({ open: z.string().nullable() });

/** Times of a source's events in one manifest. */
export interface ClockTally {
  events: number;
  ahead: number;
  behind: number;
  /** The farthest off, in milliseconds; ahead is positive. */
  worst: number;
  /** Indexes of the skewed: the first, and after the last. */
  first: number;
  end: number;
}

export function newClockTally(): ClockTally {
  return { events: 0, ahead: 0, behind: 0, worst: 0, first: 0, end: 0 };
}

export function compareClocks(tally: ClockTally, index: number, time: number, arrived: number, config: ClockConfig): void {
  const off = time - arrived;
  tally.events++;
  if (off <= config.ahead && -off <= config.behind) return;
  if (tally.ahead + tally.behind === 0) tally.first = index;
  tally.end = index + 1;
  if (off > 0) tally.ahead++;
  else tally.behind++;
  if (Math.abs(off) > Math.abs(tally.worst)) tally.worst = off;
}

/** More than half of the events that came together: one event with an odd time is no clock. */
export function judgeClock(state: Clock, tally: ClockTally, config: ClockConfig): Change[] {
  if (tally.events === 0) return [];
  const skewed = tally.ahead + tally.behind;
  const most = skewed * 2 > tally.events;
  const expected = `times of events at most ${inWords(config.ahead)} ahead of and ${inWords(config.behind)} behind their arrival`;
  if (state.open === null && most && skewed >= config.atLeast) {
    state.open = String(tally.first);
    return [
      {
        kind: "begins",
        detector: "clock.skew",
        episode: state.open,
        expected,
        actual: `${skewed} of ${tally.events} events outside of that (${tally.ahead} ahead, ${tally.behind} behind), by up to ${inWords(Math.abs(tally.worst))}`,
        entries: { first: tally.first, end: tally.end },
      },
    ];
  }
  if (state.open === null || most) return [];
  const episode = state.open;
  state.open = null;
  const actual = `${tally.events - skewed} of ${tally.events} events within that`;
  return [{ kind: "over", detector: "clock.skew", episode, expected, actual, entries: null }];
}
