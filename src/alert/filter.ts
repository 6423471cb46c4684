import type { Severity } from "../archive/finding.ts";
import type { Alarm, AlarmKind } from "../sweep/alarm.ts";
import type { DestinationFilter } from "./config.ts";
import { matchesLog } from "./rules/log-pattern.ts";

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

/** Kinds that end a matter, or settle it. */
const CLOSING: ReadonlySet<AlarmKind> = new Set([
  "finding.cleared",
  "finding.acknowledged",
  "stream.recovered",
  "sweep.recovered",
]);

/**
 * Whether a destination gets an alarm.
 * @param knows whether it got one of the same subject before: an all-clear goes wherever its alarm went, however mild it is
 */
export function wants(filter: DestinationFilter, alarm: Pick<Alarm, "kind" | "severity" | "log">, knows: () => boolean): boolean {
  const { minSeverity = "info", kinds, logs } = filter;
  if (kinds !== undefined && !kinds.some((pattern) => isKind(pattern, alarm.kind))) return false;
  // What is of the archive as a whole concerns whoever watches any of its logs.
  if (logs !== undefined && alarm.log !== "" && !matchesLog(logs, alarm.log)) return false;
  return RANK[alarm.severity] >= RANK[minSeverity] || (CLOSING.has(alarm.kind) && knows());
}

function isKind(pattern: string, kind: AlarmKind): boolean {
  return pattern.endsWith(".*") ? kind.startsWith(pattern.slice(0, -1)) : kind === pattern;
}
