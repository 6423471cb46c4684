import type { SegmentLimits } from "../archive/input/segmenter.ts";
import { SteleError } from "../core/error.ts";

/** What a user may say about the durable writer; times in milliseconds. */
export interface WriterFlags {
  readonly heartbeat?: number | undefined;
  readonly maxSpool?: number | undefined;
  readonly drainTimeout?: number | undefined;
}

/** How the durable writer works in one run. */
export interface WriterSettings {
  readonly heartbeatMillis: number | undefined;
  readonly maxSpoolBytes: number;
  /** How long archiving may go on after an interrupt. */
  readonly drainMillis: number;
}

export const DEFAULT_MAX_SPOOL_BYTES: number = 4 * 2 ** 30;
export const DEFAULT_DRAIN_MILLIS = 30_000;

/** @throws SteleError `input.invalid` when the spool would not hold two segments: one is filled while one is archived */
export function writerSettings(
  { heartbeat, maxSpool = DEFAULT_MAX_SPOOL_BYTES, drainTimeout = DEFAULT_DRAIN_MILLIS }: WriterFlags,
  limits: SegmentLimits,
): WriterSettings {
  if (maxSpool < 2 * limits.bytes) {
    throw new SteleError(
      "input.invalid",
      `--max-spool: expected room for two segments, ${2 * limits.bytes} bytes (twice --segment-bytes), got ${maxSpool}`,
    );
  }
  return { heartbeatMillis: heartbeat, maxSpoolBytes: maxSpool, drainMillis: drainTimeout };
}

/** Refuses what means nothing where files are archived to their end, and nothing is spooled. @throws SteleError `input.invalid` */
export function refuseWriterFlags(flags: WriterFlags): void {
  const given = [
    ["--heartbeat", flags.heartbeat],
    ["--max-spool", flags.maxSpool],
    ["--drain-timeout", flags.drainTimeout],
  ].filter(([, value]) => value !== undefined);
  const [first] = given;
  if (first === undefined) return;
  throw new SteleError(
    "input.invalid",
    `${first[0]}: expected standard input or --follow; files that are archived to their end don't go through the spool`,
  );
}
