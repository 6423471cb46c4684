import type { Finding, Severity, Verdict } from "../archive/finding.ts";
import type { VerifyReport } from "../archive/verify/verify.ts";
import { ADVICE, adviceOverall } from "./advice.ts";
import { style, writeLine } from "./output.ts";
import { count, counted, printable, size } from "./words.ts";

/** How deep a verification goes. */
export const LEVELS = ["manifests", "locks", "content"] as const;
export type Level = (typeof LEVELS)[number];

/** Findings of one code that are printed; a script gets them all. What is only worth knowing must not bury the rest. */
const SHOWN_OF_A_CODE: Readonly<Record<Severity, number>> = { critical: 20, warning: 20, info: 1 };

const SEVERITIES: readonly Severity[] = ["critical", "warning", "info"];
const COLOURS = { critical: "red", warning: "yellow", info: "cyan" } as const;

/** What was verified. */
export interface Asked {
  readonly store: string;
  readonly level: Level;
  /** Whether the store has locks to be seen. */
  readonly locks: boolean;
  /** The range in words, where not everything was verified. */
  readonly range: string | null;
}

/** Prints a report for a person; its last line is the verdict. */
export function printReport(report: VerifyReport, asked: Asked): void {
  writeLine(style("bold", printable(asked.store)));
  const width = Math.max(...report.logs.map(({ log }) => log.length), 0);
  for (const { log, entries, manifests, bytes, head } of report.logs) {
    const at = head === null ? "no head" : `head ${head.root} at ${count(head.size)}`;
    const numbers = [counted(entries, "entry", "entries"), counted(manifests, "manifest"), size(bytes)].join(", ");
    writeLine(`  ${printable(log).padEnd(width)}  ${numbers}, ${at}`);
  }
  for (const { log, anchors } of report.logs) {
    for (const { kind, size: of, time, by, pinned } of anchors) {
      const when = time === null ? "" : ` at ${time}`;
      const whose = `${by.map(printable).join(", ")}${pinned ? "" : " (not pinned)"}`;
      writeLine(`  ${printable(log).padEnd(width)}  anchored at ${counted(of, "manifest")} by ${kind} ${whose}${when}`);
    }
  }
  writeLine(`checked: ${checkedInWords(asked)}`);
  if (report.logs.some(({ keyPinned }) => !keyPinned)) {
    writeLine(
      `${style("yellow", "key not pinned:")} the key that the archive itself names was believed. Whoever replaced the whole archive`,
    );
    writeLine(
      "  could have replaced the key as well: pin it with --key (stele keys show names it; compare it with what you were given)",
    );
  }
  printFindings(bySeverity(report.findings));
  if (report.notObservable.length > 0) {
    writeLine("\nnot observable here, and so not checked:");
    for (const what of report.notObservable) writeLine(`  - ${printable(what)}`);
  }
  writeLine();
  writeLine(lastLine(report.verdict, report.findings));
}

/** The report as scripts get it (docs/CLI.md). */
export function reportAsJson({ verdict, logs, findings, notObservable }: VerifyReport): object {
  return {
    ok: verdict === "sound",
    logs: logs.map(({ log, origin, manifests, entries, bytes, head, keyPinned, anchors }) => ({
      log,
      origin,
      manifests,
      entries,
      bytes,
      head: head === null ? null : { size: head.size, root: head.root },
      keyPinned,
      anchors: anchors.map(({ kind, size: of, root, time, by, pinned, object }) => ({
        kind,
        size: of,
        root,
        time,
        by,
        pinned,
        object,
      })),
    })),
    findings: findings.map((found) => ({
      code: found.code,
      severity: found.severity,
      log: found.log,
      object: found.object,
      versionId: found.versionId,
      index: found.index,
      message: found.message,
      expected: found.expected,
      actual: found.actual,
    })),
    notObservable,
  };
}

/** The worst first; within a severity as they were found. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return SEVERITIES.flatMap((severity) => findings.filter((found) => found.severity === severity));
}

/** The verdict in one line, for the eye and for grep. */
export function lastLine(verdict: Verdict, findings: readonly Finding[]): string {
  const of = (severity: Severity): number => findings.filter((found) => found.severity === severity).length;
  const numbers = SEVERITIES.filter((severity) => of(severity) > 0).map((severity) => `${count(of(severity))} ${severity}`);
  switch (verdict) {
    case "sound":
      return style("green", "SOUND");
    case "unsound":
      return style("red", `NOT SOUND: ${counted(findings.length, "finding")} (${numbers.join(", ")})`);
    case "unknown":
      return style(
        "magenta",
        `COULD NOT TELL: ${counted(findings.length, "finding")}; nothing wrong was seen, but not everything could be read`,
      );
  }
}

function checkedInWords({ level, locks, range }: Asked): string {
  const deep = level === "content";
  const parts = ["signature, chain and tree of every manifest"];
  if (level !== "manifests" && locks) parts.push("the lock of every object");
  if (deep) parts.push("every byte of every event");
  if (range !== null) parts.push(`only entries ${range}`);
  return parts.join("; ") + (deep ? "" : " (the events themselves with --level content)");
}

function printFindings(findings: readonly Finding[]): void {
  const kinds = new Map<string, Finding[]>();
  for (const found of findings) {
    const kind = `${found.severity} ${found.code}`;
    const alike = kinds.get(kind);
    if (alike === undefined) kinds.set(kind, [found]);
    else alike.push(found);
  }
  for (const [kind, alike] of kinds) {
    const shown = SHOWN_OF_A_CODE[alike[0]?.severity ?? "critical"];
    alike.slice(0, shown).forEach(printFinding);
    if (alike.length > shown) writeLine(`\n... and ${count(alike.length - shown)} more: ${kind} (all of them with --json)`);
  }
  const advice = adviceOverall(findings);
  if (advice !== null) writeLine(`\n${advice}`);
}

function printFinding(found: Finding): void {
  const rows: (readonly [string, string | number | null])[] = [
    ["object", found.object],
    ["version", found.versionId],
    ["manifest", found.index],
    ["expected", found.expected],
    ["found", found.actual],
    ["meaning", ADVICE[found.code]],
  ];
  writeLine();
  writeLine(
    `${style(COLOURS[found.severity], found.severity.toUpperCase())} ${style("bold", found.code)} in ${printable(found.log || "the archive")}`,
  );
  writeLine(`  ${printable(found.message)}`);
  for (const [name, value] of rows) {
    if (value !== null) writeLine(`  ${name.padEnd(8)}  ${printable(String(value))}`);
  }
}
