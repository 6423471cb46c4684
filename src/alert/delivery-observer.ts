import type { Alarm } from "../sweep/alarm.ts";

/** Hears of what becomes of alarms: for metrics and log lines. No text in here holds a secret. */
export interface DeliveryObserver {
  /** Taken for the first time. */
  taken?(alarm: Alarm): void;
  delivered?(destination: string, alarm: Alarm): void;
  /** An attempt failed; the next one is after `waitMillis`. */
  failed?(destination: string, alarm: Alarm, why: string, waitMillis: number): void;
  /** It is not tried any more: a dead letter. */
  dead?(destination: string, alarm: Alarm, why: string): void;
}
