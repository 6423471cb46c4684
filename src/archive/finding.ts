import type { ErrorCode } from "../core/error.ts";

/** The stable codes of what a verifier or a sweep may find (docs/CLI.md). */
export type FindingCode =
  | "segment.missing"
  | "segment.altered"
  | "segment.unreadable"
  | "manifest.missing"
  | "manifest.altered"
  | "manifest.unreadable"
  | "tile.missing"
  | "tile.altered"
  | "tile.unreadable"
  | "description.missing"
  | "description.altered"
  | "description.unreadable"
  | "chain.broken"
  | "rotation.unmarked"
  | "checkpoint.bad-signature"
  | "checkpoint.inconsistent"
  | "log.missing"
  | "log.truncated"
  | "log.unreadable"
  | "log.silent"
  | "anchor.bad"
  | "anchor.stale"
  | "anchor.unreadable"
  | "object.shadowed"
  | "object.delete-marker"
  | "object.stray"
  | "object.duplicate"
  | "object.copied"
  | "object.expired"
  | "lock.absent"
  | "lock.weaker-mode"
  | "lock.short"
  | "lock.expiring"
  | "lock.unreadable";

/** `critical`: what the log promised does not hold. `warning`: something is there that should not be. `info`: worth knowing, sound. */
export type Severity = "critical" | "warning" | "info";

/** One thing found, with where and why. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly log: string;
  /** Key in the store; null where the finding is of the log as a whole. */
  readonly object: string | null;
  readonly versionId: string | null;
  /** Manifest index, where there is one. */
  readonly index: number | null;
  readonly message: string;
  readonly expected: string | null;
  readonly actual: string | null;
}

const SEVERITIES: Partial<Record<FindingCode, Severity>> = {
  "anchor.bad": "warning",
  "anchor.stale": "warning",
  "object.stray": "warning",
  "object.shadowed": "warning",
  "object.delete-marker": "warning",
  "object.duplicate": "info",
  "object.copied": "info",
  "object.expired": "info",
  "lock.expiring": "info",
  "tile.missing": "warning",
  "rotation.unmarked": "warning",
};

/** A finding of `code` with its usual severity. */
export function finding(
  code: FindingCode,
  log: string,
  message: string,
  where: Partial<Pick<Finding, "object" | "versionId" | "index" | "expected" | "actual" | "severity">> = {},
): Finding {
  return {
    code,
    severity: SEVERITIES[code] ?? "critical",
    log,
    object: null,
    versionId: null,
    index: null,
    message,
    expected: null,
    actual: null,
    ...where,
  };
}

/** A listing did not give what is there: nothing can be told from what else it does not give. */
export function leftOut(log: string, what: string, where: Partial<Pick<Finding, "object" | "versionId" | "index">>): Finding {
  return finding("log.unreadable", log, `the listing left out ${what}, which is there when it is asked for by its key`, where);
}

/** Whether an error says that something could not be read, and not that it is missing or wrong. */
export function isReadFailure(code: ErrorCode): boolean {
  return code === "store.denied" || code === "store.unreachable" || code === "store.unsupported";
}

/** Whether a finding says "could not tell" rather than "is not so". */
export function isUnreadable({ code }: Finding): boolean {
  return code.endsWith(".unreadable");
}

/** `sound`: nothing but information. `unsound`: something is wrong. `unknown`: nothing wrong was seen, but not all could be read. */
export type Verdict = "sound" | "unsound" | "unknown";

/** What findings add up to. */
export function verdict(findings: readonly Finding[]): Verdict {
  if (findings.some((found) => found.severity !== "info" && !isUnreadable(found))) return "unsound";
  return findings.some(isUnreadable) ? "unknown" : "sound";
}
