import type { Agenda } from "./agenda.ts";
import type { Clock } from "./clock.ts";

/** How a round ended. */
export interface RoundEnd {
  /** false: it was cut short, and goes on where it stopped. */
  readonly complete: boolean;
}

export interface RoundLoopOptions<Name extends string> {
  readonly agenda: Agenda<Name>;
  readonly clock: Clock;
  /** The round that others make way for. */
  readonly first: Name;
  /** Runs a round. It ends early when `signal` is aborted, and keeps its progress. Must not throw. */
  readonly run: (name: Name, signal: AbortSignal) => Promise<RoundEnd>;
  /** Called between rounds: the place to change what they work with. Must not throw. */
  readonly between: () => Promise<void>;
}

/** A machine that slept, or a clock that was set, is noticed after so long. */
const LOOK_MS = 15_000;
/** Those that make way get on this far at least before they do. */
const LEAST_SLICE_MS = 10_000;

/** Runs rounds as they fall due, one at a time. */
export class RoundLoop<Name extends string> {
  readonly #options: RoundLoopOptions<Name>;
  #firstLasted = 0;
  #wake = new AbortController();

  constructor(options: RoundLoopOptions<Name>) {
    this.#options = options;
  }

  /** Looks at the agenda now, in case it changed. */
  wake(): void {
    this.#wake.abort();
  }

  /** Until `stop` is aborted, and the round under way has ended. */
  async run(stop: AbortSignal): Promise<void> {
    const { agenda, clock, between } = this.#options;
    while (!stop.aborted) {
      this.#wake = new AbortController();
      await between();
      const now = clock.now();
      const turn = agenda.next(now);
      if (turn === null || turn.at > now) {
        const until = turn === null ? LOOK_MS : Math.min(turn.at - now, LOOK_MS);
        await clock.wait(until, AbortSignal.any([stop, this.#wake.signal]));
        continue;
      }
      await this.#runOne(turn.name, stop);
    }
  }

  async #runOne(name: Name, stop: AbortSignal): Promise<void> {
    const { agenda, clock, first, run } = this.#options;
    const began = clock.now();
    agenda.began(name, began);
    const ended = new AbortController();
    const makeWay = new AbortController();
    if (name !== first) void this.#makeWayFor(first, ended.signal, makeWay);
    const { complete } = await run(name, AbortSignal.any([stop, makeWay.signal]));
    ended.abort();
    if (name === first) this.#firstLasted = clock.now() - began;
    if (!complete && makeWay.signal.aborted) agenda.due(name, clock.now());
  }

  /** Where the first round takes as long as its interval, the others get as much of the time as it does. */
  async #makeWayFor(first: Name, ended: AbortSignal, makeWay: AbortController): Promise<void> {
    const { agenda, clock } = this.#options;
    const least = clock.now() + Math.max(LEAST_SLICE_MS, this.#firstLasted);
    while (!ended.aborted) {
      const now = clock.now();
      const at = Math.max(agenda.dueAt(first) ?? Infinity, least);
      if (at <= now) {
        makeWay.abort(new Error(`the ${first} round is due`));
        return;
      }
      await clock.wait(Math.min(at - now, LOOK_MS), ended);
    }
  }
}
