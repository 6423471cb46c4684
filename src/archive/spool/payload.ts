import { isTimestamp, type Timestamp } from "../../core/time.ts";

/** What a delivery's line of JSON says. */
export interface Meta {
  /** Of its entries, each with its line feed. */
  readonly bytes: number;
  readonly count: number;
  /** When it arrived, by the writer's clock. */
  readonly time: Timestamp;
  readonly source: string;
  readonly id?: string | undefined;
  readonly cursor?: string | undefined;
}

/** A delivery found in a frame. */
export interface FoundDelivery extends Meta {
  /** Index of its first entry. */
  readonly first: number;
  /** Where its entries' bytes begin in the payload. */
  readonly at: number;
}

const LF = 0x0a;

/** The line, with its line feed. */
export function spellMeta({ bytes, count, time, source, id, cursor }: Meta): string {
  const optional =
    (id === undefined ? "" : `,"id":${JSON.stringify(id)}`) + (cursor === undefined ? "" : `,"cursor":${JSON.stringify(cursor)}`);
  return `{"bytes":${bytes},"count":${count},"time":"${time}","source":${JSON.stringify(source)}${optional}}\n`;
}

/** The deliveries in a frame's payload; or a sentence that says why these are none. */
export function parsePayload(
  payload: Buffer,
  header: { readonly first: number; readonly count: number },
): FoundDelivery[] | string {
  const found: FoundDelivery[] = [];
  let first = header.first;
  let at = 0;
  while (at < payload.length) {
    const end = payload.indexOf(LF, at);
    const meta = end < 0 ? null : parseMeta(payload.toString("utf8", at, end + 1));
    if (meta === null) return `the delivery at byte ${at} of the frame says nothing readable of itself`;
    at = end + 1;
    if (at + meta.bytes > payload.length || payload[at + meta.bytes - 1] !== LF) {
      return `the delivery at byte ${at} of the frame does not end where it says`;
    }
    found.push({ ...meta, first, at });
    first += meta.count;
    at += meta.bytes;
  }
  if (first === header.first + header.count) return found;
  return `the frame holds ${first - header.first} entries, its header says ${header.count}`;
}

let lastTime = "";

function parseMeta(line: string): Meta | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isMeta(value)) return null;
  return spellMeta(value) === line ? value : null;
}

function isMeta(value: unknown): value is Meta {
  if (typeof value !== "object" || value === null) return false;
  if (!("bytes" in value && "count" in value && "time" in value && "source" in value)) return false;
  return (
    isCounter(value.bytes) &&
    isCounter(value.count) &&
    value.count <= value.bytes &&
    isTime(value.time) &&
    typeof value.source === "string" &&
    (!("id" in value) || typeof value.id === "string") &&
    (!("cursor" in value) || typeof value.cursor === "string")
  );
}

function isCounter(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === "number" && value > 0;
}

// Deliveries that follow one another mostly came at the same millisecond, and to check a time is what costs most here.
function isTime(value: unknown): boolean {
  if (typeof value !== "string" || (value !== lastTime && !isTimestamp(value))) return false;
  lastTime = value;
  return true;
}
