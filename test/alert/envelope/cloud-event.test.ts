import { describe, expect, it } from "vitest";
import { z } from "zod";
import { AWS_BYTES, cloudEvent, WEBHOOK_BYTES } from "../../../src/alert/envelope/cloud-event.ts";
import { type Alarm, alarmId } from "../../../src/sweep/alarm.ts";
import { anomalyAlarm, eventAlarm, findingAlarm, ORIGIN, plainAlarm, sampleFinding } from "../samples.ts";
import { type ParsedEvent, parseCloudEvent } from "./ocsf.ts";

const read = (alarm: Alarm, bytes = WEBHOOK_BYTES): ParsedEvent => parseCloudEvent(cloudEvent(alarm, bytes));

const eventData = z.strictObject({
  log: z.string(),
  index: z.int(),
  arrived: z.string(),
  rule: z.string(),
  source: z.string(),
  text: z.string(),
  text_truncated: z.literal(true).optional(),
  proof: z.string().nullable(),
  proof_left_out: z.string().optional(),
  proof_command: z.string(),
});

describe("the CloudEvents envelope", () => {
  it.each([
    ["finding.opened", 1, 1, true],
    ["finding.reminder", 2, 1, false],
    ["finding.acknowledged", 2, 2, false],
    ["finding.cleared", 3, 4, false],
    ["findings.many", 1, 1, true],
    ["event.matched", 1, 1, true],
    ["stream.anomaly", 1, 1, true],
    ["stream.recovered", 3, 4, false],
    ["sweep.overdue", 1, 1, true],
    ["sweep.recovered", 3, 4, false],
    ["test", 1, 1, true],
  ] as const)("%s is activity %i with status %i", (kind, activity, status, isAlert) => {
    const alarm = kind === "event.matched" ? eventAlarm() : kind.startsWith("finding.") ? findingAlarm(kind) : plainAlarm(kind);
    const event = read(alarm);
    expect(event).toMatchObject({
      id: alarm.id,
      source: `stele://${ORIGIN}`,
      type: `stele.${kind}`,
      subject: alarm.subject,
      time: alarm.at,
    });
    expect(event.data).toMatchObject({ activity_id: activity, status_id: status, is_alert: isAlert });
    expect(event.data.metadata).toMatchObject({ uid: alarm.id, event_code: kind });
    expect(event.data.time).toBe(Date.UTC(2026, 10, 23, 15));
  });

  it.each([
    ["critical", {}, 5],
    ["warning", {}, 3],
    ["info", {}, 1],
    ["critical", { finding: sampleFinding({ code: "segment.unreadable" }) }, 4],
  ] as const)("%s is severity %s", (severity, more, expected) => {
    expect(read(findingAlarm("finding.opened", { severity, ...more })).data.severity_id).toBe(expected);
  });

  it("says of a finding where it is, what was expected and what was there", () => {
    const alarm = findingAlarm();
    const { data, subject } = read(alarm);
    expect(subject).toBe(sampleFinding().id);
    expect(data.finding_info).toMatchObject({
      uid: sampleFinding().id,
      types: ["segment.altered"],
      analytic: { uid: "segment.altered", type_id: 99 },
      first_seen_time: Date.UTC(2026, 10, 23, 14, 59),
      last_seen_time: Date.UTC(2026, 10, 23, 15),
    });
    expect(data.evidences?.[0]?.data).toEqual({
      code: "segment.altered",
      object: "app/segments/dt=2026-11-23/0000000000000000.ndjson.zst",
      versionId: "v1",
      index: 0,
      entries: { first: 0, end: 42 },
      expected: "sha256:aa",
      actual: "sha256:bb",
    });
    expect(data.resources).toEqual([
      { uid: `${ORIGIN}/app`, name: `${ORIGIN}/app`, type: "Log" },
      { uid: expect.stringContaining("app/segments/"), name: expect.any(String), type: "Object", version: "v1" },
    ]);
    expect(data.unmapped).toMatchObject({
      stele: { id: alarm.id, origin: ORIGIN, kind: alarm.kind, finding: { code: "segment.altered" } },
    });
  });

  it("holds an event and its proof, byte for byte", () => {
    const alarm = eventAlarm();
    const { data } = read(alarm);
    expect(eventData.parse(data.evidences?.[0]?.data)).toEqual({
      log: "cloudtrail",
      index: 61_234,
      arrived: "2026-11-23T14:59:59.000Z",
      rule: "aws.logging-stopped",
      source: "firehose",
      text: alarm.event?.text,
      proof: alarm.event?.proof,
      proof_command: "stele prove STORE --log cloudtrail 61234",
    });
    expect(data.finding_info.analytic).toMatchObject({ uid: "aws.logging-stopped", type_id: 1 });
  });

  it("says of an anomaly what was expected", () => {
    const { data } = read(anomalyAlarm());
    expect(data.finding_info.analytic).toMatchObject({ uid: "source.silent", type_id: 3 });
    expect(data.evidences?.[0]?.data).toMatchObject({
      detector: "source.silent",
      expected: "an event within 5 min",
      actual: "none for 20 min",
    });
  });

  it("an alarm of no log, finding or event is complete as well", () => {
    expect(read(plainAlarm()).data).toMatchObject({
      resources: [{ type: "Archive" }],
      finding_info: { analytic: { uid: "sweep.overdue" } },
    });
  });

  it.each([
    ["a proof of 200 kB fits a webhook", 200_000, 1000, WEBHOOK_BYTES, true, false],
    ["a proof of 2 MB is left out", 2_000_000, 1000, WEBHOOK_BYTES, false, false],
    ["a proof of 250 kB does not fit AWS", 250_000, 1000, AWS_BYTES, false, false],
    ["an event of 40 MB is shortened", 1000, 40_000_000, WEBHOOK_BYTES, true, true],
    ["an event of 3 MB of characters of three bytes is shortened for AWS", 100_000, 1_000_000, AWS_BYTES, true, true],
    ["both too long", 2_000_000, 2_000_000, AWS_BYTES, false, true],
  ])("%s, and it is said how to fetch it", (_what, proof, text, bytes, hasProof, isCut) => {
    const alarm = eventAlarm({ proof: "p".repeat(proof), text: "€".repeat(text) });
    const body = cloudEvent(alarm, bytes);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(bytes);
    const { data } = parseCloudEvent(body);
    const evidence = eventData.parse(data.evidences?.[0]?.data);
    expect(evidence.proof === null).toBe(!hasProof);
    expect(evidence.proof_left_out === undefined).toBe(hasProof);
    expect(evidence.proof_command).toBe("stele prove STORE --log cloudtrail 61234");
    expect(evidence.text_truncated).toBe(isCut ? true : undefined);
    expect(data.metadata).toEqual(
      isCut || !hasProof ? expect.objectContaining({ is_truncated: true }) : expect.not.objectContaining({ is_truncated: true }),
    );
    expect(alarm.event?.text.startsWith(evidence.text.replace(/…$/, ""))).toBe(true);
  });

  it("a subject that is longer than receivers take stays the same for all alarms of its matter", () => {
    const subject = "s".repeat(300);
    const [opened, cleared] = (["stream.anomaly", "stream.recovered"] as const).map((kind) =>
      read(plainAlarm(kind, { subject, id: alarmId(kind, subject, "") })),
    );
    expect(opened?.subject).toMatch(/^[0-9a-f]{64}$/);
    expect(cleared?.subject).toBe(opened?.subject);
    expect(cleared?.data.finding_info.uid).toBe(opened?.data.finding_info.uid);
  });
});
