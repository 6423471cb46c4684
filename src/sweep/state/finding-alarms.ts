import type { Finding, Severity } from "../../archive/finding.ts";
import { isUnreadable } from "../../archive/finding.ts";
import type { Timestamp } from "../../core/time.ts";
import { type Alarm, type AlarmKind, alarmId, type KnownFinding } from "../alarm.ts";
import { type Acknowledgement, type FindingRecord, tidy } from "../finding-record.ts";

/** Of which archive an alarm is, and when it was made. */
export interface AlarmContext {
  readonly origin: string;
  readonly now: Timestamp;
}

/** Whether people are told of a finding. */
export function isAlarming(found: Finding): boolean {
  return found.severity !== "info" || isUnreadable(found);
}

/** @param episode what makes this the alarm of its kind: see {@link alarmId} */
function about(kind: AlarmKind, found: FindingRecord, episode: string, title: string, message: string, of: AlarmContext): Alarm {
  return {
    id: alarmId(kind, found.id, episode),
    kind,
    severity: kind === "finding.cleared" || kind === "finding.acknowledged" ? "info" : found.severity,
    at: of.now,
    origin: of.origin,
    log: found.log,
    title,
    message,
    subject: found.id,
    finding: known(found),
  };
}

export function openedAlarm(found: FindingRecord, of: AlarmContext): Alarm {
  const title = `${found.code} in ${whereOf(found.log, of)}`;
  return about("finding.opened", found, found.firstSeen, title, said(found), of);
}

/** An acknowledgement has ended. */
export function reopenedAlarm(found: FindingRecord, { by, until }: Acknowledgement, of: AlarmContext): Alarm {
  const title = `${found.code} in ${whereOf(found.log, of)} is open again`;
  const message = `${said(found)} It was acknowledged by ${by} until ${String(until)}, and is still there.`;
  return about("finding.opened", found, `${found.firstSeen} ${String(until)}`, title, message, of);
}

/** @param number of the reminder, from 1 */
export function reminderAlarm(found: FindingRecord, number: number, of: AlarmContext): Alarm {
  const title = `${found.code} in ${whereOf(found.log, of)} is still open`;
  const message = `${said(found)} It is open since ${found.firstSeen}.`;
  return about("finding.reminder", found, `${found.firstSeen} ${number}`, title, message, of);
}

export function clearedAlarm(found: FindingRecord, of: AlarmContext): Alarm {
  const title = `${found.code} in ${whereOf(found.log, of)} is gone`;
  const message = `A later look at the same place, which could all be read, no longer finds it. It was open since ${found.firstSeen}.`;
  return about("finding.cleared", found, found.firstSeen, title, message, of);
}

export function acknowledgedAlarm(found: FindingRecord, { by, why, at, until }: Acknowledgement, of: AlarmContext): Alarm {
  const title = `${found.code} in ${whereOf(found.log, of)} was acknowledged by ${by}`;
  const message = `${why}${until === null ? "" : ` (until ${until})`}`;
  return about("finding.acknowledged", found, `${found.firstSeen} ${at}`, title, message, of);
}

/** Findings that got no alarm of their own. */
export interface Many {
  readonly subject: string;
  readonly log: string;
  readonly found: readonly FindingRecord[];
}

export function manyAlarm({ subject, log, found }: Many, of: AlarmContext): Alarm {
  const title = `${found.length} more findings in ${whereOf(log, of)}`;
  const message = `Besides those that were told of one by one: ${byCode(found)}. Each is listed by "stele findings", and stands in the report of the sweep.`;
  return aboutMany("findings.many", { subject, log, found }, subject, title, message, of);
}

/** @param episode which reminder of this matter it is */
export function manyReminder(many: Many, episode: string, of: AlarmContext): Alarm {
  const title = `${many.found.length} findings in ${whereOf(many.log, of)} are still open`;
  const message = `${byCode(many.found)}. Each is listed by "stele findings".`;
  return aboutMany("finding.reminder", many, episode, title, message, of);
}

export function manyCleared(subject: string, log: string, of: AlarmContext): Alarm {
  const title = `the last of many findings in ${whereOf(log, of)} is gone`;
  const message =
    "Later looks at the same places, which could all be read, no longer find any of those that were told of together.";
  return { ...aboutMany("finding.cleared", { subject, log, found: [] }, subject, title, message, of), severity: "info" };
}

function aboutMany(kind: AlarmKind, many: Many, episode: string, title: string, message: string, of: AlarmContext): Alarm {
  return {
    id: alarmId(kind, many.subject, episode),
    kind,
    severity: worst(many.found),
    at: of.now,
    origin: of.origin,
    log: many.log,
    title,
    message,
    subject: many.subject,
  };
}

function said({ message, object, expected, actual }: FindingRecord): string {
  const difference =
    expected === null && actual === null ? "" : ` Expected ${expected ?? "nothing"}, got ${actual ?? "nothing"}.`;
  return `${object === null ? "" : `${tidy(JSON.stringify(object))}: `}${message}.${difference}`;
}

function whereOf(log: string, { origin }: AlarmContext): string {
  return log === "" ? origin : `${origin}/${log}`;
}

function byCode(found: readonly Finding[]): string {
  const counts = new Map<string, number>();
  for (const { code } of found) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, count]) => `${count} ${code}`).join(", ");
}

function worst(found: readonly Finding[]): Severity {
  const severities = found.map(({ severity }) => severity);
  return (["critical", "warning"] as const).find((one) => severities.includes(one)) ?? "info";
}

function known(found: FindingRecord): KnownFinding {
  const { id, code, severity, log, object, versionId, index, message, expected, actual, entries, firstSeen, lastSeen } = found;
  return { id, code, severity, log, object, versionId, index, message, expected, actual, entries, firstSeen, lastSeen };
}
