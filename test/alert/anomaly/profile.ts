import { type AnomalyProfile, anomaliesConfigSchema } from "../../../src/alert/anomaly/config.ts";

/** A profile as it would stand in the configuration. */
export function profile(given: object): AnomalyProfile {
  const [one] = anomaliesConfigSchema.parse([given]);
  if (one === undefined) throw new Error("no profile");
  return one;
}

/** What there is, or a failed test. */
export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("expected it to be there");
  return value;
}
