import { z } from "zod";

/** The section `rules` of the configuration. */
export interface RulesConfig {
  /** Rules files, relative to the configuration's folder. */
  readonly files: readonly string[];
  /** Alarms of one rule in one manifest that are told one by one; what is more is told in one alarm. Default 100. */
  readonly maxAlarms?: number | undefined;
}

export const rulesConfigSchema: z.ZodType<RulesConfig> = z.strictObject({
  files: z.array(z.string().min(1)).min(1),
  maxAlarms: z.int().min(1).max(10_000).optional(),
});
