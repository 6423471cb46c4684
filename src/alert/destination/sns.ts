import type { SNSClient } from "@aws-sdk/client-sns";
import { sha256 } from "#sha256";
import { toHex, utf8 } from "../../core/bytes.ts";
import type { Alarm } from "../../sweep/alarm.ts";
import type { SnsConfig } from "../config.ts";
import { AWS_BYTES, cloudEvent } from "../envelope/cloud-event.ts";
import { shorten } from "../text.ts";
import { attempt, type AwsContext, loadPeer } from "./aws.ts";
import { DELIVERED, type Destination } from "./destination.ts";

/** What SNS takes as a subject: printable ASCII, under 100 characters. */
const SUBJECT = 99;

type Sns = typeof import("@aws-sdk/client-sns");

/** A topic of Amazon SNS: the CloudEvents envelope as message, with attributes to filter by. */
export function snsDestination(
  { name, topicArn, region, endpoint, timeout }: SnsConfig,
  context: AwsContext,
  load: () => Promise<Sns> = () => import("@aws-sdk/client-sns"),
): Destination {
  let client: SNSClient | null = null;
  return {
    name,
    deliver: (alarm, _now, signal) =>
      attempt(
        async (abortSignal) => {
          const { SNSClient: Client, PublishCommand } = await loadPeer(name, "sns", "@aws-sdk/client-sns", load);
          client ??= new Client({
            // The topic's own, where none is named: a topic is only known in its region.
            region: region ?? topicArn.split(":")[3] ?? "",
            ...(endpoint === undefined ? {} : { endpoint }),
          });
          const publish = new PublishCommand({
            TopicArn: topicArn,
            Message: cloudEvent(alarm, AWS_BYTES),
            Subject: subjectLine(alarm),
            MessageAttributes: attributes(alarm),
            // A FIFO topic keeps the order of a matter, and drops a repetition by the alarm's id.
            ...(topicArn.endsWith(".fifo")
              ? { MessageGroupId: toHex(sha256(utf8(alarm.subject.toWellFormed()))), MessageDeduplicationId: alarm.id }
              : {}),
          });
          await client.send(publish, { abortSignal });
          return DELIVERED;
        },
        timeout ?? context.timeout,
        signal,
      ),
  };
}

function attributes({ kind, severity, origin, log }: Alarm): Record<string, { DataType: "String"; StringValue: string }> {
  const values = { kind, severity, origin, ...(log === "" ? {} : { log }) };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { DataType: "String", StringValue: value }]));
}

function subjectLine({ title, kind }: Alarm): string {
  const ascii = title
    .toWellFormed()
    .replace(/[^\x20-\x7e]+/g, "?")
    .trim();
  return shorten(ascii, SUBJECT).replace("…", "") || kind;
}
