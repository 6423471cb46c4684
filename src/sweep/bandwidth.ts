import { sleep, type Sleep } from "../store/sleep.ts";

export interface BandwidthOptions {
  /** Milliseconds, of a clock that is never set back. */
  readonly clock?: (() => number) | undefined;
  readonly sleep?: Sleep | undefined;
}

/**
 * A token bucket that holds one second's worth of bytes. What a read costs is known only when it is over, so the bucket may go
 * into debt; whoever reads next waits until it is paid. Over time no more than `bytesPerSecond` pass, however many read at once.
 */
export class Bandwidth {
  readonly #bytesPerSecond: number;
  readonly #clock: () => number;
  readonly #sleep: Sleep;
  #tokens: number;
  #filledAt: number;

  constructor(bytesPerSecond: number, { clock = () => performance.now(), sleep: wait = sleep }: BandwidthOptions = {}) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#sleep = wait;
    this.#tokens = bytesPerSecond;
    this.#filledAt = clock();
  }

  /** Waits until no debt is left. @throws the signal's reason */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      this.#fill();
      if (this.#tokens >= 0) return;
      await this.#sleep(Math.ceil((-this.#tokens / this.#bytesPerSecond) * 1000), signal);
    }
  }

  /** Takes what was read. */
  took(bytes: number): void {
    this.#fill();
    this.#tokens -= bytes;
  }

  #fill(): void {
    const now = this.#clock();
    const gained = ((now - this.#filledAt) / 1000) * this.#bytesPerSecond;
    this.#tokens = Math.min(this.#bytesPerSecond, this.#tokens + gained);
    this.#filledAt = now;
  }
}
