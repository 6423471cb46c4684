import type { EntryBound } from "../archive/range.ts";
import { SteleError } from "../core/error.ts";
import { timestamp } from "../core/time.ts";

const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2}))?$/;

/**
 * Reads an end of a range of entries: an entry's index, or a time of arrival, in RFC 3339 or as a date (its midnight, UTC).
 * @param what the option, for messages
 * @throws SteleError `input.invalid`
 */
export function parseEntryBound(text: string, what: string): EntryBound {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return { index: Number(text) };
  const ms = parseInstant(text);
  if (ms === null) {
    throw new SteleError(
      "input.invalid",
      `${what}: expected an entry's index, a time such as 2026-11-23T15:00:00Z, or a date in UTC such as 2026-11-23, got ${JSON.stringify(text)}`,
    );
  }
  return { time: timestamp(ms) };
}

/** @throws SteleError `input.invalid` where a range holds nothing by its very bounds */
export function checkRange(from: EntryBound | undefined, to: EntryBound | undefined): void {
  if (from === undefined || to === undefined) return;
  const empty =
    ("index" in from && "index" in to && from.index >= to.index) || ("time" in from && "time" in to && from.time >= to.time);
  if (empty) throw new SteleError("input.invalid", "--to: expected a later end than --from; it is not part of the range itself");
}

/**
 * A time in RFC 3339 or a date (its midnight, UTC), in milliseconds; null where it is neither. Rounded up: entries have whole
 * ones, so a bound parts them as the exact instant would.
 */
export function parseInstant(text: string): number | null {
  const match = DATE.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = "Z"] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const ms = Date.parse(local);
  // Date.parse takes 30 February for 2 March.
  if (!Number.isFinite(ms) || new Date(ms).toISOString() !== local) return null;
  const offset = offsetMinutes(zone);
  return offset === null ? null : ms + Math.ceil(Number(`0.${fraction || "0"}`) * 1000) - offset * 60_000;
}

function offsetMinutes(zone: string): number | null {
  if (zone === "Z" || zone === "z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}
