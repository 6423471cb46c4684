import { z } from "zod";
import { SteleError } from "../../core/error.ts";
import { DEFAULT_LIMITS, type SegmentLimits } from "../input/segmenter.ts";
import { MAX_RAW_BYTES } from "../segment/open.ts";
import type { SpoolOptions } from "../spool/spool.ts";
import type { AppenderOptions } from "./appender-options.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { LogObserver } from "./observer.ts";
import { type Sleep, sleep } from "../../store/sleep.ts";

/** How one log is written. */
export interface LogOptions {
  /** Who delivers, where an append does not say. Default: the writer's id. */
  readonly source?: string | undefined;
  /** When a segment is full. */
  readonly limits?: Partial<SegmentLimits> | undefined;
  /** Bytes that may wait in the spool. Default 4 GiB. */
  readonly maxSpoolBytes?: number | undefined;
  /** What an append does when the spool is full: wait for the store (default), or refuse with `spool.full`. Nothing is ever dropped. */
  readonly onFull?: "wait" | "refuse" | undefined;
  /** How long a segment waits for more once someone waits for `archived`, in milliseconds. Default 500. */
  readonly lingerMillis?: number | undefined;
  /** Segments uploaded at a time. Default 4. */
  readonly uploads?: number | undefined;
  /**
   * After how many milliseconds without a manifest an empty one says that nothing came. Each manifest promises the next one
   * (`nextBy`), so that a sweep tells a log that fell silent. Default: never, and nothing is promised.
   */
  readonly heartbeatMillis?: number | undefined;
  /** For how many ids, and for how long, repeated deliveries are known. Default 1,000,000 and 24 hours. */
  readonly window?: SpoolOptions["window"];
  /** Set a damaged spool file aside and go on, with the loss recorded in the log. Default false: refuse to start. */
  readonly quarantine?: boolean | undefined;
  /** Told what the log does. */
  readonly observer?: LogObserver | undefined;
  /** How long to wait before the store is tried again. */
  readonly backoff?: BackoffOptions | undefined;
  /** For tests: the file system under the spool, which of its files are filled again, and waiting. */
  readonly files?: SpoolOptions["files"];
  readonly spareFrom?: SpoolOptions["spareFrom"];
  readonly sleep?: Sleep | undefined;
}

const DEFAULT_MAX_SPOOL_BYTES = 2 ** 32;
const DEFAULT_LINGER_MILLIS = 500;
const DEFAULT_UPLOADS = 4;
/** The longest that a timer of Node waits: 24 days. One set to more would ring at once, for ever. */
export const MAX_TIMER_MILLIS: number = 2 ** 31 - 1;
/** More often than this, a quiet log would be nothing but manifests. */
const MIN_HEARTBEAT_MILLIS = 1000;

const count = z.int().min(1);
const millis = z.number().min(0).max(MAX_TIMER_MILLIS);

const schema = z.object({
  source: z.string().optional(),
  limits: z
    .strictObject({
      bytes: count.max(MAX_RAW_BYTES).optional(),
      entries: count.optional(),
      entryBytes: count.optional(),
      ageMillis: millis.optional(),
    })
    .optional(),
  maxSpoolBytes: count.optional(),
  onFull: z.enum(["wait", "refuse"]).optional(),
  lingerMillis: millis.optional(),
  uploads: count.max(64).optional(),
  heartbeatMillis: millis.min(MIN_HEARTBEAT_MILLIS).optional(),
  window: z.strictObject({ ids: z.int().min(0), millis: z.number().min(0) }).optional(),
  quarantine: z.boolean().optional(),
  backoff: z.object({ baseMillis: millis.min(1).optional(), maxMillis: millis.min(1).optional() }).optional(),
});

/** A log's options, with what was left out. @throws SteleError `input.invalid` */
export function completeOptions(
  log: string,
  options: LogOptions,
): Pick<
  AppenderOptions,
  | "limits"
  | "maxSpoolBytes"
  | "onFull"
  | "lingerMillis"
  | "uploads"
  | "heartbeatMillis"
  | "backoff"
  | "sleep"
  | "quarantine"
  | "window"
  | "files"
  | "spareFrom"
> {
  const checked = schema.safeParse(options);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new SteleError("input.invalid", `log ${log}: ${issue?.path.join(".") ?? "options"}: ${issue?.message ?? "not valid"}`);
  }
  const { limits = {}, window, files, spareFrom } = options;
  const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
  const complete: SegmentLimits = { ...DEFAULT_LIMITS, ...given };
  if (complete.entryBytes >= complete.bytes) {
    throw new SteleError(
      "input.invalid",
      `log ${log}: limits: expected a segment of more than the longest entry's ${complete.entryBytes} bytes, got ${complete.bytes} bytes`,
    );
  }
  return {
    limits: complete,
    maxSpoolBytes: options.maxSpoolBytes ?? DEFAULT_MAX_SPOOL_BYTES,
    onFull: options.onFull ?? "wait",
    lingerMillis: options.lingerMillis ?? DEFAULT_LINGER_MILLIS,
    uploads: options.uploads ?? DEFAULT_UPLOADS,
    heartbeatMillis: options.heartbeatMillis ?? null,
    backoff: options.backoff ?? {},
    sleep: options.sleep ?? sleep,
    quarantine: options.quarantine ?? false,
    ...(window === undefined ? {} : { window }),
    ...(files === undefined ? {} : { files }),
    ...(spareFrom === undefined ? {} : { spareFrom }),
  };
}
