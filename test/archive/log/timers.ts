import type { Sleep } from "../../../src/store/sleep.ts";

/** Time that passes when a test says so. */
export class Timers {
  #elapsed = 0;
  readonly #waiting = new Set<{ readonly due: number; readonly millis: number; readonly wake: () => void }>();
  #asked = Promise.withResolvers<void>();

  readonly sleep: Sleep = async (millis, signal) => {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const place = { due: this.#elapsed + millis, millis, wake: resolve };
    this.#waiting.add(place);
    signal?.addEventListener("abort", () => {
      if (this.#waiting.delete(place)) reject(new Error("woken early"));
    });
    this.#asked.resolve();
    this.#asked = Promise.withResolvers();
    await promise;
  };

  /** How long those who wait now asked to. */
  get waits(): number[] {
    return [...this.#waiting].map(({ millis }) => millis);
  }

  elapse(millis: number): void {
    this.#elapsed += millis;
    for (const place of this.#waiting) {
      if (place.due > this.#elapsed) continue;
      this.#waiting.delete(place);
      place.wake();
    }
  }

  /** Resolves as soon as someone waits for so long. */
  async until(wanted: (millis: number) => boolean): Promise<void> {
    while (!this.waits.some(wanted)) await this.#asked.promise;
  }
}
