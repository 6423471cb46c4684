import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, describe, expect, it } from "vitest";
import type { EventBridgeConfig, SnsConfig } from "../../../src/alert/config.ts";
import { eventBridgeDestination } from "../../../src/alert/destination/eventbridge.ts";
import { snsDestination } from "../../../src/alert/destination/sns.ts";
import { parseCloudEvent } from "../envelope/ocsf.ts";
import { eventAlarm, findingAlarm } from "../samples.ts";

const sns = mockClient(SNSClient);
const events = mockClient(EventBridgeClient);
afterEach(() => {
  sns.reset();
  events.reset();
});

const TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms";
const never = new AbortController().signal;
const context = { timeout: 5000 };
const topic = (more: Partial<SnsConfig> = {}): SnsConfig => ({ name: "a", type: "sns", topicArn: TOPIC, ...more });
const bus = (more: Partial<EventBridgeConfig> = {}): EventBridgeConfig => ({
  name: "a",
  type: "eventbridge",
  bus: "default",
  region: "eu-central-1",
  ...more,
});
const notInstalled = (): Promise<never> =>
  Promise.reject(Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" }));

describe("SNS", () => {
  it("gets the envelope, and attributes to filter by", async () => {
    sns.on(PublishCommand).resolves({ MessageId: "1" });
    expect(await snsDestination(topic(), context).deliver(findingAlarm(), 0, never)).toEqual({ kind: "delivered" });
    const [call] = sns.commandCalls(PublishCommand);
    const { Message, ...rest } = call?.args[0].input ?? {};
    parseCloudEvent(Message ?? "");
    expect(rest).toEqual({
      TopicArn: TOPIC,
      Subject: "A segment of app was altered",
      MessageAttributes: {
        kind: { DataType: "String", StringValue: "finding.opened" },
        severity: { DataType: "String", StringValue: "critical" },
        origin: { DataType: "String", StringValue: "audit.example/prod" },
        log: { DataType: "String", StringValue: "app" },
      },
    });
  });

  it("a FIFO topic keeps the order of a matter, and drops repetitions", async () => {
    sns.on(PublishCommand).resolves({ MessageId: "1" });
    const to = snsDestination(topic({ topicArn: `${TOPIC}.fifo` }), context);
    for (const kind of ["finding.opened", "finding.cleared"] as const) await to.deliver(findingAlarm(kind), 0, never);
    const [opened, cleared] = sns.commandCalls(PublishCommand).map(({ args }) => args[0].input);
    expect(opened?.MessageDeduplicationId).toBe(findingAlarm().id);
    expect(cleared?.MessageDeduplicationId).toBe(findingAlarm("finding.cleared").id);
    expect(opened?.MessageGroupId).toMatch(/^[0-9a-f]{64}$/);
    expect(cleared?.MessageGroupId).toBe(opened?.MessageGroupId);
  });

  it("its limits are kept: 256 KiB in all, a subject of printable ASCII", async () => {
    sns.on(PublishCommand).resolves({ MessageId: "1" });
    const alarm = {
      ...eventAlarm({ proof: "p".repeat(300_000), text: "€".repeat(200_000) }),
      title: `Größe\n${"x".repeat(300)}`,
    };
    await snsDestination(topic(), context).deliver(alarm, 0, never);
    const { Message = "", Subject = "", MessageAttributes = {} } = sns.commandCalls(PublishCommand)[0]?.args[0].input ?? {};
    expect(Buffer.byteLength(Message) + Buffer.byteLength(JSON.stringify(MessageAttributes)) + Subject.length).toBeLessThan(
      262_144,
    );
    expect(Subject).toMatch(/^[\x20-\x7e]{1,99}$/);
    const { data } = parseCloudEvent(Message);
    expect(data.evidences?.[0]?.data).toMatchObject({
      proof: null,
      proof_left_out: expect.stringContaining("proof_command"),
      proof_command: "stele prove STORE --log cloudtrail 61234",
    });
  });

  it("what it says is said, and tried again", async () => {
    sns
      .on(PublishCommand)
      .rejects(Object.assign(new Error("not authorized to perform: SNS:Publish"), { name: "AuthorizationErrorException" }));
    expect(await snsDestination(topic(), context).deliver(findingAlarm(), 0, never)).toEqual({
      kind: "failed",
      why: "AuthorizationErrorException: not authorized to perform: SNS:Publish",
      after: null,
    });
  });

  it("without its package it says what to install", async () => {
    expect(await snsDestination(topic(), context, notInstalled).deliver(findingAlarm(), 0, never)).toEqual({
      kind: "failed",
      why: "destination a: type sns needs the package @aws-sdk/client-sns, which is not installed; npm install @aws-sdk/client-sns",
      after: null,
    });
  });
});

describe("EventBridge", () => {
  it("gets the envelope as detail", async () => {
    events.on(PutEventsCommand).resolves({ FailedEntryCount: 0, Entries: [{ EventId: "1" }] });
    expect(await eventBridgeDestination(bus(), context).deliver(findingAlarm(), 0, never)).toEqual({ kind: "delivered" });
    const [entry] = events.commandCalls(PutEventsCommand)[0]?.args[0].input.Entries ?? [];
    const { Detail, ...rest } = entry ?? {};
    parseCloudEvent(Detail ?? "");
    expect(rest).toEqual({
      Source: "stele",
      DetailType: "stele.finding.opened",
      EventBusName: "default",
      Time: new Date("2026-11-23T15:00:00.000Z"),
    });
  });

  it("an entry that failed is not delivered, though the call went well", async () => {
    events
      .on(PutEventsCommand)
      .resolves({ FailedEntryCount: 1, Entries: [{ ErrorCode: "ThrottlingException", ErrorMessage: "slow down" }] });
    expect(await eventBridgeDestination(bus(), context).deliver(findingAlarm(), 0, never)).toEqual({
      kind: "failed",
      why: "the bus did not take it: ThrottlingException: slow down",
      after: null,
    });
  });

  it("its limit is kept", async () => {
    events.on(PutEventsCommand).resolves({ FailedEntryCount: 0 });
    await eventBridgeDestination(
      bus({ region: undefined, bus: "arn:aws:events:eu-west-1:123456789012:event-bus/soc" }),
      context,
    ).deliver(eventAlarm({ proof: "p".repeat(5_000_000), text: "\u0001".repeat(5_000_000) }), 0, never);
    const [entry] = events.commandCalls(PutEventsCommand)[0]?.args[0].input.Entries ?? [];
    expect(Buffer.byteLength(entry?.Detail ?? "")).toBeLessThan(250_000);
  });

  it("one that hangs is given up; broken off from outside, it throws", async () => {
    events
      .on(PutEventsCommand)
      .callsFake((_input: unknown, getClient: unknown) =>
        getClient === null ? null : new Promise((_, reject) => setTimeout(() => reject(new Error("late")), 50)),
      );
    expect(await eventBridgeDestination(bus(), { timeout: 10 }).deliver(findingAlarm(), 0, never)).toEqual({
      kind: "failed",
      why: "no answer within 0.01 s",
      after: null,
    });
    const stop = AbortSignal.abort(new Error("enough"));
    await expect(eventBridgeDestination(bus(), context).deliver(findingAlarm(), 0, stop)).rejects.toThrow("enough");
  });

  it("without its package it says what to install", async () => {
    expect(await eventBridgeDestination(bus(), context, notInstalled).deliver(findingAlarm(), 0, never)).toMatchObject({
      why: expect.stringContaining("npm install @aws-sdk/client-eventbridge"),
    });
  });
});
