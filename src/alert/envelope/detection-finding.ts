import { VERSION } from "../../archive/version.ts";
import { type Timestamp, toMillis } from "../../core/time.ts";
import type { Alarm } from "../../sweep/alarm.ts";
import { shorten } from "../text.ts";
import { type Change, changeOf, detailsOf, foundBy, proveCommand, subjectKey, type Urgency, urgencyOf } from "./details.ts";

/** The version of OCSF whose field names these are. */
export const OCSF_VERSION = "1.6.0";
const CLASS_UID = 2004;

/** How much of an alarm's parts is kept, in UTF-16 units. */
export interface Room {
  /** Of an event's text. */
  readonly event: number;
  /** Of each other text. */
  readonly text: number;
  readonly proof: boolean;
}

const ACTIVITIES: Readonly<
  Record<Change, { readonly id: number; readonly name: string; readonly status: readonly [number, string] }>
> = {
  open: { id: 1, name: "Create", status: [1, "New"] },
  remind: { id: 2, name: "Update", status: [1, "New"] },
  acknowledge: { id: 2, name: "Update", status: [2, "In Progress"] },
  close: { id: 3, name: "Close", status: [4, "Resolved"] },
};
const SEVERITIES: Readonly<Record<Urgency, readonly [number, string]>> = {
  critical: [5, "Critical"],
  unknown: [4, "High"],
  warning: [3, "Medium"],
  info: [1, "Informational"],
};
/** Types of OCSF's observables. */
const RESOURCE_UID = 10;
const OTHER = 99;

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** An alarm as an OCSF Detection Finding: class 2004 of category 2. Its times are milliseconds since 1970. */
export function detectionFinding(alarm: Alarm, room: Room): { readonly [key: string]: Json | undefined } {
  const { at, origin, log, title, message, kind, finding } = alarm;
  const { id, name, status } = ACTIVITIES[changeOf(alarm)];
  const [severityId, severity] = SEVERITIES[urgencyOf(alarm)];
  const cut = (text: string): string => shorten(text, room.text);
  const seen = (time: Timestamp | undefined): number | undefined => (time === undefined ? undefined : toMillis(time));
  return {
    class_uid: CLASS_UID,
    class_name: "Detection Finding",
    category_uid: 2,
    category_name: "Findings",
    activity_id: id,
    activity_name: name,
    type_uid: CLASS_UID * 100 + id,
    type_name: `Detection Finding: ${name}`,
    severity_id: severityId,
    severity,
    status_id: status[0],
    status: status[1],
    is_alert: id === 1,
    time: toMillis(at),
    message: cut(title),
    metadata: {
      version: OCSF_VERSION,
      uid: alarm.id,
      event_code: kind,
      product: { name: "Stele", vendor_name: "Stele", version: VERSION },
      log_name: log === "" ? undefined : log,
      is_truncated: isTruncated(alarm, room) ? true : undefined,
    },
    finding_info: {
      uid: subjectKey(alarm),
      title: cut(title),
      desc: cut(message),
      types: [cut(foundBy(alarm))],
      created_time: seen(finding?.firstSeen) ?? toMillis(at),
      first_seen_time: seen(finding?.firstSeen),
      last_seen_time: seen(finding?.lastSeen),
      analytic: analytic(alarm, cut),
    },
    resources: resources(alarm, cut),
    evidences: evidences(alarm, room),
    observables: observables(alarm, cut),
    unmapped: { stele: { origin, ...withoutEvidence(alarm, cut) } },
  };
}

function isTruncated({ event }: Alarm, room: Room): boolean {
  return event !== undefined && (!room.proof || event.text.length > room.event);
}

function analytic(alarm: Alarm, cut: (text: string) => string): Json {
  const uid = cut(foundBy(alarm));
  if (alarm.event !== undefined) return { uid, name: uid, type_id: 1, type: "Rule" };
  if (alarm.anomaly !== undefined) return { uid, name: uid, type_id: 3, type: "Statistical" };
  return { uid, name: uid, type_id: OTHER, type: "Integrity sweep" };
}

function resources({ origin, log, finding }: Alarm, cut: (text: string) => string): Json {
  const name = log === "" ? origin : `${origin}/${log}`;
  const owner: Json = { uid: cut(name), name: cut(name), type: log === "" ? "Archive" : "Log" };
  if (finding === undefined || finding.object === null || finding.object === "") return [owner];
  const object = cut(finding.object);
  return [
    owner,
    {
      uid: object,
      name: object,
      type: "Object",
      version: finding.versionId === null || finding.versionId === "" ? undefined : cut(finding.versionId),
    },
  ];
}

/** Whatever convinces: the event with its proof, what was expected and what was there. */
function evidences(alarm: Alarm, room: Room): Json | undefined {
  const { log, finding, event, anomaly } = alarm;
  const cut = (text: string): string => shorten(text, room.text);
  if (event !== undefined) {
    const { rule, index, arrived, source, text, proof } = event;
    const isCut = text.length > room.event;
    return [
      {
        name: "stele.event",
        uid: index.toString(),
        data: {
          log,
          index,
          arrived,
          rule: cut(rule),
          source: cut(source),
          text: shorten(text, room.event),
          text_truncated: isCut ? true : undefined,
          proof: room.proof ? proof : null,
          proof_left_out: room.proof ? undefined : "the proof does not fit into this message; fetch it with proof_command",
          proof_command: proveCommand(log, index),
        },
      },
    ];
  }
  if (finding !== undefined) {
    const { code, object, versionId, index, expected, actual, entries } = finding;
    const known = (text: string | null): string | null => (text === null ? null : cut(text));
    return [
      {
        name: "stele.finding",
        uid: finding.id,
        data: {
          code,
          object: known(object),
          versionId: known(versionId),
          index,
          entries,
          expected: known(expected),
          actual: known(actual),
        },
      },
    ];
  }
  if (anomaly === undefined) return undefined;
  const { detector, source, expected, actual, entries } = anomaly;
  return [
    {
      name: "stele.anomaly",
      data: { detector: cut(detector), source: cut(source), expected: cut(expected), actual: cut(actual), entries },
    },
  ];
}

function observables(alarm: Alarm, cut: (text: string) => string): Json | undefined {
  const { finding, event, anomaly } = alarm;
  const list: Json[] = [];
  if (finding !== undefined && finding.object !== null)
    list.push({ name: "resources.uid", type_id: RESOURCE_UID, type: "Resource UID", value: cut(finding.object) });
  const source = event?.source ?? anomaly?.source;
  if (source !== undefined)
    list.push({ name: "evidences.data.source", type_id: OTHER, type: "Event source", value: cut(source) });
  return list.length === 0 ? undefined : list;
}

/** The alarm as it is, but for what `evidences` hold already: an event's text and proof may be long. */
function withoutEvidence(alarm: Alarm, cut: (text: string) => string): { readonly [key: string]: Json | undefined } {
  const { id, kind, severity, at, log, title, message, finding, event } = alarm;
  return {
    id,
    kind,
    severity,
    at,
    log,
    title: cut(title),
    message: cut(message),
    subject: subjectKey(alarm),
    finding:
      finding === undefined
        ? undefined
        : {
            id: finding.id,
            code: finding.code,
            severity: finding.severity,
            message: cut(finding.message),
            firstSeen: finding.firstSeen,
            lastSeen: finding.lastSeen,
          },
    entry: event?.index,
    details: Object.fromEntries(detailsOf(alarm).map(([name, value]) => [name, cut(value)])),
  };
}
