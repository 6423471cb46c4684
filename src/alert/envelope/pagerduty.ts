import type { Alarm } from "../../sweep/alarm.ts";
import { byteLength, safeJson, shorten, visible } from "../text.ts";
import { changeOf, detailsOf, foundBy, proveCommand, subjectKey, type Urgency, urgencyOf } from "./details.ts";

/** Limits of the Events API v2: characters of a summary, bytes of an event. */
const SUMMARY = 1024;
const EVENT_BYTES = 512 * 1024;
/** What is given of an event's text and of each detail; the second where the first does not fit. */
const ROOMS = [
  { event: 65_536, detail: 4096 },
  { event: 4096, detail: 512 },
] as const;

const SEVERITIES: Readonly<Record<Urgency, "critical" | "error" | "warning" | "info">> = {
  critical: "critical",
  unknown: "error",
  warning: "warning",
  info: "info",
};

/** An event for PagerDuty's Events API v2. Alarms of one subject are one incident: the all-clear resolves it. */
export function pagerDutyEvent(alarm: Alarm, routingKey: string): string {
  const change = changeOf(alarm);
  const shared = { routing_key: routingKey, dedup_key: subjectKey(alarm), client: "Stele" };
  if (change === "close") return safeJson({ ...shared, event_action: "resolve" });
  if (change === "acknowledge") return safeJson({ ...shared, event_action: "acknowledge" });
  const { title, message, origin, log, at, id, kind, event } = alarm;
  let body = "";
  for (const room of ROOMS) {
    const cut = (text: string): string => shorten(text, room.detail);
    body = safeJson({
      ...shared,
      event_action: "trigger",
      payload: {
        summary: shorten(visible(title) || kind, SUMMARY),
        source: shorten(origin, SUMMARY),
        severity: SEVERITIES[urgencyOf(alarm)],
        timestamp: at,
        component: log === "" ? undefined : log,
        class: cut(foundBy(alarm)),
        custom_details: {
          message: cut(message),
          alarm: id,
          kind,
          ...Object.fromEntries(detailsOf(alarm).map(([name, value]) => [name.toLowerCase().replaceAll(" ", "_"), cut(value)])),
          ...(event === undefined ? {} : { event: shorten(event.text, room.event), proof: proveCommand(log, event.index) }),
        },
      },
    });
    if (byteLength(body) <= EVENT_BYTES) break;
  }
  return body;
}
