import { SteleError } from "../../core/error.ts";
import type { SegmentLimits } from "../input/segmenter.ts";

/**
 * One audit event: text or bytes without a line feed, kept byte for byte, or an object, kept as its JSON. A string that is not
 * well-formed Unicode is refused, since it has no bytes.
 */
export type Event = string | Uint8Array | { readonly [key: string]: unknown };

/** Events as they will be spooled: `count` entries, each followed by a line feed. */
export interface EncodedEvents {
  readonly count: number;
  readonly bytes: Uint8Array;
}

const LF = 0x0a;

/**
 * Encodes events, cut so that no part is more than a segment may hold. One part is the rule.
 * @throws SteleError `input.invalid` when one can't be an entry, `input.entry-too-large`; nothing is kept of any then
 */
export function encodeEvents(events: Event | readonly Event[], limits: SegmentLimits): EncodedEvents[] {
  if (!isMany(events)) return [{ count: 1, bytes: encodeLine(events, "event", limits) }];
  if (events.length === 0) throw new SteleError("input.invalid", "append: expected one event or more, got an empty array");
  const lines = events.map((event, i) => encodeLine(event, `event ${i} of ${events.length}`, limits));
  const parts: EncodedEvents[] = [];
  let from = 0;
  let length = 0;
  for (const [i, line] of lines.entries()) {
    if (i > from && (i - from === limits.entries || length + line.length > limits.bytes)) {
      parts.push({ count: i - from, bytes: Buffer.concat(lines.slice(from, i), length) });
      from = i;
      length = 0;
    }
    length += line.length;
  }
  parts.push({ count: lines.length - from, bytes: Buffer.concat(lines.slice(from), length) });
  return parts;
}

/**
 * Events as they stand in a file: each followed by a line feed, the last as well.
 * @throws SteleError `input.invalid`, `input.entry-too-large`; nothing is kept of any then
 */
export function splitLines(lines: Uint8Array, limits: SegmentLimits): EncodedEvents[] {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
  if (bytes.at(-1) !== LF) {
    throw new SteleError(
      "input.invalid",
      `lines: expected each to end in a line feed, got ${bytes.length} bytes without one at the end`,
    );
  }
  const parts: EncodedEvents[] = [];
  let from = 0;
  let start = 0;
  let count = 0;
  for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
    if (end - start > limits.entryBytes) {
      throw new SteleError(
        "input.entry-too-large",
        `line at byte ${start}: expected at most ${limits.entryBytes} bytes, got ${end - start}`,
      );
    }
    if (count > 0 && (count === limits.entries || end + 1 - from > limits.bytes)) {
      parts.push({ count, bytes: bytes.subarray(from, start) });
      from = start;
      count = 0;
    }
    count++;
    start = end + 1;
  }
  parts.push({ count, bytes: bytes.subarray(from) });
  return parts;
}

/** The event's bytes and a line feed. */
function encodeLine(event: unknown, name: string, { entryBytes }: SegmentLimits): Uint8Array {
  const line = withLineFeed(event, name);
  const length = line.length - 1;
  if (length > entryBytes) {
    throw new SteleError("input.entry-too-large", `${name}: expected at most ${entryBytes} bytes, got ${length}`);
  }
  const lineFeed = line.indexOf(LF);
  if (lineFeed < length) {
    throw new SteleError(
      "input.invalid",
      `${name}: expected one line, got a line feed at byte ${lineFeed}; append each line as an event of its own`,
    );
  }
  return line;
}

function withLineFeed(event: unknown, name: string): Buffer {
  if (event instanceof Uint8Array) {
    const line = Buffer.allocUnsafe(event.length + 1);
    line.set(event);
    line[event.length] = LF;
    return line;
  }
  if (typeof event !== "string") return Buffer.from(`${asJson(event, name)}\n`);
  if (event.isWellFormed()) return Buffer.from(`${event}\n`);
  throw new SteleError("input.invalid", `${name}: expected well-formed Unicode, got a lone surrogate; append its bytes`);
}

function asJson(event: unknown, name: string): string {
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    const got = Array.isArray(event) ? "an array" : String(event);
    throw new SteleError("input.invalid", `${name}: expected a string, bytes or an object, got ${got}`);
  }
  let json: string | undefined;
  try {
    json = JSON.stringify(event);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("input.invalid", `${name}: it can't be written as JSON: ${reason}`, { cause });
  }
  if (json === undefined) throw new SteleError("input.invalid", `${name}: its toJSON() gives nothing`);
  return json;
}

function isMany(events: Event | readonly Event[]): events is readonly Event[] {
  return Array.isArray(events);
}
