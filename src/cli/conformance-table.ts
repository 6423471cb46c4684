import Table from "cli-table3";
import type { ConformanceCheck, ConformanceReport } from "../store/conformance.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { style, writeLine } from "./output.ts";
import { counted, printable } from "./words.ts";

const COLOURS = { pass: "green", quirk: "yellow", fail: "red", unknown: "magenta" } as const;
/** Widest verdict, and what a table's lines and margins take. */
const VERDICT_WIDTH = 9;
const FRAME_WIDTH = 4;

/** A failed check outweighs one that could not be tried. */
export function conformanceExit({ checks }: ConformanceReport): ExitCode {
  if (checks.some(({ verdict }) => verdict === "fail")) return EXIT.unsound;
  return checks.some(({ verdict }) => verdict === "unknown") ? EXIT.unknown : EXIT.sound;
}

/** @param columns width of the terminal, in characters */
export function printConformance(report: ConformanceReport, columns: number): void {
  const space = Math.min(Math.max(columns, 70), 160) - FRAME_WIDTH - VERDICT_WIDTH;
  const title = Math.floor(space * 0.4);
  const table = new Table({
    head: ["verdict", "check", "observed"],
    colWidths: [VERDICT_WIDTH, title, space - title],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const check of report.checks) {
    table.push([style(COLOURS[check.verdict], check.verdict), `${check.title}\n${check.id}`, printable(check.observed)]);
  }
  writeLine(`${style("bold", report.store)}, ${report.startedAt}`);
  writeLine(table.toString());
  const notPassed = report.checks.filter(({ verdict }) => verdict !== "pass");
  for (const { consequence, checks } of byConsequence(notPassed)) {
    writeLine();
    for (const { verdict, id, expected } of checks) writeLine(`${style(COLOURS[verdict], verdict)} ${id}: expected: ${expected}`);
    if (consequence !== undefined) writeLine(`  ${printable(consequence)}`);
  }
  if (report.leftBehind.length > 0) {
    writeLine(`\nProbe objects that stay until their short locks end:`);
    for (const key of report.leftBehind) writeLine(`  ${printable(key)}`);
  }
  writeLine();
  writeLine(summary(report));
}

function summary(report: ConformanceReport): string {
  const of = (wanted: ConformanceCheck["verdict"]): number => report.checks.filter(({ verdict }) => verdict === wanted).length;
  const numbers = `${of("pass")} of ${counted(report.checks.length, "check")} passed, ${counted(of("quirk"), "quirk")}, ${of("fail")} failed, ${of("unknown")} unknown`;
  const meaning = {
    [EXIT.sound]: style("green", "FIT: this store keeps what an archive promises"),
    [EXIT.unsound]: style("red", "NOT FIT: this store does not enforce all that an archive promises"),
    [EXIT.unknown]: style("magenta", "COULD NOT TELL: not everything could be tried"),
    [EXIT.usage]: "",
  }[conformanceExit(report)];
  return `${meaning} (${numbers})`;
}

function byConsequence(checks: readonly ConformanceCheck[]): { consequence: string | undefined; checks: ConformanceCheck[] }[] {
  const groups: { consequence: string | undefined; checks: ConformanceCheck[] }[] = [];
  for (const check of checks) {
    const group = groups.find(({ consequence }) => consequence === check.consequence);
    if (group === undefined) groups.push({ consequence: check.consequence, checks: [check] });
    else group.checks.push(check);
  }
  return groups;
}
