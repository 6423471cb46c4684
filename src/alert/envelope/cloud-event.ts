import type { Alarm } from "../../sweep/alarm.ts";
import { byteLength, safeJson } from "../text.ts";
import { subjectKey } from "./details.ts";
import { detectionFinding, OCSF_VERSION, type Room } from "./detection-finding.ts";

/** Most bytes of a body that is sent to a webhook. */
export const WEBHOOK_BYTES: number = 1024 * 1024;
/** Most bytes that SNS and EventBridge take is 256 KiB, with attributes and keys. */
export const AWS_BYTES: number = 240 * 1024;

/** What is left out, step by step, until an alarm fits: the proof first, as it can be fetched. */
const ROOMS: readonly Room[] = [
  { event: 262_144, text: 16_384, proof: true },
  { event: 16_384, text: 4096, proof: true },
  { event: 16_384, text: 4096, proof: false },
  { event: 1024, text: 512, proof: false },
];

/**
 * An alarm as a CloudEvents 1.0 event in structured JSON. Where it would be longer than `maxBytes` (at least 65,536), less of the
 * event is in it, and it says so.
 */
export function cloudEvent(alarm: Alarm, maxBytes: number): string {
  let body = "";
  for (const room of ROOMS) {
    body = envelope(alarm, room);
    if (byteLength(body) <= maxBytes) break;
  }
  return body;
}

/** The type of an alarm's event: `stele.finding.opened`. */
export function eventType({ kind }: Pick<Alarm, "kind">): string {
  return `stele.${kind}`;
}

function envelope(alarm: Alarm, room: Room): string {
  const { id, origin, at } = alarm;
  return safeJson({
    specversion: "1.0",
    id,
    source: `stele://${encodeURI(origin.toWellFormed())}`,
    type: eventType(alarm),
    subject: subjectKey(alarm),
    time: at,
    datacontenttype: "application/json",
    dataschema: `https://schema.ocsf.io/${OCSF_VERSION}/classes/detection_finding`,
    data: detectionFinding(alarm, room),
  });
}
