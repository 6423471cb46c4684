import type { Registry } from "prom-client";
import { type ConfiguredAnchoring, readAnchoring } from "../anchoring.ts";
import { type Observers, readObservers } from "../sweep-observers.ts";
import { type AlarmsConfig, alarmsConfigSchema } from "../../alert/config.ts";
import type { Destination } from "../../alert/destination/destination.ts";
import { openDestinations } from "../../alert/destination/open.ts";
import type { SweepConfig } from "../../sweep/config.ts";
import type { EntryObserver } from "../../sweep/observer.ts";
import type { RoundName } from "../../sweep/place.ts";
import { readSettings, type Settings } from "../settings.ts";
import type { StoreFlags } from "../store-command.ts";
import type { Item } from "./agenda.ts";
import { type WatchConfig, watchConfigSchema } from "./config.ts";

/** A head that was not anchored when it was new is tried again after so long. */
const HOUR = 3_600_000;

/** What the daemon does: the rounds, and anchoring. */
export type Task = RoundName | "anchors";

/** What a command line and a configuration file come to: read and found good, nothing of it begun. */
export interface Setup {
  readonly settings: Settings;
  readonly watch: WatchConfig;
  readonly sweep: SweepConfig;
  readonly alarms: AlarmsConfig;
  readonly destinations: readonly Destination[];
  readonly observers: readonly EntryObserver[];
  readonly rules: Observers["rules"];
  /** null: nothing is anchored, and no anchor is demanded. */
  readonly anchoring: ConfiguredAnchoring | null;
  /** The head round first. */
  readonly agenda: readonly Item<Task>[];
}

/**
 * Reads everything that can be wrong in a configuration, rules files included.
 * @throws SteleError `input.*`, `format.key`
 */
export async function readSetup(flags: Omit<StoreFlags, "quiet">, registry: Registry): Promise<Setup> {
  const settings = await readSettings(flags);
  const { configuration, folder } = settings;
  const anchoring = configuration.anchors === undefined ? null : await readAnchoring(configuration.anchors, settings);
  const every = anchoring?.every ?? null;
  const watch = configuration.watch ?? watchConfigSchema.parse({});
  const alarms = configuration.alarms ?? alarmsConfigSchema.parse({});
  return {
    settings,
    watch,
    sweep: configuration.sweep ?? {},
    alarms,
    destinations: openDestinations(alarms, { folder, env: process.env, registry }),
    ...(await readObservers(settings)),
    anchoring,
    agenda: [
      { name: "head", schedule: watch.head },
      { name: "locks", schedule: watch.locks },
      { name: "content", schedule: watch.content },
      ...(every === null
        ? []
        : [{ name: "anchors", schedule: { kind: "every", millis: every === "head" ? HOUR : every } } as const]),
    ],
  };
}
