import { type EventLog, reasonOf } from "./event-log.ts";
import type { WatchMetrics } from "./metrics.ts";
import type { Setup } from "./setup.ts";

/**
 * The configuration in force, and the one that comes after it. A new one is read and checked as a whole before anything of it
 * counts; where it is wrong, the one in force stays.
 */
export class Configured {
  #current: Setup;
  #next: Setup | null = null;
  #reading: Promise<void> = Promise.resolve();
  readonly #read: () => Promise<Setup>;
  readonly #metrics: WatchMetrics;
  readonly #log: EventLog;
  readonly #now: () => number;

  constructor(
    first: Setup,
    options: {
      /** @throws where it is wrong */
      readonly read: () => Promise<Setup>;
      readonly metrics: WatchMetrics;
      readonly log: EventLog;
      readonly now: () => number;
    },
  ) {
    this.#current = first;
    this.#read = options.read;
    this.#metrics = options.metrics;
    this.#log = options.log;
    this.#now = options.now;
    this.#metrics.configured(options.now());
  }

  get current(): Setup {
    return this.#current;
  }

  /** Reads the configuration again; several at once are read one after the other. */
  reload(): Promise<void> {
    this.#reading = this.#after(this.#reading);
    return this.#reading;
  }

  /**
   * Between rounds: puts the newest configuration in force, where there is one.
   * @param apply changes what is at work; where it throws, the older one stays in force
   */
  async take(apply: (next: Setup, current: Setup) => Promise<void>): Promise<void> {
    const next = this.#next;
    if (next === null) return;
    this.#next = null;
    try {
      await apply(next, this.#current);
      this.#current = next;
      this.#metrics.configured(this.#now());
      this.#log.info("config.taken", "the new configuration is in force");
    } catch (error) {
      this.#refused(error);
    }
  }

  async #after(earlier: Promise<void>): Promise<void> {
    await earlier;
    try {
      this.#next = await this.#read();
      this.#log.info("config.read", "the new configuration is good; it holds from the end of this round on");
    } catch (error) {
      this.#refused(error);
    }
  }

  #refused(error: unknown): void {
    this.#metrics.configured(null);
    this.#log.error("config.refused", `the configuration stays as it was: ${reasonOf(error)}`);
  }
}
