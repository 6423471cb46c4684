import { collectDefaultMetrics, Registry } from "prom-client";
import { AlarmMetrics } from "../../alert/metrics.ts";
import { ruleMetrics } from "../../alert/rules/metrics.ts";
import type { Archive } from "../../archive/archive.ts";
import type { SweepState } from "../../sweep/state/state.ts";
import type { StoreFlags } from "../store-command.ts";
import { openSweepState, sweepFolder } from "../sweep-state.ts";
import { counted } from "../words.ts";
import { Agenda } from "./agenda.ts";
import { Anchors } from "./anchors.ts";
import type { Clock } from "./clock.ts";
import { Courier } from "./courier.ts";
import { type EventLog, reasonOf } from "./event-log.ts";
import { Ending } from "./ending.ts";
import { lastLocksPass } from "./figures.ts";
import { Health } from "./health.ts";
import { HealthPort } from "./health-port.ts";
import { WatchMetrics } from "./metrics.ts";
import { openWhenReached } from "./open.ts";
import { Pulse } from "./pulse.ts";
import { Configured } from "./reload.ts";
import { RoundLoop } from "./round-loop.ts";
import { RoundRecords } from "./round-records.ts";
import { RoundRunner } from "./round-runner.ts";
import { RoundStatus } from "./round-status.ts";
import { readSetup, type Task } from "./setup.ts";
import { onSignals, type Signals } from "./signals.ts";
import { Tasks } from "./tasks.ts";

export interface WatchFlags extends StoreFlags {
  /** The folder of what sweeps remember. */
  readonly state?: string | undefined;
  readonly sweepKey?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly spool?: string | undefined;
}

/** What there is from the start on, whether the archive can be reached or not. */
interface Ground {
  readonly location: string;
  readonly flags: WatchFlags;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly configured: Configured;
  readonly health: Health;
  readonly port: HealthPort;
  readonly metrics: WatchMetrics;
  readonly alarmMetrics: AlarmMetrics;
}

/**
 * Sweeps an archive on schedules, and tells whoever is to know, until a signal asks it to end.
 * @throws SteleError `input.*` where the configuration is wrong; what opening the archive and what is remembered of it throws
 */
export async function runDaemon(location: string, flags: WatchFlags, clock: Clock, log: EventLog): Promise<void> {
  const registry = new Registry();
  const setup = await readSetup(flags, registry);
  const health = new Health(registry, clock);
  const now = (): number => clock.now();
  collectDefaultMetrics({ register: registry });
  const metrics = new WatchMetrics(registry, health, now);
  const alarmMetrics = new AlarmMetrics(registry, { now, openFindings: () => health.openFindings() });
  const configured = new Configured(setup, { read: () => readSetup(flags, registry), metrics, log, now });
  ruleMetrics(registry, () => configured.current.rules?.() ?? null);
  let wake = (): void => undefined;
  using signals = onSignals({
    reload: () => void configured.reload().then(() => wake()),
    stopping: (signal) => {
      health.stopping();
      log.info("stopping", `${signal}: what was begun is finished, and what was seen is kept; a second signal ends at once`);
    },
  });
  await using port = await HealthPort.open(health, setup.watch.listen, log);
  const ground: Ground = { location, flags, clock, log, configured, health, port, metrics, alarmMetrics };
  const archive = await openWhenReached(location, setup, { clock, log, stop: signals.stop });
  if (archive === null) return;
  const { remindEvery, maxAlarms } = setup.sweep;
  using state = openSweepState(archive, flags.state, { remindEveryMillis: remindEvery, maxAlarms });
  await watch(ground, archive, state, signals, (wakeLoop) => {
    wake = wakeLoop;
  });
}

async function watch(
  ground: Ground,
  archive: Archive,
  state: SweepState,
  signals: Signals,
  onLoop: (wake: () => void) => void,
): Promise<void> {
  const { location, flags, clock, log, configured, health, metrics, alarmMetrics } = ground;
  const { origin } = archive;
  const folder = sweepFolder(origin, flags.state);
  const courier = await Courier.open(configured.current, { folder, observer: alarmMetrics, log, clock });
  alarmMetrics.watch(() => courier.status());
  const lost = (why: unknown): void =>
    log.warn("records.lost", `when rounds last ran could not be read or written down: ${reasonOf(why)}`);
  const status = new RoundStatus(RoundRecords.open<Task>(folder, lost));
  const items = (): typeof configured.current.agenda => configured.current.agenda;
  const anchors = new Anchors({ state, now: () => clock.now(), log });
  const pulse = new Pulse<Task>({ origin, state, courier, status, items, clock, log });
  const ending = new Ending(signals, clock, () => configured.current.watch.drain);
  const { abort } = ending;
  const runner = new RoundRunner(archive, { location, state, sweepKey: flags.sweepKey, clock, log, abort });
  const begun = (name: Task): number | null => {
    const own = status.lastBegun(name, clock.now());
    const byHand = name === "locks" ? lastLocksPass(state) : null;
    return byHand === null ? own : Math.max(byHand, own ?? 0);
  };
  const agenda = new Agenda<Task>(items(), begun, clock.now(), {
    jitter: configured.current.watch.jitter,
    random: Math.random,
  });
  const tasks = new Tasks({ agenda, runner, anchors, status, metrics, configured, clock, log, abort });
  const loop = new RoundLoop<Task>({
    agenda,
    clock,
    first: "head",
    run: (name, stop) => tasks.run(name, stop),
    between: async () => {
      await courier.revive();
      await configured.take(async (next, current) => {
        // What may fail comes first: then nothing was changed yet.
        await runner.reopen(next);
        await ground.port.move(next.watch.listen);
        await courier.replace(next).catch(async (error: unknown) => {
          await courier.replace(current);
          throw error;
        });
        anchors.forget();
        agenda.replace(next.agenda, clock.now());
        for (const { name } of next.agenda) metrics.begin(name);
        alarmMetrics.watch(() => courier.status());
      });
    },
  });
  onLoop(() => loop.wake());
  health.at({ state, courier, status, pulse, items });
  for (const { name } of items()) metrics.begin(name);
  if (configured.current.destinations.length === 0) {
    log.warn("alarms.nowhere", "the configuration names no destination for alarms: nobody is told but who reads this");
  }
  log.info("watching", `watching ${origin}`, { archive: origin, store: archive.store.url, state: folder });

  const beating = new AbortController();
  const beats = pulse.run(beating.signal);
  try {
    await loop.run(signals.stop);
    await runner.settled(ending.left());
  } finally {
    beating.abort();
    await beats;
    pulse.beat();
    const left = await courier.finish(ending.left(), signals.abort);
    health.at(null);
    for (const { name, pending, dead } of left) {
      if (pending > 0)
        log.warn(
          "alarms.left",
          `${counted(pending, "alarm")} for ${name} ${pending === 1 ? "waits" : "wait"} in ${folder}: the next start goes on with it`,
        );
      if (dead > 0)
        log.warn("alarms.dead", `${counted(dead, "alarm")} for ${name} could not be delivered: stele alarms lists them`);
    }
  }
  log.info("ended", "ended as asked");
}
