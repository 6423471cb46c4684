import { finding } from "../../src/archive/finding.ts";
import { timestamp } from "../../src/core/time.ts";
import { type Alarm, alarmId, type AlarmKind, findingId, type KnownFinding } from "../../src/sweep/alarm.ts";

export const ORIGIN = "audit.example/prod";
const AT = Date.UTC(2026, 10, 23, 15, 0, 0);

/** A finding as a sweep remembers it. */
export function sampleFinding(more: Partial<KnownFinding> = {}): KnownFinding {
  const found = finding("segment.altered", "app", "the segment's bytes are not those that the manifest names", {
    object: "app/segments/dt=2026-11-23/0000000000000000.ndjson.zst",
    versionId: "v1",
    index: 0,
    expected: "sha256:aa",
    actual: "sha256:bb",
  });
  return {
    ...found,
    id: findingId(ORIGIN, found),
    firstSeen: timestamp(AT - 60_000),
    lastSeen: timestamp(AT),
    entries: { first: 0, end: 42 },
    ...more,
  };
}

/** An alarm of the sample finding; each `episode` is another one. */
export function findingAlarm(kind: AlarmKind = "finding.opened", more: Partial<Alarm> = {}, episode = "1"): Alarm {
  const found = sampleFinding();
  const subject = more.subject ?? found.id;
  return {
    id: alarmId(kind, subject, episode),
    kind,
    severity: "critical",
    at: timestamp(AT),
    origin: ORIGIN,
    log: "app",
    title: "A segment of app was altered",
    message: "Events were changed after they were committed.\nChange nothing: it is evidence.",
    subject,
    finding: found,
    ...more,
  };
}

/** An event that a rule matched. */
export function eventAlarm(more: Partial<NonNullable<Alarm["event"]>> = {}): Alarm {
  const subject = "aws.logging-stopped audit.example/prod/cloudtrail#61234";
  return {
    id: alarmId("event.matched", subject, ""),
    kind: "event.matched",
    severity: "critical",
    at: timestamp(AT),
    origin: ORIGIN,
    log: "cloudtrail",
    title: "CloudTrail was stopped: entry 61234 of cloudtrail",
    message: "Someone stopped a trail.",
    subject,
    event: {
      rule: "aws.logging-stopped",
      index: 61_234,
      arrived: timestamp(AT - 1000),
      source: "firehose",
      text: '{"eventName":"StopLogging","user":"mallory"}',
      proof:
        '{"format":"stele-proof/1","origin":"audit.example/prod/cloudtrail","entry":{"index":61234,"data":"eyJl..."},"path":["..."]}',
      ...more,
    },
  };
}

/** A stream that departs from its past. */
export function anomalyAlarm(kind: "stream.anomaly" | "stream.recovered" = "stream.anomaly"): Alarm {
  const subject = "source.silent audit.example/prod/app firehose";
  return {
    id: alarmId(kind, subject, "1"),
    kind,
    severity: "warning",
    at: timestamp(AT),
    origin: ORIGIN,
    log: "app",
    title: "firehose fell silent",
    message: "Nothing came from it.",
    subject,
    anomaly: {
      detector: "source.silent",
      source: "firehose",
      expected: "an event within 5 min",
      actual: "none for 20 min",
      entries: null,
    },
  };
}

/** An alarm about the archive as a whole, with nothing in it but words. */
export function plainAlarm(kind: AlarmKind = "sweep.overdue", more: Partial<Alarm> = {}): Alarm {
  const subject = more.subject ?? "sweep head";
  return {
    id: alarmId(kind, subject, "1"),
    kind,
    severity: "warning",
    at: timestamp(AT),
    origin: ORIGIN,
    log: "",
    title: "The head round is overdue",
    message: "It should have ended an hour ago.",
    subject,
    ...more,
  };
}
