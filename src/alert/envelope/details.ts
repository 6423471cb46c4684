import { sha256 } from "#sha256";
import { isUnreadable } from "../../archive/finding.ts";
import { toHex, utf8 } from "../../core/bytes.ts";
import type { Alarm } from "../../sweep/alarm.ts";

/** How bad an alarm is, "could not tell" apart from "is not so". */
export type Urgency = "critical" | "unknown" | "warning" | "info";

export function urgencyOf({ severity, finding }: Alarm): Urgency {
  return severity === "critical" && finding !== undefined && isUnreadable(finding) ? "unknown" : severity;
}

/** What an alarm's receiver is to do with what it knows of the subject. */
export type Change = "open" | "remind" | "acknowledge" | "close";

export function changeOf({ kind }: Alarm): Change {
  switch (kind) {
    case "finding.reminder":
      return "remind";
    case "finding.acknowledged":
      return "acknowledge";
    case "finding.cleared":
    case "stream.recovered":
    case "sweep.recovered":
      return "close";
    case "finding.opened":
    case "findings.many":
    case "event.matched":
    case "stream.anomaly":
    case "sweep.overdue":
    case "test":
      return "open";
  }
}

/** What it was found by: a finding's code, a rule, a detector; else the alarm's kind. */
export function foundBy({ kind, finding, event, anomaly }: Alarm): string {
  return (finding?.code ?? event?.rule ?? anomaly?.detector ?? kind) || kind;
}

/** Names and values that matter in an alarm, for people. */
export function detailsOf({ log, finding, event, anomaly }: Alarm): [string, string][] {
  const rows: [string, string | null | undefined][] = [
    ["Log", log === "" ? null : log],
    ["Code", finding?.code],
    ["Object", finding?.object],
    ["Version", finding?.versionId],
    ["Manifest", finding?.index?.toString()],
    ["Entries", entriesOf(finding?.entries ?? anomaly?.entries)],
    ["Expected", finding?.expected ?? anomaly?.expected],
    ["Actual", finding?.actual ?? anomaly?.actual],
    ["First seen", finding?.firstSeen],
    ["Last seen", finding?.lastSeen],
    ["Rule", event?.rule],
    ["Entry", event?.index.toString()],
    ["Arrived", event?.arrived],
    ["Source", event?.source ?? anomaly?.source],
    ["Detector", anomaly?.detector],
  ];
  return rows.flatMap(([name, value]) => (value === null || value === undefined || value === "" ? [] : [[name, value]]));
}

/** Characters that PagerDuty takes of a dedup_key, and CloudEvents consumers of a subject. */
const SUBJECT = 255;

/** What alarms of one matter share: the subject, or its digest where it is longer than receivers take. */
export function subjectKey({ subject, id }: Alarm): string {
  if (subject === "") return id;
  return subject.length <= SUBJECT ? subject : toHex(sha256(utf8(subject.toWellFormed())));
}

/** The command that fetches an event's proof from the archive. */
export function proveCommand(log: string, index: number): string {
  return `stele prove STORE --log ${log} ${index}`;
}

function entriesOf(entries: { readonly first: number; readonly end: number } | null | undefined): string | null {
  if (entries === null || entries === undefined || entries.end <= entries.first) return null;
  return entries.end === entries.first + 1 ? `${entries.first}` : `${entries.first} to ${entries.end - 1}`;
}
