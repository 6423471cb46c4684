import { type JsonObject, valueAt } from "../rules/event.ts";
import type { FieldPath, TimeFormat } from "./config.ts";

const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:?\d{2})$/;
const PER_SECOND: Readonly<Record<string, number>> = { unix: 1, "unix-ms": 1e3, "unix-us": 1e6, "unix-ns": 1e9 };

/** The time in an event's field, in milliseconds since 1970; null where there is none. */
export function timeIn(event: JsonObject, path: FieldPath, format: TimeFormat): number | null {
  const value = valueAt(event, path);
  if (format !== "rfc3339") {
    const number = numberOf(value);
    if (number !== null) {
      const millis = (number / (PER_SECOND[format] ?? guess(number))) * 1000;
      return Number.isFinite(millis) ? Math.round(millis) : null;
    }
  }
  if (typeof value !== "string" || (format !== "rfc3339" && format !== "auto")) return null;
  const [, date, time, fraction = "", zone = ""] = RFC3339.exec(value) ?? [];
  if (date === undefined) return null;
  const millis = Date.parse(
    `${date}T${time}${fraction.slice(0, 4)}${zone.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, "$1:$2")}`,
  );
  return Number.isFinite(millis) ? millis : null;
}

/** The whole number in an event's field; null where there is none, or too large a one. */
export function sequenceIn(event: JsonObject, path: FieldPath): number | null {
  const number = numberOf(valueAt(event, path));
  return number !== null && Number.isSafeInteger(number) && number >= 0 ? number : null;
}

/** What an event is known by; null where the field is missing. */
export function idIn(event: JsonObject, path: FieldPath): string | null {
  const value = valueAt(event, path);
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? String(value) : null;
}

function numberOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" && /^\d{1,19}(?:\.\d{1,9})?$/.test(value) ? Number(value) : null;
}

/** By size: seconds reach 1e11 in the year 5138, milliseconds begin in 1973. */
function guess(number: number): number {
  if (number < 1e11) return 1;
  if (number < 1e14) return 1e3;
  return number < 1e17 ? 1e6 : 1e9;
}
