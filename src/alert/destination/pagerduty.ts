import type { PagerDutyConfig } from "../config.ts";
import { pagerDutyEvent } from "../envelope/pagerduty.ts";
import { readSecret } from "../secret.ts";
import type { Destination } from "./destination.ts";
import { type HttpContext, send } from "./receiver.ts";

const ENQUEUE = "https://events.pagerduty.com/v2/enqueue";
/** 400: the event is not what it takes, or no such routing key is there. */
const REFUSALS = [400];

/** PagerDuty's Events API v2, or what is compatible with it. */
export function pagerDutyDestination(config: PagerDutyConfig, context: HttpContext): Destination {
  const { name, secretFile, secretEnv } = config;
  const headers = { "content-type": "application/json", "user-agent": "stele" };
  return {
    name,
    deliver: (alarm, now, signal) =>
      send(
        config,
        ENQUEUE,
        async () => {
          const [key = ""] = await readSecret({ file: secretFile, env: secretEnv }, `the routing key of ${name}`, context);
          return { headers, body: pagerDutyEvent(alarm, key), secrets: [key] };
        },
        { refusals: REFUSALS, now, signal },
        context,
      ),
  };
}
