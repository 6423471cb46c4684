import type { LogIdentity } from "../../archive/archive.ts";
import { fromUtf8 } from "../../core/bytes.ts";
import { formatSteleProof, type SteleProof } from "../../core/stele-proof.ts";
import { type Timestamp, timestamp } from "../../core/time.ts";
import { type Alarm, alarmId } from "../../sweep/alarm.ts";
import type { Counted, HeldBack } from "./memory.ts";
import type { Entry } from "./rule-set.ts";
import type { Rule } from "./rules-file.ts";

/** Where alarms are of, and when. */
export interface Scene {
  readonly origin: string;
  readonly log: LogIdentity;
  readonly at: Timestamp;
}

/** An entry that a rule matched; `counted` where it was one too many. */
export interface Told {
  readonly rule: Rule;
  readonly entry: Entry;
  readonly key: string;
  readonly counted: Counted | null;
}

/** Matches of one rule in one manifest beyond those that are told one by one. */
export interface Rest {
  readonly rule: Rule;
  readonly manifest: number;
  count: number;
  readonly first: number;
  last: number;
}

/** The alarm of one match. Its id follows from rule, log and index: whoever evaluates the entry again makes the same. */
export function matchAlarm(scene: Scene, { rule, entry, key, counted }: Told, proof: SteleProof): Alarm {
  const subject = `${rule.name} ${scene.log.origin}#${entry.index}`;
  const why =
    counted === null
      ? []
      : [
          `${counted.count} matches${ofGroup(key)} came close together, entries ${counted.first} to ${counted.last}; this is the last of them.`,
        ];
  return {
    ...base(scene, rule, subject, ""),
    title: `${rule.title}: entry ${entry.index} of ${scene.log.name}`,
    message: messageOf(rule, [
      ...why,
      "The proof shows the event to whoever has the archive's key: stele check-proof FILE --key VKEY.",
    ]),
    event: {
      rule: rule.name,
      index: entry.index,
      arrived: entry.arrived,
      source: entry.source,
      text: entry.text,
      proof: fromUtf8(formatSteleProof(proof)).trimEnd(),
    },
  };
}

/** One alarm for what more of a manifest matched than is told one by one. */
export function restAlarm(scene: Scene, { rule, manifest, count, first, last }: Rest): Alarm {
  const subject = `${rule.name} ${scene.log.origin} manifest ${manifest}`;
  return {
    ...base(scene, rule, subject, "rest"),
    title: `${rule.title}: ${count} more entries of ${scene.log.name}`,
    message: messageOf(rule, [
      `Beside those told one by one, ${count} more entries of manifest ${manifest} matched, from entry ${first} to ${last}.`,
      howToList(scene, first, last),
    ]),
  };
}

/** One alarm for what a throttle held back. */
export function heldBackAlarm(scene: Scene, rule: Rule, { key, since, count, first, last }: HeldBack): Alarm {
  const subject = `${rule.name} ${scene.log.origin} ${key}`;
  return {
    // A group that was given up for want of room may begin anew at the same time.
    ...base(scene, rule, subject, `held back ${since} ${first}`),
    title: `${rule.title}: ${count} more in ${scene.log.name}`,
    message: messageOf(rule, [
      `After the alarm at ${timestamp(since)}, ${count} more${ofGroup(key)} were held back, for entries from ${first} to ${last}.`,
      howToList(scene, first, last),
    ]),
  };
}

/** One alarm for what a throttle held back of more groups than are told one by one. */
export function heldBackRestAlarm(scene: Scene, rule: Rule, held: readonly HeldBack[]): Alarm {
  let [count, first, last] = [0, Number.POSITIVE_INFINITY, 0];
  for (const group of held) {
    count += group.count;
    first = Math.min(first, group.first);
    last = Math.max(last, group.last);
  }
  const subject = `${rule.name} ${scene.log.origin} held back`;
  return {
    ...base(scene, rule, subject, `rest ${first} ${last}`),
    title: `${rule.title}: ${count} more in ${scene.log.name}`,
    message: messageOf(rule, [
      `Beside those told one by one, ${held.length} more groups had ${count} matches held back, for entries from ${first} to ${last}.`,
      howToList(scene, first, last),
    ]),
  };
}

function base(
  { origin, log, at }: Scene,
  rule: Rule,
  subject: string,
  episode: string,
): Pick<Alarm, "id" | "kind" | "severity" | "at" | "origin" | "log" | "subject"> {
  const kind = "event.matched";
  return { id: alarmId(kind, subject, episode), kind, severity: rule.severity, at, origin, log: log.name, subject };
}

function messageOf(rule: Rule, more: readonly string[]): string {
  const { description, runbook, tags } = rule;
  return [
    description.trim(),
    ...more,
    ...(runbook === undefined ? [] : [`Runbook: ${runbook}`]),
    ...(tags.length === 0 ? [] : [`Tags: ${tags.join(", ")}`]),
  ].join("\n");
}

function howToList({ log }: Scene, first: number, last: number): string {
  return `List them with: stele rules run STORE --log ${log.name} --rules FILE --from ${first} --to ${last + 1}`;
}

function ofGroup(key: string): string {
  return key === "" ? "" : ` of ${JSON.stringify(key.slice(0, 100))}`;
}
