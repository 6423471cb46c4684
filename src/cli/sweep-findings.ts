import type { Severity } from "../archive/finding.ts";
import { toMillis } from "../core/time.ts";
import type { SweptFinding } from "../sweep/result.ts";
import { ADVICE } from "./advice.ts";
import { age } from "./findings-list.ts";
import { style, writeLine } from "./output.ts";
import { count, printable } from "./words.ts";

/** Findings of one code, severity and standing that are printed; a script gets them all. */
const SHOWN_OF_A_KIND: Readonly<Record<Severity, number>> = { critical: 20, warning: 20, info: 1 };
const SEVERITIES: readonly Severity[] = ["critical", "warning", "info"];
const COLOURS = { critical: "red", warning: "yellow", info: "cyan" } as const;

/** Prints findings as a sweep leaves them, the worst first; those that are gone only by their names. */
export function printSwept(findings: readonly SweptFinding[], now: number): void {
  const kinds = new Map<string, SweptFinding[]>();
  const worstFirst = SEVERITIES.flatMap((severity) => findings.filter((found) => found.severity === severity));
  for (const found of worstFirst) {
    const kind = `${found.severity} ${found.code} ${found.standing}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), found]);
  }
  for (const [kind, alike] of kinds) {
    const shown = SHOWN_OF_A_KIND[alike[0]?.severity ?? "critical"];
    for (const found of alike.slice(0, shown)) printOne(found, now);
    if (alike.length > shown) writeLine(`\n... and ${count(alike.length - shown)} more: ${kind} (all of them with --json)`);
  }
}

function printOne(found: SweptFinding, now: number): void {
  const { code, severity, log, standing, firstSeen, lastSeen, entries, acknowledged } = found;
  const place = `${style("bold", code)} in ${printable(log || "the archive")}`;
  writeLine();
  if (standing === "gone") {
    writeLine(`${style("green", "GONE")} ${place}${at(found)}, after ${age(toMillis(firstSeen), now)}`);
    return;
  }
  const since = standing === "new" ? "new" : `open for ${age(toMillis(firstSeen), now)}`;
  writeLine(`${style(COLOURS[severity], severity.toUpperCase())} ${place}, ${since}`);
  writeLine(`  ${printable(found.message)}`);
  const rows: (readonly [string, string | number | null])[] = [
    ["id", found.id],
    ["object", found.object],
    ["version", found.versionId],
    ["manifest", found.index],
    ["entries", entries === null ? null : `${count(entries.first)} to ${count(entries.end - 1)}`],
    ["expected", found.expected],
    ["found", found.actual],
    ["meaning", ADVICE[code]],
    ["seen", found.seen ? null : `last on ${lastSeen}; this sweep did not look there again, or could not`],
    ["answered", acknowledged === null ? null : `acknowledged by ${acknowledged.by}, ${acknowledged.at}: ${acknowledged.why}`],
  ];
  for (const [name, value] of rows) {
    if (value !== null) writeLine(`  ${name.padEnd(8)}  ${printable(String(value))}`);
  }
}

function at({ index, object }: SweptFinding): string {
  if (object !== null) return `, ${printable(object)}`;
  return index === null ? "" : `, manifest ${index}`;
}
