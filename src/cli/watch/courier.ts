import type { AlarmsConfig } from "../../alert/config.ts";
import { Deliverer, type DestinationStatus } from "../../alert/deliverer.ts";
import type { DeliveryObserver } from "../../alert/delivery-observer.ts";
import type { Destination } from "../../alert/destination/destination.ts";
import { SteleError } from "../../core/error.ts";
import type { Alarm } from "../../sweep/alarm.ts";
import type { AlarmTaker } from "../alarm-handover.ts";
import type { Clock } from "./clock.ts";
import { type EventLog, reasonOf } from "./event-log.ts";

/** Where alarms go. */
export interface Addresses {
  readonly alarms: AlarmsConfig;
  readonly destinations: readonly Destination[];
}

export interface CourierOptions {
  /** Where the outbox lies. */
  readonly folder: string;
  readonly observer: DeliveryObserver;
  readonly log: EventLog;
  readonly clock: Clock;
}

const AGAIN_MS = 5000;

/** Delivers alarms as long as it is open, to whoever the newest configuration names. */
export class Courier implements AlarmTaker {
  readonly #options: CourierOptions;
  #addresses: Addresses;
  #deliverer: Deliverer | null = null;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #trouble: string | null = null;

  private constructor(addresses: Addresses, options: CourierOptions) {
    this.#addresses = addresses;
    this.#options = options;
  }

  /** @throws SteleError `sweep.locked` when another process delivers from there, `sweep.failed` */
  static async open(addresses: Addresses, options: CourierOptions): Promise<Courier> {
    const courier = new Courier(addresses, options);
    await courier.#begin();
    return courier;
  }

  /** Why nothing is delivered; null while it is. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** @throws SteleError `sweep.failed`: none was taken */
  take(alarms: readonly Alarm[]): number {
    if (this.#deliverer === null) throw new SteleError("sweep.failed", "alarms: the outbox is not open");
    return this.#deliverer.take(alarms);
  }

  /** Whether it takes alarms now: not between two configurations. */
  get isOpen(): boolean {
    return this.#deliverer !== null;
  }

  status(): DestinationStatus[] {
    return this.#deliverer?.status() ?? [];
  }

  /** What is under way is broken off, and sent as the new configuration says. @throws SteleError `sweep.*` */
  async replace(addresses: Addresses): Promise<void> {
    await this.#end();
    this.#addresses = addresses;
    await this.#begin();
  }

  /** Where the outbox could not be opened with another configuration: tries again. */
  async revive(): Promise<void> {
    if (this.#deliverer !== null) return;
    try {
      await this.#begin();
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== this.#trouble) this.#options.log.error("alarms.failed", `alarms can't be delivered: ${reason}`);
      this.#trouble = reason;
    }
  }

  /** Delivers what can be delivered in `millis`, and ends. @returns what is left, by destination */
  async finish(millis: number, signal: AbortSignal): Promise<readonly DestinationStatus[]> {
    this.#stop.abort();
    await this.#running;
    const deliverer = this.#deliverer;
    if (deliverer === null) return [];
    try {
      await deliverer.drainFor(millis, signal);
      return deliverer.status();
    } finally {
      this.#deliverer = null;
      deliverer.close();
    }
  }

  async #begin(): Promise<void> {
    const { alarms, destinations } = this.#addresses;
    const { folder, observer } = this.#options;
    const deliverer = await Deliverer.open(folder, alarms, { destinations, observer });
    this.#deliverer = deliverer;
    this.#stop = new AbortController();
    this.#running = this.#run(deliverer, this.#stop.signal);
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#deliverer?.close();
    this.#deliverer = null;
  }

  async #run(deliverer: Deliverer, stop: AbortSignal): Promise<void> {
    const { log, clock } = this.#options;
    while (!stop.aborted) {
      try {
        const run = deliverer.run(stop);
        this.#trouble = null;
        await run;
      } catch (error) {
        this.#trouble = reasonOf(error);
        log.error("alarms.failed", `alarms can't be delivered: ${this.#trouble}; tried again in ${AGAIN_MS / 1000} s`);
        await clock.wait(AGAIN_MS, stop);
      }
    }
  }
}
