import type { Sleep } from "../../src/store/sleep.ts";

interface Timer {
  readonly at: number;
  fire(): void;
}

/**
 * Time that passes only while all wait for it: once nothing is left to run, it is the time of the earliest timer. Work that
 * waits for something outside (a server, a process) is told of with {@link Clock.during}; time stands still meanwhile.
 */
export class Clock {
  millis: number;
  readonly #timers = new Set<Timer>();
  #outside = 0;
  #scheduled = false;

  constructor(millis: number = Date.UTC(2026, 10, 23, 15)) {
    this.millis = millis;
  }

  readonly now = (): number => this.millis;

  readonly sleep: Sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = { at: this.millis + ms, fire: resolve };
      this.#timers.add(timer);
      const onAbort = (): void => {
        this.#timers.delete(timer);
        reject(new Error("aborted"));
      };
      if (signal?.aborted === true) onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#schedule();
    });

  async during<T>(work: Promise<T>): Promise<T> {
    this.#outside++;
    try {
      return await work;
    } finally {
      this.#outside--;
      this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Whatever runs without waiting for time has run by then.
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#outside > 0 || this.#timers.size === 0) return;
      const next = [...this.#timers].reduce((a, b) => (b.at < a.at ? b : a));
      this.#timers.delete(next);
      this.millis = Math.max(this.millis, next.at);
      next.fire();
      this.#schedule();
    });
  }
}
