import { sha256 } from "#sha256";
import { fromUtf8, toBase64, toHex, utf8 } from "../../core/bytes.ts";
import { encodeCheckpoint } from "../../core/checkpoint.ts";
import type { Timestamp } from "../../core/time.ts";
import { spellFinding, tidy } from "../finding-record.ts";
import {
  type Closing,
  REPORT_FORMAT,
  type ReportedHead,
  type ReportedLog,
  type ReportedPass,
  type RoundReport,
  type StateEntry,
} from "../report.ts";
import type { FindingRecord } from "../finding-record.ts";
import type { Changes } from "./changes.ts";
import type { Ledger } from "./ledger.ts";
import { inParts, jsonLength } from "./parts.ts";
import type { Passes } from "./passes.ts";
import type { RememberedLog, RememberedLogs } from "./remembered-logs.ts";
import type { RoundLog, RoundSummary } from "./round-summary.ts";

/** Ids of open findings that one report lists: each stands whole in the report that opened it. */
const OPEN_IDS = 2000;
const REMARKS = 50;

/** Where a report comes from. */
export interface Author {
  readonly origin: string;
  readonly sweeper: string;
  readonly at: Timestamp;
  /** Counts this machine's reports. */
  readonly number: number;
}

type Item =
  | { readonly list: "logs"; readonly item: ReportedLog }
  | { readonly list: "opened"; readonly item: FindingRecord }
  | { readonly list: "closed"; readonly item: Closing };

/** The report of a round, with what was opened and closed since the last one. */
export function roundReport(summary: RoundSummary, changes: Changes, ledger: Ledger, author: Author): RoundReport[] {
  const items: Item[] = summary.logs.map((log) => ({ list: "logs", item: reportedLog(log) }));
  for (const { what, episode } of changes.take()) {
    const found = ledger.episode(episode);
    if (found === null) continue;
    const { id, firstSeen, closedAt } = found;
    if (what === "opened") items.push({ list: "opened", item: found });
    else if (closedAt !== null) items.push({ list: "closed", item: { id, firstSeen, at: closedAt } });
  }
  const lengthOf = ({ list, item }: Item): number => jsonLength(list === "opened" ? spellFinding(item) : item);
  const parts = inParts(items, lengthOf);
  const open = { count: ledger.count, ids: ledger.openIds(OPEN_IDS) };
  const { round, shard, started, ended, verdict, requests, bytes } = summary;
  return parts.map((part, i) => ({
    ...heading("report", author, i, parts.length),
    kind: "report",
    round,
    shard,
    started,
    ended,
    verdict,
    requests,
    bytes,
    logs: part.flatMap((one) => (one.list === "logs" ? [one.item] : [])),
    opened: part.flatMap((one) => (one.list === "opened" ? [one.item] : [])),
    closed: part.flatMap((one) => (one.list === "closed" ? [one.item] : [])),
    open: i === 0 ? open : { count: open.count, ids: [] },
    notObservable: i === 0 ? remarks(summary.notObservable) : [],
  }));
}

/** A report says what it did not see; where that is very much, how much. */
function remarks(said: readonly string[]): string[] {
  const listed = said.slice(0, REMARKS).map(tidy);
  return said.length > REMARKS ? [...listed, `and ${said.length - REMARKS} more`] : listed;
}

/** Everything that another machine needs to go on from here. */
export function stateEntries(logs: RememberedLogs, passes: Passes, ledger: Ledger, author: Author): StateEntry[] {
  const items: (
    | { readonly list: "logs"; readonly item: ReportedHead }
    | { readonly list: "passes"; readonly item: ReportedPass }
    | { readonly list: "findings"; readonly item: FindingRecord }
  )[] = [
    ...logs.all().map((log) => ({ list: "logs" as const, item: reportedHead(log) })),
    ...passes.all().map(({ round, log, shard, startedAt, finishedAt, nextBlock }) => ({
      list: "passes" as const,
      item: { round, log, shard, started: startedAt, finished: finishedAt, nextBlock },
    })),
    ...ledger.open().map((found) => ({ list: "findings" as const, item: found })),
  ];
  const parts = inParts(items, ({ list, item }) => jsonLength(list === "findings" ? spellFinding(item) : item));
  return parts.map((part, i) => ({
    ...heading("state", author, i, parts.length),
    kind: "state",
    logs: part.flatMap((one) => (one.list === "logs" ? [one.item] : [])),
    passes: part.flatMap((one) => (one.list === "passes" ? [one.item] : [])),
    findings: part.flatMap((one) => (one.list === "findings" ? [one.item] : [])),
  }));
}

/** What all lines of a report begin with. */
export function heading(
  kind: "report" | "state" | "acknowledgement",
  { origin, sweeper, at, number }: Author,
  part = 0,
  of = 1,
): Pick<RoundReport, "format" | "id" | "part" | "origin" | "sweeper" | "at"> {
  const id = toHex(sha256(utf8(`stele-report\n${JSON.stringify([kind, origin, sweeper, at, number])}`))).slice(0, 32);
  return { format: REPORT_FORMAT, id, part: { number: part + 1, of }, origin, sweeper, at };
}

function reportedLog({ head, why, ...log }: RoundLog): ReportedLog {
  return { ...log, head: head === null ? null : reportedHead(head), why: why === null ? null : tidy(why) };
}

function reportedHead(log: RememberedLog): ReportedHead {
  const { name, checkpoint, keys, sealed, nextBy, closed, seenAt } = log;
  return {
    log: name,
    size: checkpoint.size,
    root: toBase64(checkpoint.root),
    checkpoint: fromUtf8(encodeCheckpoint(checkpoint)),
    keys: keys.map(({ vkey }) => vkey),
    sealed,
    nextBy,
    closed,
    seenAt,
  };
}
