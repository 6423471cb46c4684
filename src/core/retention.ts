import { SteleError } from "./error.ts";
import { type Timestamp, timestamp, toMillis } from "./time.ts";

/** S3 Object Lock retention modes. Only COMPLIANCE binds the account's root user. */
export type LockMode = "COMPLIANCE" | "GOVERNANCE";

/** What a stored version is locked with: no one may delete it before `until`. */
export interface Retention {
  readonly mode: LockMode;
  readonly until: Timestamp;
}

/** A calendar span such as seven years or ninety days. */
export interface Period {
  readonly count: number;
  readonly unit: "y" | "m" | "d" | "h";
}

const UNIT_NAMES = { y: "years", m: "months", d: "days", h: "hours" } as const;
const MAX_YEARS = 100;

/**
 * Reads a retention period: `7y`, `18m`, `90d`, `36h`. Whole numbers from 1; at most 100 years, which is S3's own limit.
 * @throws SteleError `input.invalid`
 */
export function parsePeriod(text: string): Period {
  const match = /^([1-9]\d{0,6})([ymdh])$/.exec(text);
  const unit = match?.[2];
  if (match === null || (unit !== "y" && unit !== "m" && unit !== "d" && unit !== "h")) {
    throw new SteleError(
      "input.invalid",
      `retention: expected a whole number with y, m, d or h, such as 7y, 18m, 90d or 36h, got ${JSON.stringify(text.slice(0, 64))}`,
    );
  }
  const period: Period = { count: Number(match[1]), unit };
  const origin = Date.UTC(2000, 0, 1);
  // Negated: a count beyond what a Date can hold gives NaN.
  if (!(addPeriod(origin, period) <= Date.UTC(2000 + MAX_YEARS, 0, 1))) {
    throw new SteleError("input.invalid", `retention: ${text} is longer than the ${MAX_YEARS} years that S3 Object Lock allows`);
  }
  return period;
}

/** The spelling that {@link parsePeriod} reads. */
export function formatPeriod(period: Period): string {
  return `${period.count}${period.unit}`;
}

/** The period in words, such as `7 years`. */
export function describePeriod(period: Period): string {
  return `${period.count} ${period.count === 1 ? UNIT_NAMES[period.unit].slice(0, -1) : UNIT_NAMES[period.unit]}`;
}

/**
 * When a lock that starts at `from` and lasts `period` ends. Years and months are calendar years and months (31 January
 * plus one month is the last day of February); the end is rounded up to a whole second, which every store keeps, so a
 * lock is never shorter than asked.
 */
export function retainUntil(from: Timestamp, period: Period): Timestamp {
  return timestamp(Math.ceil(addPeriod(toMillis(from), period) / 1000) * 1000);
}

/** Whether `actual` protects at least as well as `promised`: a mode no weaker, an end no earlier. */
export function coversRetention(actual: Retention | null, promised: Retention): boolean {
  if (actual === null || actual.until < promised.until) return false;
  return actual.mode === "COMPLIANCE" || promised.mode === "GOVERNANCE";
}

function addPeriod(ms: number, period: Period): number {
  if (period.unit === "h") return ms + period.count * 3_600_000;
  if (period.unit === "d") return ms + period.count * 86_400_000;
  const date = new Date(ms);
  const months = period.unit === "y" ? period.count * 12 : period.count;
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, lastDay));
  return date.getTime();
}
