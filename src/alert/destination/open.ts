import type { Registry } from "prom-client";
import { SteleError } from "../../core/error.ts";
import type { AlarmsConfig, DestinationConfig } from "../config.ts";
import type { Surroundings } from "../secret.ts";
import { addressCheck } from "./address.ts";
import { commandDestination } from "./command.ts";
import type { Destination } from "./destination.ts";
import { eventBridgeDestination } from "./eventbridge.ts";
import { resolveBySystem, type Resolve } from "./guarded-request.ts";
import { pagerDutyDestination } from "./pagerduty.ts";
import { slackDestination } from "./slack.ts";
import { snsDestination } from "./sns.ts";
import { textfileDestination } from "./textfile.ts";
import { webhookDestination } from "./webhook.ts";

export interface DestinationOptions extends Surroundings {
  /** What destinations of type textfile write. */
  readonly registry?: Registry | undefined;
  /** Gives a host's addresses. Default: as the system does. */
  readonly resolve?: Resolve | undefined;
}

/**
 * The destinations of a configuration. Nothing is read or reached yet.
 * @throws SteleError `input.invalid` for a textfile where there are no metrics
 */
export function openDestinations(config: AlarmsConfig, options: DestinationOptions): Destination[] {
  return config.destinations.map((one) => openDestination(one, config, options));
}

function openDestination(
  one: DestinationConfig,
  { timeout, allowPrivate }: AlarmsConfig,
  { folder, env, registry, resolve = resolveBySystem }: DestinationOptions,
): Destination {
  const http = { folder, env, timeout, resolve, check: addressCheck(allowPrivate) };
  switch (one.type) {
    case "webhook":
      return webhookDestination(one, http);
    case "slack":
      return slackDestination(one, http);
    case "pagerduty":
      return pagerDutyDestination(one, http);
    case "sns":
      return snsDestination(one, { timeout });
    case "eventbridge":
      return eventBridgeDestination(one, { timeout });
    case "command":
      return commandDestination(one, { folder, env, timeout });
    case "textfile":
      if (registry !== undefined) return textfileDestination(one, folder, registry);
      throw new SteleError("input.invalid", `destination ${one.name}: a textfile holds metrics, and none are collected here`);
  }
}
