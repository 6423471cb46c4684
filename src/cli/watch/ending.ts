import type { Clock } from "./clock.ts";
import type { Signals } from "./signals.ts";

/** However little time is left, alarms get this much to go out. */
const LEAST_MS = 2000;

/** How a daemon ends that was asked to: a part of its time for the round under way, the rest for alarms. */
export class Ending {
  /** Aborts when what is under way has to end at once: at the second signal, or when its time is over. */
  readonly abort: AbortSignal;
  readonly #clock: Clock;
  #end = Infinity;

  /** @param drain milliseconds that ending may take */
  constructor(signals: Pick<Signals, "stop" | "abort">, clock: Clock, drain: () => number) {
    this.#clock = clock;
    const over = new AbortController();
    this.abort = AbortSignal.any([signals.abort, over.signal]);
    signals.stop.addEventListener(
      "abort",
      () => {
        const millis = drain();
        this.#end = clock.now() + millis;
        void clock.wait(millis / 2, signals.abort).then(() => over.abort(new Error("the time for ending is over")));
      },
      { once: true },
    );
  }

  /** Milliseconds until it is to have ended. */
  left(): number {
    return Math.max(LEAST_MS, Math.min(this.#end - this.#clock.now(), 2 ** 31 - 1));
  }
}
