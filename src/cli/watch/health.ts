import type { Registry } from "prom-client";
import type { OpenFindings } from "../../alert/metrics.ts";
import type { SweepState } from "../../sweep/state/state.ts";
import { timestamp } from "../../core/time.ts";
import type { Item } from "./agenda.ts";
import type { Clock } from "./clock.ts";
import type { Courier } from "./courier.ts";
import { oldestRead, openFindings } from "./figures.ts";
import type { Probes, Reason } from "./health-server.ts";
import type { RoundFigures, WatchFigures } from "./metrics.ts";
import { isOverdue, silentSince } from "./overdue.ts";
import type { Pulse } from "./pulse.ts";
import type { RoundStatus } from "./round-status.ts";
import type { Task } from "./setup.ts";

/** What is at work once the archive was reached. */
export interface AtWork {
  readonly state: SweepState;
  readonly courier: Courier;
  readonly status: RoundStatus<Task>;
  readonly pulse: Pulse<Task>;
  readonly items: () => readonly Item<Task>[];
}

/** A daemon whose pulse has not been felt for so long hangs. */
const HANGS_MS = 60_000;

/** What the daemon says of itself. */
export class Health implements Probes, WatchFigures {
  readonly #registry: Registry;
  readonly #clock: Clock;
  #work: AtWork | null = null;
  #isStopping = false;

  constructor(registry: Registry, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  /** @param work null: not yet, or not any more */
  at(work: AtWork | null): void {
    this.#work = work;
  }

  stopping(): void {
    this.#isStopping = true;
  }

  health(): readonly Reason[] {
    const beaten = this.#work?.pulse.beaten ?? null;
    if (beaten === null || performance.now() - beaten < HANGS_MS) return [];
    return [{ code: "process.hangs", message: `nothing was done for ${Math.floor((performance.now() - beaten) / 1000)} s` }];
  }

  readiness(): readonly Reason[] {
    if (this.#isStopping) return [{ code: "stopping", message: "the process was asked to end" }];
    const work = this.#work;
    if (work === null) return [{ code: "archive.not-reached", message: "the archive has not been reached since the start" }];
    const { status, courier, pulse } = work;
    const reasons: Reason[] = [];
    const now = this.#clock.now();
    if (status.last("head")?.outcome === "failed") {
      reasons.push({ code: "archive.not-reached", message: "the last head round came to nothing; the log says why" });
    }
    for (const item of work.items()) {
      const watched = status.watched(item, now);
      if (item.name !== "head" || !isOverdue(watched, now)) continue;
      const since = timestamp(silentSince(watched.record));
      reasons.push({ code: "head.overdue", message: `no head round has been able to tell how the archive is since ${since}` });
    }
    if (status.record("head", now).told === null) {
      reasons.push({ code: "head.first", message: "no head round has been able to tell how the archive is yet" });
    }
    if (courier.trouble !== null || pulse.trouble !== null) {
      reasons.push({ code: "alarms.failed", message: "alarms can't be handed over; the log says why" });
    }
    return reasons;
  }

  async metrics(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  rounds(): readonly RoundFigures[] {
    const work = this.#work;
    const now = this.#clock.now();
    return work === null ? [] : work.items().map((item) => work.status.figures(item, now));
  }

  unreadableFindings(): number {
    return this.#work === null ? 0 : openFindings(this.#work.state).unreadable;
  }

  openFindings(): readonly OpenFindings[] {
    return this.#work === null ? [] : openFindings(this.#work.state).wrong;
  }

  oldestRead(): number | null {
    return this.#work === null ? null : oldestRead(this.#work.state);
  }

  isReady(): boolean {
    return this.readiness().length === 0;
  }
}
