import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { heldBackAlarms } from "../alert/rules/evaluate.ts";
import { pastAlarms } from "../alert/rules/past.ts";
import { RuleMemory } from "../alert/rules/memory.ts";
import { RuleSet } from "../alert/rules/rule-set.ts";
import type { Rule } from "../alert/rules/rules-file.ts";
import { type Archive, logOf } from "../archive/archive.ts";
import type { EntryRange } from "../archive/range.ts";
import { utf8 } from "../core/bytes.ts";
import { SteleError } from "../core/error.ts";
import type { Alarm } from "../sweep/alarm.ts";
import { replaceFile } from "./files.ts";
import { type Remarks, style, writeLine } from "./output.ts";
import { warnOfRules } from "./rule-warnings.ts";
import { count, counted, printable } from "./words.ts";

/** What rules found among archived events. */
export interface RulesRun {
  readonly ok: true;
  readonly log: string;
  readonly origin: string;
  readonly entries: number;
  /** Lines that are no JSON object, and events too long to be parsed: rules on `event` did not see them. */
  readonly notJson: number;
  readonly tooLarge: number;
  readonly rules: readonly {
    readonly rule: string;
    readonly evaluated: number;
    readonly matched: number;
    readonly errors: number;
    readonly lastError: { readonly message: string; readonly log: string; readonly index: number } | null;
  }[];
  readonly alarms: readonly (Omit<Alarm, "event"> & {
    readonly event: { readonly rule: string; readonly index: number; readonly arrived: string; readonly source: string } | null;
    /** The proof's file, where it was asked for. */
    readonly proof: string | null;
  })[];
}

/** @throws SteleError as `stele cat` does, `input.unreadable` where a proof can't be written */
export async function runRules(
  archive: Archive,
  log: string,
  rules: readonly Rule[],
  options: EntryRange & { readonly proofs?: string | undefined },
): Promise<RulesRun> {
  const identity = logOf(archive, log);
  const set = new RuleSet(rules);
  if (!set.wants(log))
    throw new SteleError("input.invalid", `--log: none of the rules is asked about log ${log}: see their logs`);
  const folder = options.proofs;
  if (folder !== undefined) await makeFolder(folder);
  const memory = RuleMemory.read(null);
  const alarms: RulesRun["alarms"][number][] = [];
  const keep = async ({ event, ...alarm }: Alarm): Promise<void> => {
    if (event === undefined) {
      alarms.push({ ...alarm, event: null, proof: null });
      return;
    }
    const { proof, text: _, ...about } = event;
    const file = folder === undefined ? null : join(folder, `${event.rule}-${event.index}.proof`);
    if (file !== null) await replaceFile(file, utf8(`${proof}\n`));
    alarms.push({ ...alarm, event: about, proof: file });
  };
  let last: Alarm["at"] | null = null;
  for await (const { at, alarms: some } of pastAlarms(archive, identity, set, memory, options)) {
    last = at;
    for (const alarm of some) await keep(alarm);
  }
  if (last !== null) {
    const scene = { origin: archive.origin, log: identity, at: last };
    for (const alarm of heldBackAlarms(set, scene, memory, { perRule: Infinity }, Infinity)) await keep(alarm);
  }
  const { events, notJson, tooLarge } = set.status;
  return { ok: true, log, origin: identity.origin, entries: events, notJson, tooLarge, rules: set.status.rules, alarms };
}

export function printRun(run: RulesRun, remarks: Remarks): void {
  for (const { severity, title, event, proof } of run.alarms) {
    const where = event === null ? "" : `  arrived ${event.arrived}, from ${event.source}`;
    writeLine(`${coloured(severity)}  ${printable(title)}${printable(where)}${proof === null ? "" : `  ${proof}`}`);
  }
  const matched = run.rules.filter((rule) => rule.matched > 0);
  if (matched.length > 0) writeLine();
  const width = Math.max(0, ...matched.map(({ rule }) => rule.length));
  for (const { rule, matched: times } of matched) writeLine(`${rule.padEnd(width)}  ${counted(times, "match", "matches")}`);
  writeLine();
  writeLine(
    `${counted(run.entries, "entry", "entries")} of ${run.origin}, each verified: ${counted(run.alarms.length, "alarm")} of ${count(matched.length)} of ${counted(run.rules.length, "rule")}`,
  );
  warnOfRules(run, remarks);
}

function coloured(severity: Alarm["severity"]): string {
  const text = severity.padEnd(8);
  if (severity === "critical") return style("red", text);
  return severity === "warning" ? style("yellow", text) : text;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("input.unreadable", `--proofs: ${path} can't be made: ${why}`, { cause });
  }
}
