import { z } from "zod";
import type { Severity } from "../../archive/finding.ts";
import { logPatterns, period } from "../rules/rule.ts";

/** A source with a regular past has fallen silent. Times in milliseconds. */
export interface SilenceConfig {
  /** Of the pauses between deliveries, the share that a usual one is longer than. Default 0.99. */
  readonly quantile: number;
  /** So many times as long as that is too long. Default 4. */
  readonly factor: number;
  /** A shorter silence is none. Default 5 minutes. */
  readonly atLeast: number;
  /** Pauses that have to be seen before anything is said. Default 50. */
  readonly warmUp: number;
}

/** Entries of a source in a window of time, far from its own past. */
export interface RateConfig {
  /** In milliseconds. Default 5 minutes. */
  readonly window: number;
  /** Deviations from the mean, both of logarithms of counts. Default 6. */
  readonly deviations: number;
  /** Windows with entries that have to be seen before anything is said. Default 24. */
  readonly warmUp: number;
  /** Fewer entries are neither many, nor is it told that there are less. Default 100. */
  readonly atLeast: number;
}

/** The time in an event is far from its arrival. Times in milliseconds. */
export interface ClockConfig {
  readonly field: FieldPath;
  readonly format: TimeFormat;
  /** Default 5 minutes. */
  readonly ahead: number;
  /** Default 1 hour. */
  readonly behind: number;
  /** Events of one manifest, and more than half of its source's. Default 5. */
  readonly atLeast: number;
}

/** Entries that came before, by their content or by a field. */
export interface DuplicatesConfig {
  /** An event's id; without it, its content byte for byte. */
  readonly field?: FieldPath | undefined;
  /** In milliseconds. Default 1 hour. */
  readonly within: number;
  /** Of one manifest. Default 20. */
  readonly atLeast: number;
  /** Of a source's entries in one manifest. Default 0.05. */
  readonly share: number;
}

/** A number that a source counts its own events with. */
export interface SequenceConfig {
  readonly field: FieldPath;
  /** A gap is over when so long nothing more was missing, in milliseconds. Default 1 hour. */
  readonly settle: number;
}

/** Keys to a field. */
export type FieldPath = readonly string[];
export type TimeFormat = "auto" | "rfc3339" | "unix" | "unix-ms" | "unix-us" | "unix-ns";

/** What is looked at in some logs; null is not looked at. */
export interface AnomalyProfile {
  readonly logs: readonly string[];
  readonly severity: Severity;
  readonly silence: SilenceConfig | null;
  readonly rate: RateConfig | null;
  readonly clock: ClockConfig | null;
  readonly duplicates: DuplicatesConfig | null;
  readonly sequence: SequenceConfig | null;
}

/** The section `anomalies`: of the profiles, the first whose `logs` fit holds for a log. */
export type AnomaliesConfig = readonly AnomalyProfile[];

const MINUTE = 60_000;

/** `metadata.seq`, or a list of keys where one has a dot in it. */
const field: z.ZodType<FieldPath> = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((path) => (typeof path === "string" ? path.split(".") : path));

const silence = z.strictObject({
  quantile: z.number().min(0.5).max(0.9999).default(0.99),
  factor: z.number().min(1).max(1000).default(4),
  atLeast: period.default(5 * MINUTE),
  warmUp: z.int().min(10).max(1000).default(50),
});
const rate = z.strictObject({
  window: period.default(5 * MINUTE),
  deviations: z.number().min(1).max(100).default(6),
  warmUp: z.int().min(5).max(10_000).default(24),
  atLeast: z.int().min(1).default(100),
});
const clock = z.strictObject({
  field,
  format: z.enum(["auto", "rfc3339", "unix", "unix-ms", "unix-us", "unix-ns"]).default("auto"),
  ahead: period.default(5 * MINUTE),
  behind: period.default(60 * MINUTE),
  atLeast: z.int().min(1).default(5),
});
const duplicates = z.strictObject({
  field: field.optional(),
  within: period.default(60 * MINUTE),
  atLeast: z.int().min(1).default(20),
  share: z.number().min(0.01).max(1).default(0.05),
});
const sequence = z.strictObject({ field, settle: period.default(60 * MINUTE) });

const profile: z.ZodType<AnomalyProfile> = z
  .strictObject({
    logs: logPatterns.default(["**"]),
    severity: z.enum(["critical", "warning", "info"]).default("warning"),
    silence: z.union([z.literal(false), silence]).prefault({}),
    rate: z.union([z.literal(false), rate]).prefault({}),
    clock: clock.optional(),
    duplicates: duplicates.optional(),
    sequence: sequence.optional(),
  })
  .transform((given) => ({
    logs: given.logs,
    severity: given.severity,
    silence: given.silence === false ? null : given.silence,
    rate: given.rate === false ? null : given.rate,
    clock: given.clock ?? null,
    duplicates: given.duplicates ?? null,
    sequence: given.sequence ?? null,
  }));

export const anomaliesConfigSchema: z.ZodType<AnomaliesConfig> = z.array(profile).min(1);
