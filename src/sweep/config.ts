import { z } from "zod";
import { isSteleError } from "../core/error.ts";
import type { LockMode } from "../core/retention.ts";
import { parseByteCount } from "./byte-count.ts";
import { parseDuration } from "./duration.ts";

/** What locks must be, whatever a log promises itself. */
export interface LockPolicy {
  /** The weakest mode that will do. */
  readonly mode?: LockMode | undefined;
  /** How long each lock must still hold, in milliseconds. */
  readonly minimumLeft?: number | undefined;
}

/** The section `sweep` of a configuration. When each round runs is the section `watch`'s. */
export interface SweepConfig {
  /** Every byte is read again within so many days, where the budget is `auto`. Default {@link DEFAULT_CONTENT_DAYS}. */
  readonly contentDays?: number | undefined;
  /** Bytes that a sweep reads at most, or `auto`: what is due. Default: no limit. */
  readonly budget?: number | "auto" | undefined;
  /** Requests that a sweep makes at most. Default: no limit. */
  readonly maxRequests?: number | undefined;
  /** Bytes a second that are read at most. Default: no limit. */
  readonly bandwidth?: number | undefined;
  /** Objects looked at at a time. Default: 16 where only locks and manifests are, two more than there are threads where content is. */
  readonly connections?: number | undefined;
  /** How long after the time that a log has promised its next manifest for it counts as silent, in milliseconds. Default {@link DEFAULT_GRACE_MS}. */
  readonly grace?: number | undefined;
  /** How often it is said again that a finding is open, in milliseconds. Default 24 hours. */
  readonly remindEvery?: number | undefined;
  /** Alarms for new findings of one log in one sweep; above that one alarm tells of the rest. Default 100. */
  readonly maxAlarms?: number | undefined;
  readonly policy?: LockPolicy | undefined;
}

export const DEFAULT_CONTENT_DAYS = 30;
export const DEFAULT_GRACE_MS: number = 5 * 60_000;

const positive = z.int().min(1);

/** Text that `parse` reads; what it refuses is said at the line where it stands. */
function parsed(parse: (text: string) => number): z.ZodType<number> {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!isSteleError(error)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  });
}

const duration = parsed(parseDuration);
const byteCount = parsed(parseByteCount);

export const sweepConfigSchema: z.ZodType<SweepConfig> = z.strictObject({
  contentDays: z.int().min(1).max(3650).optional(),
  budget: z.union([z.literal("auto"), byteCount]).optional(),
  maxRequests: positive.optional(),
  bandwidth: byteCount.optional(),
  connections: positive.max(256).optional(),
  grace: duration.optional(),
  remindEvery: duration.refine((millis) => millis >= 60_000, "expected at least 1m").optional(),
  maxAlarms: positive.optional(),
  policy: z.strictObject({ mode: z.enum(["COMPLIANCE", "GOVERNANCE"]).optional(), minimumLeft: duration.optional() }).optional(),
});
