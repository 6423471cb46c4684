import { z } from "zod";
import type { Severity } from "../../archive/finding.ts";
import { parseDuration } from "../../sweep/duration.ts";
import { isTimestamp } from "../../core/time.ts";
import { isJsonObject } from "./event.ts";
import { LOG_PATTERN } from "./log-pattern.ts";

/** An event that a rule is tried on, and what should come of it. */
export interface RuleTest {
  readonly name?: string | undefined;
  /** As JSON text, or as YAML that is made into JSON. */
  readonly event?: unknown;
  /** Several, in order: for rules that count. */
  readonly events?: readonly unknown[] | undefined;
  /** A file with one event a line, beside the rules file. */
  readonly file?: string | undefined;
  /** How often the event comes. Default 1. */
  readonly times?: number | undefined;
  /** Time between one event and the next, in milliseconds. Default one second. */
  readonly every?: number | undefined;
  readonly log?: string | undefined;
  readonly source?: string | undefined;
  /** Of the first event. */
  readonly arrived?: string | undefined;
  /** `match`: at least one alarm; `no match`: none. */
  readonly expect: "match" | "no match";
}

/** A rule as its file has it; periods are in milliseconds. */
export interface RuleDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly severity: Severity;
  readonly logs: readonly string[];
  readonly where: string;
  readonly tags: readonly string[];
  readonly throttle?: { readonly by?: string | undefined; readonly every: number } | undefined;
  readonly count?: { readonly atLeast: number; readonly within: number; readonly by?: string | undefined } | undefined;
  readonly runbook?: string | undefined;
  readonly tests: readonly RuleTest[];
}

export const RULE_NAME: RegExp = /^[a-z0-9]+(?:[.-][a-z0-9]+)*$/;
/** Each counted match is remembered until it is too old, or enough of them came. */
const MAX_COUNT = 1000;

/** A period such as `10m`, in milliseconds. */
export const period: z.ZodType<number> = z.string().transform((text, context) => {
  try {
    const millis = parseDuration(text);
    if (millis > 0) return millis;
    context.addIssue({ code: "custom", message: `expected a period such as 10m or 1h, got ${JSON.stringify(text)}` });
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
  }
  return z.NEVER;
});

export const logPatterns: z.ZodType<readonly string[]> = z
  .array(z.string().regex(LOG_PATTERN, "expected a log's name, with * and ** for parts of it"))
  .min(1);

const line = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}]*$/u, "expected one line");
const cel = z.string().min(1);
const event = z.union([z.string(), z.custom<object>(isJsonObject, "expected an event: an object, or its text")]);

const test: z.ZodType<RuleTest> = z
  .strictObject({
    name: line.optional(),
    event: event.optional(),
    events: z.array(event).min(1).optional(),
    file: z.string().min(1).optional(),
    times: z.int().min(1).max(10_000).optional(),
    every: period.optional(),
    log: z.string().min(1).optional(),
    source: z.string().optional(),
    arrived: z.string().refine(isTimestamp, "expected a time like 2026-11-23T15:00:01.123Z").optional(),
    expect: z.enum(["match", "no match"]),
  })
  .refine(
    (given) => [given.event, given.events, given.file].filter((one) => one !== undefined).length === 1,
    "expected one of event, events and file",
  );

const rule = z.strictObject({
  name: z.string().max(100).regex(RULE_NAME, "expected a name such as aws.logging-stopped"),
  title: line,
  description: z.string().min(1).max(4000),
  severity: z.enum(["critical", "warning", "info"]),
  logs: logPatterns.default(["**"]),
  where: cel,
  tags: z.array(line).default([]),
  throttle: z.strictObject({ by: cel.optional(), every: period }).optional(),
  count: z.strictObject({ atLeast: z.int().min(2).max(MAX_COUNT), within: period, by: cel.optional() }).optional(),
  runbook: z.string().min(1).max(1000).optional(),
  tests: z.array(test).default([]),
});

/** What a rules file holds. */
export const rulesFileSchema: z.ZodType<{ readonly rules: readonly RuleDefinition[] }> = z.strictObject({
  rules: z.array(rule).min(1),
});
