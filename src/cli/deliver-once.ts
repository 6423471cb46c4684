import { Registry } from "prom-client";
import { alarmsConfigSchema } from "../alert/config.ts";
import { Deliverer } from "../alert/deliverer.ts";
import { openDestinations } from "../alert/destination/open.ts";
import { AlarmMetrics } from "../alert/metrics.ts";
import type { SweepState } from "../sweep/state/state.ts";
import { handOver } from "./alarm-handover.ts";
import type { Settings } from "./settings.ts";
import { openFindings } from "./watch/figures.ts";

/** What is left of alarms after a while of delivering. */
export interface Left {
  readonly pending: number;
  readonly dead: number;
}

/**
 * Delivers what a sweep has to tell, for at most `millis`. What is left then stays in the outbox, for the next sweep or
 * `stele watch`.
 * @param folder of what sweeps of the archive remember, where the outbox lies
 * @throws SteleError `sweep.locked` when another process delivers from there, `sweep.failed`; `input.*`
 */
export async function deliverOnce(
  state: SweepState,
  { configuration, folder: configFolder }: Pick<Settings, "configuration" | "folder">,
  { folder, millis, signal }: { readonly folder: string; readonly millis: number; readonly signal: AbortSignal },
): Promise<Left> {
  const alarms = configuration.alarms ?? alarmsConfigSchema.parse({});
  const registry = new Registry();
  const metrics = new AlarmMetrics(registry, { now: Date.now, openFindings: () => openFindings(state).wrong });
  const destinations = openDestinations(alarms, { folder: configFolder, env: process.env, registry });
  using deliverer = await Deliverer.open(folder, alarms, { destinations, observer: metrics });
  metrics.watch(() => deliverer.status());
  handOver(state, deliverer);
  await deliverer.drainFor(millis, signal);
  const left = deliverer.status();
  return { pending: sum(left, "pending"), dead: sum(left, "dead") };
}

function sum(counts: readonly Left[], of: keyof Left): number {
  return counts.reduce((total, count) => total + count[of], 0);
}
