import { SteleError } from "../core/error.ts";

const MILLIS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A span of time such as `30s`, `5m` (minutes), `1h` or `30d`, in milliseconds: from 0 to about 27,000 years, so that it can be
 * added to a time.
 * @throws SteleError `input.invalid`
 */
export function parseDuration(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,7})(ms|s|m|h|d)$/.exec(text) ?? [];
  const millis = Number(digits) * (MILLIS[unit] ?? Number.NaN);
  if (Number.isSafeInteger(millis)) return millis;
  throw new SteleError(
    "input.invalid",
    `expected a whole number with ms, s, m (minutes), h or d, such as 30s, 5m, 1h or 30d, got ${JSON.stringify(text.slice(0, 64))}`,
  );
}
