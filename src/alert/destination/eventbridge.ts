import type { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import type { EventBridgeConfig } from "../config.ts";
import { AWS_BYTES, cloudEvent, eventType } from "../envelope/cloud-event.ts";
import { attempt, type AwsContext, loadPeer } from "./aws.ts";
import { DELIVERED, type Destination, failed } from "./destination.ts";

type EventBridge = typeof import("@aws-sdk/client-eventbridge");

const SOURCE = "stele";

/** A bus of Amazon EventBridge: the CloudEvents envelope as detail. */
export function eventBridgeDestination(
  { name, bus, region, endpoint, timeout }: EventBridgeConfig,
  context: AwsContext,
  load: () => Promise<EventBridge> = () => import("@aws-sdk/client-eventbridge"),
): Destination {
  let client: EventBridgeClient | null = null;
  return {
    name,
    deliver: (alarm, _now, signal) =>
      attempt(
        async (abortSignal) => {
          const { EventBridgeClient: Client, PutEventsCommand } = await loadPeer(
            name,
            "eventbridge",
            "@aws-sdk/client-eventbridge",
            load,
          );
          const ofBus = bus.startsWith("arn:") ? bus.split(":")[3] : undefined;
          const where = region ?? ofBus;
          client ??= new Client({
            ...(where === undefined ? {} : { region: where }),
            ...(endpoint === undefined ? {} : { endpoint }),
          });
          const entry = {
            Source: SOURCE,
            DetailType: eventType(alarm),
            Detail: cloudEvent(alarm, AWS_BYTES),
            EventBusName: bus,
            Time: new Date(alarm.at),
          };
          const { FailedEntryCount, Entries } = await client.send(new PutEventsCommand({ Entries: [entry] }), { abortSignal });
          // The call succeeds where its entries fail.
          if (FailedEntryCount === 0) return DELIVERED;
          const [first] = Entries ?? [];
          return failed(`the bus did not take it: ${first?.ErrorCode ?? "no code"}: ${first?.ErrorMessage ?? "no message"}`);
        },
        timeout ?? context.timeout,
        signal,
      ),
  };
}
