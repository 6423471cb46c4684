import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../../src/cli/watch/clock.ts";

interface Waiting {
  readonly at: number;
  readonly resolve: () => void;
}

/** Time that passes when a test says so. */
export class FakeClock implements Clock {
  #now: number;
  readonly #waiting = new Set<Waiting>();

  constructor(now: number = Date.parse("2026-11-23T12:00:00Z")) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** The clock alone is set: what waits does not notice. */
  set(now: number): void {
    this.#now = now;
  }

  wait(millis: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = {
        at: this.#now + millis,
        resolve: () => {
          this.#waiting.delete(waiting);
          resolve();
        },
      };
      if (signal.aborted) {
        resolve();
        return;
      }
      this.#waiting.add(waiting);
      signal.addEventListener("abort", waiting.resolve, { once: true });
    });
  }

  /** Lets time pass, and everything happen that waits for it, in order. */
  async pass(millis: number): Promise<void> {
    const end = this.#now + millis;
    for (;;) {
      await setImmediate();
      const [first] = [...this.#waiting].sort((a, b) => a.at - b.at);
      if (first === undefined || first.at > end) break;
      this.#now = Math.max(this.#now, first.at);
      first.resolve();
    }
    this.#now = Math.max(this.#now, end);
    await setImmediate();
  }
}
