import fc from "fast-check";
import { expect, test } from "vitest";
import { cloudEvent, AWS_BYTES, WEBHOOK_BYTES } from "../../../src/alert/envelope/cloud-event.ts";
import { pagerDutyEvent } from "../../../src/alert/envelope/pagerduty.ts";
import { slackMessage } from "../../../src/alert/envelope/slack.ts";
import type { Alarm } from "../../../src/sweep/alarm.ts";
import { anomalyAlarm, eventAlarm, findingAlarm, plainAlarm, sampleFinding } from "../samples.ts";
import { parseCloudEvent } from "./ocsf.ts";
import { parseIncident } from "./pagerduty.ts";
import { slackTexts } from "./slack.ts";

/** What breaks out of texts: markup, control characters, halves of characters, long runs. */
const piece = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)), maxLength: 30 }),
  fc.constantFrom(
    "<!channel>",
    "<!here>",
    "<@U1>",
    "@here",
    "&",
    "&lt;",
    "](",
    "\u0000",
    "\u001b[2J",
    "\u202e",
    "\u2028",
    "\u009b",
    "\ud800",
    "\udc00",
    "\r\n",
    '"',
    "\\",
  ),
  fc
    .tuple(fc.constantFrom("x", "<", "&", "\u0001", "€", "😀", "\ud83d"), fc.integer({ min: 100, max: 30_000 }))
    .map(([c, n]) => c.repeat(n)),
);
const hostile = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(""));
const known = fc.option(hostile);

const alarms: fc.Arbitrary<Alarm> = fc
  .tuple(
    fc.constantFrom(findingAlarm("finding.opened"), findingAlarm("finding.cleared"), eventAlarm(), anomalyAlarm(), plainAlarm()),
    hostile,
    hostile,
    hostile,
    hostile,
    known,
    known,
    fc.boolean(),
  )
  .map(([alarm, title, message, subject, text, expected, actual, sameSubject]) => ({
    ...alarm,
    title,
    message,
    subject: sameSubject ? alarm.subject : subject,
    finding:
      alarm.finding === undefined
        ? undefined
        : sampleFinding({ object: expected, versionId: actual, message: text, expected, actual }),
    event: alarm.event === undefined ? undefined : { ...alarm.event, text, rule: title, source: message, proof: subject },
    anomaly:
      alarm.anomaly === undefined
        ? undefined
        : { ...alarm.anomaly, detector: title, source: text, expected: message, actual: subject },
  }));

/** No control character, no line that turns around, no half of a character stands in it as itself. */
function requireClean(body: string): void {
  expect(body.isWellFormed()).toBe(true);
  expect(body).not.toMatch(/\p{Cc}|[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u);
}

test("whatever an alarm says, every form of it is valid, bounded and clean", () => {
  fc.assert(
    fc.property(alarms, (alarm) => {
      for (const bytes of [WEBHOOK_BYTES, AWS_BYTES]) {
        const body = cloudEvent(alarm, bytes);
        requireClean(body);
        expect(Buffer.byteLength(body)).toBeLessThanOrEqual(bytes);
        expect(parseCloudEvent(body).id).toBe(alarm.id);
      }
      const incident = pagerDutyEvent(alarm, "key");
      requireClean(incident);
      expect(Buffer.byteLength(incident)).toBeLessThanOrEqual(512 * 1024);
      parseIncident(incident);
      const message = slackMessage(alarm);
      requireClean(message);
      expect(Buffer.byteLength(message)).toBeLessThanOrEqual(256 * 1024);
      for (const text of slackTexts(message)) {
        expect(text).not.toMatch(/[<>]|(^|\W)@[^\s]|\]\(/);
        expect(text.replace(/&(amp|lt|gt);/g, "")).not.toContain("&");
        expect(text.replace(/\n/g, "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }
    }),
    { seed: 20_261_124, numRuns: 200 },
  );
});
