import { isUnreadable } from "../archive/finding.ts";
import { toMillis } from "../core/time.ts";
import { type Cost, requestsOf } from "../sweep/cost.ts";
import type { RoundName } from "../sweep/place.ts";
import type { SweptFinding } from "../sweep/result.ts";
import type { RoundJson, RoundLogJson, SweepJson } from "../sweep/sweep-json.ts";
import { adviceOverall } from "./advice.ts";
import { style, writeLine } from "./output.ts";
import { printSwept } from "./sweep-findings.ts";
import { lastLine } from "./verify-report.ts";
import { count, counted, duration, printable, size } from "./words.ts";

const LOOKED_AT: Readonly<Record<RoundName, string>> = {
  head: "what came since the last sweep, and that nothing of what was there is gone",
  locks: "every version and lock of every object",
  content: "every byte",
};

/** Prints a sweep for a person; the last line is the verdict. */
export function printSweep(sweep: SweepJson, store: string | null): void {
  writeLine(`${style("bold", printable(store ?? sweep.origin))}${sweep.shard === "1/1" ? "" : `, shard ${sweep.shard}`}`);
  const width = Math.max(0, ...sweep.logs.map(({ log }) => log.length));
  for (const { log, head } of sweep.logs) {
    const at = head === null ? "no head is remembered" : `head ${head.root} at ${count(head.size)}`;
    writeLine(`  ${printable(log).padEnd(width)}  ${at}`);
  }
  for (const round of sweep.rounds) printRound(round, width);
  if (sweep.logs.some(({ keyPinned }) => !keyPinned)) {
    writeLine(`\n${style("yellow", "key not pinned:")} the key that the archive itself names was believed; pin it with --key`);
  }
  const counts = countsOf(sweep.findings);
  if (counts !== "") writeLine(`\nfindings: ${counts}`);
  printSwept(sweep.findings, toMillis(sweep.ended));
  const standing = sweep.findings.filter(isStanding);
  const advice = adviceOverall(standing);
  if (advice !== null) writeLine(`\n${advice}`);
  if (sweep.notObservable.length > 0) {
    writeLine("\nnot observable here, and so not checked:");
    for (const what of sweep.notObservable) writeLine(`  - ${printable(what)}`);
  }
  writeLine();
  const elsewhere = standing.filter(({ seen, severity }) => !seen && severity !== "info").length;
  if (elsewhere > 0) {
    writeLine(
      `${counted(elsewhere, "finding")} of earlier sweeps still ${elsewhere === 1 ? "counts" : "count"}: this one did not see that it is gone.`,
    );
  }
  if (sweep.verdict === "unknown" && !standing.some(isUnreadable)) {
    writeLine(style("magenta", "COULD NOT TELL: nothing wrong was seen, but not everything was looked at"));
  } else writeLine(lastLine(sweep.verdict, standing));
}

/** Open, and nobody answers for it. */
function isStanding({ standing, acknowledged }: SweptFinding): boolean {
  return standing !== "gone" && acknowledged === null;
}

function printRound({ round, cost, logs, started, ended }: RoundJson, width: number): void {
  const took = duration(toMillis(ended) - toMillis(started));
  writeLine(`\n${style("bold", `${round} round`)}: ${LOOKED_AT[round]}`);
  for (const log of logs) writeLine(`  ${printable(log.log).padEnd(width)}  ${covered(round, log)}`);
  writeLine(`  ${costInWords(cost)}, in ${took}`);
}

function covered(round: RoundName, { checked, entries, bytes, manifests, complete, why }: RoundLogJson): string {
  const range = manifests === null || checked < 2 ? "" : ` (${manifests.first} to ${manifests.end - 1})`;
  const done = round === "head" && checked === 0 ? "nothing new" : `${counted(checked, "manifest")}${range}`;
  const deep = round === "content" && checked > 0 ? `, ${counted(entries, "entry", "entries")}, ${size(bytes)}` : "";
  return `${done}${deep}${complete || why === null ? "" : `; ${style("yellow", "not all:")} ${printable(why)}`}`;
}

function costInWords(cost: Cost): string {
  const kinds = [
    [cost.gets, "GET"],
    [cost.heads, "HEAD"],
    [cost.lists, "LIST"],
    [cost.locks, "lock"],
  ] as const;
  const parts = kinds.filter(([n]) => n > 0).map(([n, kind]) => `${count(n)} ${kind}`);
  const of = parts.length === 0 ? "" : ` (${parts.join(", ")})`;
  return `${counted(requestsOf(cost), "request")}${of}, ${size(cost.bytesRead)} read`;
}

function countsOf(findings: readonly SweptFinding[]): string {
  const of = (standing: SweptFinding["standing"]): number => findings.filter((found) => found.standing === standing).length;
  const answered = findings.filter(({ standing, acknowledged }) => standing !== "gone" && acknowledged !== null).length;
  const parts = [
    ...(of("new") > 0 ? [`${count(of("new"))} new`] : []),
    ...(of("open") > 0 ? [`${count(of("open"))} still open`] : []),
    ...(of("gone") > 0 ? [`${count(of("gone"))} gone`] : []),
    ...(answered > 0 ? [`${count(answered)} acknowledged`] : []),
  ];
  return parts.join(", ");
}
