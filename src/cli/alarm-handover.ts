import type { SweepState } from "../sweep/state/state.ts";
import type { Alarm } from "../sweep/alarm.ts";

/** Takes alarms so that they are durable when it returns, each once by its id. */
export interface AlarmTaker {
  take(alarms: readonly Alarm[]): number;
}

/** Alarms that are handed over in one step. */
const AT_ONCE = 100;

/**
 * Hands what a sweep has to tell to those who deliver it. What was taken is durable there before it counts as handed over here:
 * a crash between the two hands it over again, and its id is known.
 * @returns how many were handed over
 * @throws SteleError `sweep.failed`: what was not handed over stays, and is the next time
 */
export function handOver(state: Pick<SweepState, "alarms" | "handedOver" | "lastHandedOver">, taker: AlarmTaker): number {
  let count = 0;
  for (;;) {
    const queued = state.alarms(state.lastHandedOver(), AT_ONCE);
    const last = queued.at(-1);
    if (last === undefined) return count;
    taker.take(queued.map(({ alarm }) => alarm));
    state.handedOver(last.seq);
    count += queued.length;
  }
}
