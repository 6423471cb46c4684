import { describe, expect, it } from "vitest";
import { pagerDutyEvent } from "../../../src/alert/envelope/pagerduty.ts";
import { slackMessage } from "../../../src/alert/envelope/slack.ts";
import { anomalyAlarm, eventAlarm, findingAlarm, plainAlarm, sampleFinding } from "../samples.ts";
import { parseIncident } from "./pagerduty.ts";
import { slackTexts } from "./slack.ts";

const slack = (alarm: Parameters<typeof slackMessage>[0]): string[] => slackTexts(slackMessage(alarm));
const pagerDuty = (alarm: Parameters<typeof slackMessage>[0]): unknown => parseIncident(pagerDutyEvent(alarm, "key"));

describe("Slack", () => {
  it("says what, where and since when", () => {
    const [fallback, headline, ...rest] = slack(findingAlarm());
    expect(headline).toBe("CRITICAL: A segment of app was altered");
    expect(fallback).toContain("Expected: sha256:aa");
    expect(rest).toContain("Object: app/segments/dt=2026-11-23/0000000000000000.ndjson.zst");
    expect(rest).toContain("Entries: 0 to 41");
  });

  it.each([
    [findingAlarm("finding.opened", { finding: sampleFinding({ code: "segment.unreadable" }) }), "COULD NOT TELL: "],
    [findingAlarm("finding.reminder"), "STILL OPEN: "],
    [findingAlarm("finding.acknowledged"), "ACKNOWLEDGED: "],
    [findingAlarm("finding.cleared"), "CLEARED: "],
    [anomalyAlarm("stream.recovered"), "CLEARED: "],
    [anomalyAlarm(), "WARNING: "],
    [plainAlarm("test", { severity: "info" }), "INFO: "],
  ])("begins with what it is: %#", (alarm, beginning) => {
    expect(slack(alarm)[1]).toMatch(new RegExp(`^${beginning}`));
  });

  it("an event and how to get its proof", () => {
    const texts = slack(eventAlarm());
    expect(texts).toContain('{"eventName":"StopLogging","user":"mallory"}');
    expect(texts).toContain("Proof: stele prove STORE --log cloudtrail 61234");
  });

  it.each([
    "<!channel>",
    "<!here|here>",
    "<@U012AB3CD>",
    "<#C1>",
    "<!subteam^S1>",
    "<https://evil.example|docs>",
    "&lt;!channel&gt;",
    "<<!channel>>",
    "<\u200b!channel>",
  ])("%s is no mention", (mention) => {
    const alarm = {
      ...eventAlarm({ text: `{"user":"${mention}"}`, source: mention, rule: mention }),
      title: mention,
      message: `${mention}\n${mention}`,
    };
    for (const text of slack(alarm)) {
      expect(text).not.toMatch(/[<>]/);
      expect(text.replace(/&(amp|lt|gt);/g, "")).not.toContain("&");
    }
  });

  it("nor is @channel one, for those who look for it in text; an address stays one", () => {
    const texts = slack({
      ...plainAlarm(),
      title: "@channel and @here",
      message: "(@all) mail alice@example.org ![x](https://evil.example/x)",
    });
    for (const text of texts) expect(text).not.toMatch(/(^|\W)@\w|\]\(/);
    expect(texts.join("\n")).toContain("alice@example.org");
  });

  it("an entity is never cut in two", () => {
    for (let length = 140; length < 160; length++) {
      const [, headline = ""] = slack({ ...plainAlarm(), title: `${"x".repeat(length - 12)}<&<&<&<&` });
      expect(headline.replace(/&(amp|lt|gt);/g, "")).not.toContain("&");
    }
  });
});

describe("PagerDuty", () => {
  it("an alarm triggers, its reminder as well, an acknowledgement acknowledges and the all-clear resolves the same incident", () => {
    const subject = sampleFinding().id;
    expect(pagerDuty(findingAlarm())).toMatchObject({ event_action: "trigger", dedup_key: subject, routing_key: "key" });
    expect(pagerDuty(findingAlarm("finding.reminder"))).toMatchObject({ event_action: "trigger", dedup_key: subject });
    expect(pagerDuty(findingAlarm("finding.acknowledged"))).toEqual({
      routing_key: "key",
      dedup_key: subject,
      client: "Stele",
      event_action: "acknowledge",
    });
    expect(pagerDuty(findingAlarm("finding.cleared"))).toEqual({
      routing_key: "key",
      dedup_key: subject,
      client: "Stele",
      event_action: "resolve",
    });
    expect(pagerDuty(anomalyAlarm("stream.recovered"))).toMatchObject({
      event_action: "resolve",
      dedup_key: anomalyAlarm().subject,
    });
  });

  it("says what and where", () => {
    expect(pagerDuty(findingAlarm())).toMatchObject({
      payload: {
        summary: "A segment of app was altered",
        source: "audit.example/prod",
        severity: "critical",
        timestamp: "2026-11-23T15:00:00.000Z",
        component: "app",
        class: "segment.altered",
        custom_details: {
          object: expect.stringContaining("app/segments"),
          expected: "sha256:aa",
          first_seen: "2026-11-23T14:59:00.000Z",
        },
      },
    });
    expect(pagerDuty(eventAlarm())).toMatchObject({
      payload: {
        class: "aws.logging-stopped",
        custom_details: { proof: "stele prove STORE --log cloudtrail 61234", event: expect.stringContaining("StopLogging") },
      },
    });
  });

  it.each([
    [findingAlarm("finding.opened", { finding: sampleFinding({ code: "segment.unreadable" }) }), "error"],
    [anomalyAlarm(), "warning"],
    [plainAlarm("test", { severity: "info" }), "info"],
  ])("severity %#", (alarm, severity) => {
    expect(pagerDuty(alarm)).toMatchObject({ payload: { severity } });
  });

  it("stays below the service's limits", () => {
    const alarm = {
      ...eventAlarm({ text: "\u0001".repeat(500_000), source: "s".repeat(600_000) }),
      title: "t".repeat(5000),
      subject: "s".repeat(400),
    };
    const body = pagerDutyEvent(alarm, "key");
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(512 * 1024);
    parseIncident(body);
  });
});
