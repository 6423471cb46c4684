import { SteleError } from "../core/error.ts";

/**
 * The value of an option that has to be given. Commander would ask for it before it looks at options that it does not
 * know, and so never suggest `--origin` for `--orign`.
 * @throws SteleError `input.invalid`
 */
export function required(value: string | undefined, option: string): string {
  if (value !== undefined) return value;
  throw new SteleError("input.invalid", `expected the option ${option}; --help shows what there is`);
}

/** @throws SteleError `input.invalid` unless `text` is a whole number of at least `least` */
export function wholeNumber(text: string, what: string, least = 1): number {
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new SteleError("input.invalid", `${what}: expected a whole number from ${least}, got ${JSON.stringify(text)}`);
}

const MILLIS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DAY = 86_400_000;

/** The longest span of {@link timeSpan}: no timer of Node waits much longer. */
export const MAX_SPAN: number = 24 * DAY;

/**
 * A span of time such as `30s`, `15m` (minutes) or `1h`, in milliseconds.
 * @param least in milliseconds
 * @throws SteleError `input.invalid`
 */
export function timeSpan(text: string, what: string, least: number): number {
  const [, digits, unit = ""] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const millis = Number(digits) * (MILLIS[unit] ?? Number.NaN);
  if (millis >= least && millis <= MAX_SPAN) return millis;
  throw new SteleError(
    "input.invalid",
    `${what}: expected a whole number with s, m (minutes), h or d, from ${inWords(least)} to ${MAX_SPAN / DAY}d, such as 30s, 15m or 1h; got ${JSON.stringify(text)}`,
  );
}

const BYTES: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/**
 * A number of bytes, such as `512MiB` or `4GiB`.
 * @throws SteleError `input.invalid`
 */
export function byteSize(text: string, what: string): number {
  const [, digits, unit = ""] = /^(\d{1,9})(KiB|MiB|GiB|TiB)$/.exec(text) ?? [];
  const bytes = Number(digits) * (BYTES[unit] ?? Number.NaN);
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new SteleError(
    "input.invalid",
    `${what}: expected a whole number with KiB, MiB, GiB or TiB, such as 512MiB or 4GiB, got ${JSON.stringify(text)}`,
  );
}

/** Collects the values of a repeatable option. */
export function appended(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

function inWords(millis: number): string {
  return millis % 1000 === 0 ? `${millis / 1000}s` : `${millis}ms`;
}
