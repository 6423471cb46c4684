import { duration } from "../words.ts";
import type { Agenda } from "./agenda.ts";
import type { Anchors } from "./anchors.ts";
import type { Clock } from "./clock.ts";
import type { EventLog } from "./event-log.ts";
import type { WatchMetrics } from "./metrics.ts";
import { ping } from "./ping.ts";
import type { Configured } from "./reload.ts";
import type { RoundEnd } from "./round-loop.ts";
import type { RoundRun, RoundRunner } from "./round-runner.ts";
import type { RoundStatus } from "./round-status.ts";
import type { Setup, Task } from "./setup.ts";

export interface TasksOptions {
  readonly agenda: Agenda<Task>;
  readonly runner: Pick<RoundRunner, "run" | "archive">;
  readonly anchors: Pick<Anchors, "run" | "isAnyNew">;
  readonly status: RoundStatus<Task>;
  readonly metrics: WatchMetrics;
  readonly configured: Pick<Configured, "current">;
  readonly clock: Clock;
  readonly log: EventLog;
  /** Aborts when the daemon is to end at once. */
  readonly abort: AbortSignal;
}

const AGAIN_MS = 300_000;

/** Does what is on the agenda, and writes down what came of it. */
export class Tasks {
  readonly #options: TasksOptions;
  #isPinging = false;

  constructor(options: TasksOptions) {
    this.#options = options;
  }

  async run(name: Task, stop: AbortSignal): Promise<RoundEnd> {
    const { runner, status, metrics, configured, clock } = this.#options;
    const setup = configured.current;
    const began = clock.now();
    status.began(name, began);
    const run = name === "anchors" ? await this.#anchor(setup, stop) : await runner.run(name, setup, stop);
    const now = clock.now();
    status.ended(name, run, now);
    metrics.ended(name, run.outcome, { millis: Math.max(0, now - began), requests: run.requests, bytes: run.bytes });
    this.#say(name, run, now - began);
    // Anchors that are not sound are some that were not made, too.
    if (run.outcome === "failed" || (name === "anchors" && run.outcome === "unsound")) this.#tryAgain(name, now);
    if (name === "head") this.#afterHead(run, setup, now);
    return { complete: run.outcome !== "stopped" };
  }

  /** Nothing was done: a round that comes once a day is not left until tomorrow. */
  #tryAgain(name: Task, now: number): void {
    const { agenda } = this.#options;
    if ((agenda.dueAt(name) ?? 0) > now + AGAIN_MS) agenda.due(name, now + AGAIN_MS);
  }

  #afterHead({ outcome, isAllSound }: RoundRun, setup: Setup, now: number): void {
    const { agenda, anchors } = this.#options;
    if (isAllSound && outcome === "sound") void this.#ping(setup);
    if (setup.anchoring?.every === "head" && outcome !== "failed" && anchors.isAnyNew) agenda.due("anchors", now);
  }

  async #anchor({ anchoring }: Setup, stop: AbortSignal): Promise<RoundRun> {
    const { anchors, runner } = this.#options;
    const used = { requests: 0, bytes: 0 };
    // It is on the agenda only where there is something to do.
    if (anchoring === null) return { outcome: "sound", reason: null, isAllSound: true, ...used };
    return { ...(await anchors.run(runner.archive, anchoring, stop)), ...used };
  }

  #say(round: Task, { outcome, reason, requests, bytes }: RoundRun, millis: number): void {
    const { log } = this.#options;
    const fields = { round, outcome, seconds: millis / 1000, requests, bytes };
    const text = `${round === "anchors" ? round : `${round} round`}: ${WORDS[outcome]}, ${duration(millis)}${reason === null ? "" : `: ${reason}`}`;
    if (outcome === "sound" || outcome === "stopped") log.info("round.ended", text, fields);
    else log.warn("round.ended", text, fields);
  }

  /** Beside the rounds: a service that does not answer holds up nothing. */
  async #ping({ watch, settings, alarms }: Setup): Promise<void> {
    const { clock, log, metrics, abort } = this.#options;
    if (watch.ping === null || this.#isPinging) return;
    this.#isPinging = true;
    try {
      const surroundings = { folder: settings.folder, env: process.env };
      const options = { ...surroundings, allowPrivate: alarms.allowPrivate, now: clock.now(), signal: abort };
      const why = await ping(watch.ping, options);
      metrics.pinged(why === null);
      if (why !== null) log.warn("ping.failed", `the ping did not get through: ${why}`);
    } catch {
      // The daemon ends.
    } finally {
      this.#isPinging = false;
    }
  }
}

const WORDS = {
  sound: "sound",
  unsound: "not sound",
  unknown: "could not tell",
  stopped: "cut short",
  failed: "failed",
} as const;
