import type { SlackConfig } from "../config.ts";
import { slackMessage } from "../envelope/slack.ts";
import type { Destination } from "./destination.ts";
import { type HttpContext, send } from "./receiver.ts";

/** 400: the message itself is not what it takes; the same one sent again would not be either. */
const REFUSALS = [400];

/** An incoming webhook of Slack, or of what is compatible with it. */
export function slackDestination(config: SlackConfig, context: HttpContext): Destination {
  const headers = { "content-type": "application/json; charset=utf-8", "user-agent": "stele" };
  return {
    name: config.name,
    deliver: (alarm, now, signal) =>
      send(
        config,
        null,
        async () => ({ headers, body: slackMessage(alarm), secrets: [] }),
        { refusals: REFUSALS, now, signal },
        context,
      ),
  };
}
