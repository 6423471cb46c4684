import { DEFAULT_LIMITS, type SegmentLimits } from "../archive/input/segmenter.ts";
import { MAX_RAW_BYTES } from "../archive/segment/open.ts";
import { SteleError } from "../core/error.ts";

/** What a user may ask for. */
export interface AskedLimits {
  readonly maxEventBytes?: number | undefined;
  readonly segmentBytes?: number | undefined;
  readonly segmentEntries?: number | undefined;
  /** In milliseconds. */
  readonly segmentAge?: number | undefined;
}

/** So that the proof of any event, which holds the event in base64, stays below its own limit. */
const MAX_EVENT_BYTES = 64 * 1024 * 1024;
/** An event of one byte, and its line feed. */
const MIN_SEGMENT_BYTES = 2;
const MAX_SEGMENT_ENTRIES = 1 << 24;
/** More often than this, a quiet log would be nothing but manifests. */
export const MIN_AGE_MILLIS = 100;
const MAX_AGE_MILLIS = 24 * 3_600_000;

/**
 * Limits of segments that fit together: an event and its line feed have to fit into a segment. Where one of the two is left
 * out, it follows the other; where both are given, they must agree.
 * @throws SteleError `input.invalid`
 */
export function segmentLimits({ maxEventBytes, segmentBytes, segmentEntries, segmentAge }: AskedLimits): SegmentLimits {
  atMost("--max-event-bytes", maxEventBytes, MAX_EVENT_BYTES);
  atMost("--segment-bytes", segmentBytes, MAX_RAW_BYTES);
  atMost("--segment-entries", segmentEntries, MAX_SEGMENT_ENTRIES);
  if (segmentAge !== undefined && segmentAge > MAX_AGE_MILLIS) {
    throw new SteleError("input.invalid", `--segment-age: expected at most 24h, got ${segmentAge / 3_600_000}h`);
  }
  if (segmentBytes !== undefined && segmentBytes < MIN_SEGMENT_BYTES) {
    throw new SteleError("input.invalid", `--segment-bytes: expected at least ${MIN_SEGMENT_BYTES}, got ${segmentBytes}`);
  }
  if (maxEventBytes !== undefined && segmentBytes !== undefined && maxEventBytes >= segmentBytes) {
    throw new SteleError(
      "input.invalid",
      `--max-event-bytes: expected less than the ${segmentBytes} bytes of a segment (--segment-bytes), got ${maxEventBytes}`,
    );
  }
  return {
    ...DEFAULT_LIMITS,
    bytes: segmentBytes ?? Math.max(DEFAULT_LIMITS.bytes, (maxEventBytes ?? 0) + 1),
    entries: segmentEntries ?? DEFAULT_LIMITS.entries,
    ageMillis: segmentAge ?? DEFAULT_LIMITS.ageMillis,
    entryBytes: maxEventBytes ?? Math.min(DEFAULT_LIMITS.entryBytes, (segmentBytes ?? DEFAULT_LIMITS.bytes) - 1),
  };
}

function atMost(option: string, value: number | undefined, most: number): void {
  if (value === undefined || value <= most) return;
  throw new SteleError("input.invalid", `${option}: expected at most ${most}, got ${value}`);
}
