import type { SweepState } from "../../sweep/state/state.ts";
import { handOver } from "../alarm-handover.ts";
import type { Item } from "./agenda.ts";
import type { Clock } from "./clock.ts";
import type { Courier } from "./courier.ts";
import { type EventLog, reasonOf } from "./event-log.ts";
import { judge } from "./overdue.ts";
import type { RoundStatus } from "./round-status.ts";

export interface PulseOptions<Name extends string> {
  readonly origin: string;
  readonly state: SweepState;
  readonly courier: Courier;
  readonly status: RoundStatus<Name>;
  /** What is on the agenda now. */
  readonly items: () => readonly Item<Name>[];
  readonly clock: Clock;
  readonly log: EventLog;
}

const BEAT_MS = 1000;
const REMIND_MS = 60_000;

/**
 * What must not wait for a round to end, each second: alarms go out, and a round that does not end is overdue.
 */
export class Pulse<Name extends string> {
  readonly #options: PulseOptions<Name>;
  #reminded = 0;
  #beaten: number | null = null;
  #trouble: string | null = null;

  constructor(options: PulseOptions<Name>) {
    this.#options = options;
  }

  /** When it was last felt, as `performance.now()` counts; null: not yet. */
  get beaten(): number | null {
    return this.#beaten;
  }

  /** Why alarms can't be handed over; null while they can. */
  get trouble(): string | null {
    return this.#trouble;
  }

  async run(stop: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!stop.aborted) {
      this.beat();
      await clock.wait(BEAT_MS, stop);
    }
  }

  /** Once. What fails is tried again with the next. */
  beat(): void {
    const { courier, log } = this.#options;
    this.#beaten = performance.now();
    // Between two configurations.
    if (!courier.isOpen) return;
    try {
      this.#judge();
      this.#remind();
      handOver(this.#options.state, courier);
      this.#trouble = null;
    } catch (error) {
      const reason = reasonOf(error);
      // Said once, not each second.
      if (reason !== this.#trouble) log.error("alarms.kept", `alarms can't be handed over: ${reason}`);
      this.#trouble = reason;
    }
  }

  #judge(): void {
    const { origin, courier, status, items, clock, log } = this.#options;
    const now = clock.now();
    for (const item of items()) {
      // A head without its anchors is a finding, when it has been for too long.
      if (item.name === "anchors") continue;
      const verdict = judge(origin, status.watched(item, now), now);
      if (verdict === null) continue;
      const { alarm, overdueOf } = verdict;
      // A crash between the two raises it again, with the same id.
      courier.take([alarm]);
      status.alarmed(item.name, overdueOf, now);
      if (overdueOf === null) log.info("round.recovered", alarm.message, { round: item.name });
      else log.error("round.overdue", alarm.message, { round: item.name });
    }
  }

  #remind(): void {
    const { state, clock } = this.#options;
    const now = clock.now();
    if (Math.abs(now - this.#reminded) < REMIND_MS) return;
    this.#reminded = now;
    // What was never begun has to be restored first.
    if (!state.isNew) state.remind();
  }
}
