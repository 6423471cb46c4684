import type { Severity } from "../archive/finding.ts";
import type { Episode } from "../sweep/state/ledger.ts";
import type { FindingRecord } from "../sweep/finding-record.ts";
import { toMillis } from "../core/time.ts";
import { ADVICE, adviceOverall } from "./advice.ts";
import { style, writeLine } from "./output.ts";
import { count, counted, printable } from "./words.ts";

/** A finding to be listed: of a log of sweeps, it is open. */
export type Listed = FindingRecord & Partial<Pick<Episode, "closedAt">>;

/** Findings of one code and severity that are printed; a script gets them all. */
const SHOWN_OF_A_CODE = 20;
const SEVERITIES: readonly Severity[] = ["critical", "warning", "info"];
const COLOURS = { critical: "red", warning: "yellow", info: "cyan" } as const;
const DAY = 86_400_000;
const UNITS = [
  ["d", DAY],
  ["h", 3_600_000],
  ["min", 60_000],
] as const;

/** Prints findings for a person, the worst first. */
export function printListed(found: readonly Listed[], now: number): void {
  for (const severity of SEVERITIES) {
    const codes = new Map<string, Listed[]>();
    for (const one of found) {
      if (one.severity === severity) codes.set(one.code, [...(codes.get(one.code) ?? []), one]);
    }
    for (const [code, alike] of codes) {
      for (const one of alike.slice(0, SHOWN_OF_A_CODE)) printOne(one, now);
      const more = alike.length - SHOWN_OF_A_CODE;
      if (more > 0) writeLine(`\n... and ${count(more)} more: ${severity} ${code} (all of them with --json)`);
    }
  }
  const advice = adviceOverall(found.filter(({ closedAt = null }) => closedAt === null));
  if (advice !== null) writeLine(`\n${advice}`);
}

/** As scripts get it (docs/CLI.md). */
export function listedAsJson(found: Listed): object {
  return {
    id: found.id,
    code: found.code,
    severity: found.severity,
    log: found.log,
    object: found.object,
    versionId: found.versionId,
    index: found.index,
    entries: found.entries,
    message: found.message,
    expected: found.expected,
    actual: found.actual,
    firstSeen: found.firstSeen,
    lastSeen: found.lastSeen,
    closedAt: found.closedAt ?? null,
    acknowledged: found.acknowledged,
    advice: adviceOn(found),
  };
}

/** `5 min`, `3 h`, `12 d`: the largest unit says enough. */
export function age(since: number, now: number): string {
  const millis = Math.max(0, now - since);
  for (const [unit, length] of UNITS) if (millis >= length) return `${Math.floor(millis / length)} ${unit}`;
  return "under 1 min";
}

function printOne(found: Listed, now: number): void {
  const { firstSeen, lastSeen, entries, acknowledged, closedAt = null } = found;
  const state = closedAt === null ? `open for ${age(toMillis(firstSeen), now)}` : `closed ${closedAt}`;
  const rows: (readonly [string, string | number | null])[] = [
    ["seen", `${firstSeen} to ${lastSeen}`],
    ["object", found.object],
    ["version", found.versionId],
    ["manifest", found.index],
    [
      "entries",
      entries === null
        ? null
        : `${count(entries.first)} to ${count(entries.end - 1)}, ${counted(entries.end - entries.first, "entry", "entries")}`,
    ],
    ["expected", found.expected],
    ["found", found.actual],
    ["meaning", closedAt === null ? adviceOn(found) : null],
    ["answered", acknowledged === null ? null : answered(acknowledged)],
  ];
  writeLine();
  writeLine(
    `${style(COLOURS[found.severity], found.severity.toUpperCase())} ${style("bold", printable(found.code))} in ${printable(found.log || "the archive")}, ${state}`,
  );
  writeLine(`  ${printable(found.message)}`);
  writeLine(`  ${"id".padEnd(8)}  ${found.id}`);
  for (const [name, value] of rows) {
    if (value !== null) writeLine(`  ${name.padEnd(8)}  ${printable(String(value))}`);
  }
}

function answered({ by, why, at, until }: NonNullable<FindingRecord["acknowledged"]>): string {
  return `acknowledged by ${by}, ${at}${until === null ? "" : `, until ${until}`}: ${why}`;
}

/** A newer release may have written codes that this one does not know. */
function adviceOn({ code }: Listed): string | null {
  return Object.hasOwn(ADVICE, code) ? ADVICE[code] : null;
}
