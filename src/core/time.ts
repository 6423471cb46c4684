import { SteleError } from "./error.ts";

declare const timestampBrand: unique symbol;

/**
 * An instant in the archive's one spelling, RFC 3339 UTC with milliseconds: `2026-11-23T15:00:01.123Z`.
 * Because there is only one spelling (years 0001 to 9999), timestamps compare as strings with `<` and `>`.
 */
export type Timestamp = string & { readonly [timestampBrand]: true };

const SPELLING = /^(?!0000)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Whether `text` is a real instant in the one spelling (leap seconds and `24:00` are not). */
export function isTimestamp(text: string): text is Timestamp {
  if (!SPELLING.test(text)) return false;
  const ms = Date.parse(text);
  return Number.isFinite(ms) && new Date(ms).toISOString() === text;
}

/** @throws SteleError `format.encoding` when `text` is not a timestamp in the one spelling. */
export function parseTimestamp(text: string): Timestamp {
  if (!isTimestamp(text)) {
    throw new SteleError(
      "format.encoding",
      `expected a time like 2026-11-23T15:00:01.123Z (RFC 3339, UTC, milliseconds), got ${JSON.stringify(text.slice(0, 64))}`,
    );
  }
  return text;
}

/** The timestamp of `ms` milliseconds since 1970-01-01T00:00:00Z. */
export function timestamp(ms: number): Timestamp {
  const text = Number.isFinite(ms) ? safeIso(ms) : "";
  if (!isTimestamp(text)) {
    throw new SteleError("input.invalid", `expected milliseconds since 1970 within the years 0001 to 9999, got ${ms}`);
  }
  return text;
}

/** Milliseconds since 1970-01-01T00:00:00Z. */
export function toMillis(time: Timestamp): number {
  return Date.parse(time);
}

function safeIso(ms: number): string {
  try {
    return new Date(ms).toISOString();
  } catch {
    return "";
  }
}
