import { backoff } from "../archive/log/backoff.ts";
import { Bell } from "../archive/log/waiting.ts";
import { timestamp } from "../core/time.ts";
import { makeFolders } from "../store/directory/make-folders.ts";
import { sleep as systemSleep, type Sleep } from "../store/sleep.ts";
import type { Alarm } from "../sweep/alarm.ts";
import type { AlarmsConfig } from "./config.ts";
import type { DeliveryObserver } from "./delivery-observer.ts";
import { type Destination, failed, type Outcome } from "./destination/destination.ts";
import { wants } from "./filter.ts";
import { lockOutbox } from "./outbox/database.ts";
import { type Delivery, type DestinationCounts, Outbox } from "./outbox/outbox.ts";

export interface DelivererOptions {
  /** Of {@link openDestinations}: those of the configuration, or some. What waits for the others goes on waiting. */
  readonly destinations: readonly Destination[];
  readonly observer?: DeliveryObserver | undefined;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: (() => number) | undefined;
  /** Uniform in [0, 1). */
  readonly random?: (() => number) | undefined;
  readonly sleep?: Sleep | undefined;
}

export interface DestinationStatus extends DestinationCounts {
  readonly name: string;
  /** Whether the configuration has it. */
  readonly isConfigured: boolean;
}

/** The first wait after a failure, and the longest. */
const BASE_MILLIS = 5000;
const MAX_MILLIS = 3_600_000;
/** No receiver is left alone for longer, whatever it asks for. */
const LONGEST_WAIT = 86_400_000;
/** Alarms under way to one destination at a time, each of another subject. */
const PARALLEL = 4;
/** How often the outbox is looked at for what another process put in. */
const LOOK_MILLIS = 5000;
const FORGET_MILLIS = 86_400_000;

/**
 * Takes alarms and sends them, each one to every destination that wants it, until it was taken there or the time for trying is
 * over. What was taken survives any end of the process; it may then be sent twice, with the same id.
 */
export class Deliverer implements Disposable {
  readonly #config: AlarmsConfig;
  readonly #outbox: Outbox;
  readonly #lock: Disposable;
  readonly #destinations: readonly Destination[];
  readonly #observer: DeliveryObserver;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #sleep: Sleep;
  readonly #bell = new Bell();
  /** Attempts under way, by destination and alarm. */
  readonly #underWay = new Map<string, Map<number, Promise<void>>>();
  /** Destinations that asked to be left alone, and until when. */
  readonly #paused = new Map<string, number>();
  #forgotten = 0;
  #broken: { readonly error: unknown } | null = null;
  #open = true;

  private constructor(outbox: Outbox, lock: Disposable, config: AlarmsConfig, options: DelivererOptions) {
    const { destinations, observer = {}, now = Date.now, random = Math.random, sleep = systemSleep } = options;
    this.#outbox = outbox;
    this.#lock = lock;
    this.#config = config;
    this.#destinations = destinations;
    this.#observer = observer;
    this.#now = now;
    this.#random = random;
    this.#sleep = sleep;
  }

  /**
   * Opens the outbox in a folder, which is made where there is none. Only one process delivers from it at a time.
   * @throws SteleError `sweep.locked`, `sweep.failed`
   */
  static async open(folder: string, config: AlarmsConfig, options: DelivererOptions): Promise<Deliverer> {
    await makeFolders(folder, 0o700);
    const lock = lockOutbox(folder);
    try {
      const outbox = Outbox.open(folder, options.now ?? Date.now);
      const deliverer = new Deliverer(outbox, lock, config, options);
      const names = new Set(config.destinations.map(({ name }) => name));
      for (const name of outbox.counts().keys()) {
        if (!names.has(name)) outbox.settleAll(name, "the configuration has no destination of this name any more");
      }
      return deliverer;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Takes alarms; when it returns they are durable. One that was taken before, by its id, is nothing.
   * @returns how many were new
   * @throws SteleError `sweep.failed`: none was taken
   */
  take(alarms: readonly Alarm[]): number {
    const { destinations } = this.#config;
    const taken = this.#outbox.take(alarms, (alarm, knows) =>
      destinations.filter((filter) => wants(filter, alarm, () => knows(filter.name))).map(({ name }) => name),
    );
    for (const alarm of taken) this.#observer.taken?.(alarm);
    if (taken.length > 0) this.#bell.ring();
    return taken.length;
  }

  /**
   * Delivers until the signal aborts. What is under way then is broken off, and stays in the outbox.
   * @throws SteleError `sweep.failed` when the outbox can't be written
   */
  async run(signal: AbortSignal): Promise<void> {
    await this.#deliver(signal, null);
  }

  /**
   * Delivers what can be delivered within `millis`: returns when nothing is left that is due until then.
   * @throws SteleError `sweep.failed`
   */
  async drainFor(millis: number, signal?: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = this.#now() + millis;
    const timer = new AbortController();
    const watch = this.#sleep(millis, timer.signal).then(
      () => over.abort(),
      () => undefined,
    );
    try {
      await this.#deliver(signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]), end);
    } finally {
      timer.abort();
      await watch;
    }
  }

  /** How it stands with each destination, those as well that only the outbox knows. */
  status(): DestinationStatus[] {
    const counts = this.#outbox.counts();
    const none: DestinationCounts = { pending: 0, oldest: null, delivered: 0, dead: 0, disabled: null };
    const configured = this.#config.destinations.map(({ name }) => name);
    const others = [...counts.keys()].filter((name) => !configured.includes(name)).sort();
    return [...configured, ...others].map((name) => ({
      name,
      isConfigured: configured.includes(name),
      ...(counts.get(name) ?? none),
    }));
  }

  /** Lets go of the outbox. {@link run} and {@link drainFor} have to be over. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#outbox.close();
    this.#lock[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @param end when to stop waiting for what is not due; null: never */
  async #deliver(signal: AbortSignal, end: number | null): Promise<void> {
    const attempts = new AbortController();
    const ended = AbortSignal.any([signal, attempts.signal]);
    try {
      while (!signal.aborted) {
        if (this.#broken !== null) throw this.#broken.error;
        this.#forget();
        const next = this.#start(ended);
        const isBusy = [...this.#underWay.values()].some(({ size }) => size > 0);
        if (end !== null && !isBusy && (next === null || next > end)) return;
        // Who drains waits for what is there; who runs looks for what another process puts in as well.
        await this.#wait(next, isBusy || end !== null ? Number.POSITIVE_INFINITY : LOOK_MILLIS, signal);
      }
    } finally {
      attempts.abort();
      await Promise.all([...this.#underWay.values()].flatMap((some) => [...some.values()]));
    }
    if (this.#broken !== null) throw this.#broken.error;
  }

  /** Waits until something is due, comes in or ends, at most `most` milliseconds. */
  async #wait(next: number | null, most: number, signal: AbortSignal): Promise<void> {
    const rung = this.#bell.rung();
    const millis = next === null ? most : Math.min(most, Math.max(0, next - this.#now()));
    const woken = new AbortController();
    const wait = AbortSignal.any([signal, woken.signal]);
    const pause = Number.isFinite(millis) ? this.#sleep(millis, wait) : new Promise<void>(() => undefined);
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true, signal: woken.signal });
    await Promise.race([rung, pause.catch(() => undefined), aborted.promise]);
    woken.abort();
  }

  /** Starts what is due. @returns when the next one is, of those that could be started; null where there are none */
  #start(signal: AbortSignal): number | null {
    let next: number | null = null;
    const now = this.#now();
    for (const destination of this.#destinations) {
      const { name } = destination;
      const underWay = this.#underWay.get(name) ?? new Map<number, Promise<void>>();
      this.#underWay.set(name, underWay);
      const disabled = this.#outbox.disabled(name);
      if (disabled !== null && underWay.size === 0) this.#discard(name, disabled);
      const until = this.#paused.get(name) ?? 0;
      const paused = until - now > LONGEST_WAIT ? 0 : until;
      const heads = underWay.size >= PARALLEL ? [] : this.#outbox.heads(name, underWay.size + PARALLEL);
      for (const head of heads) {
        if (underWay.has(head.seq)) continue;
        // A wait that is longer than any, or of what was never tried, is that of a clock that was set back.
        const due = Math.max(head.attempts === 0 || head.due - now > LONGEST_WAIT ? now : head.due, paused);
        if (due > now) next = Math.min(due, next ?? due);
        else if (underWay.size < PARALLEL) underWay.set(head.seq, this.#attempt(destination, head, signal));
      }
    }
    return next;
  }

  async #attempt(destination: Destination, delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { name } = destination;
    const started = this.#now();
    try {
      const outcome = await destination.deliver(delivery.alarm, started, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        // A defect in one destination must not silence the others.
        return failed(`unexpected error: ${error instanceof Error ? error.name : typeof error}`);
      });
      this.#settle(delivery, outcome, started);
    } catch (error) {
      // Broken off: it stays as it was.
      if (!signal.aborted) this.#broken = { error };
    } finally {
      this.#underWay.get(name)?.delete(delivery.seq);
      this.#bell.ring();
    }
  }

  #settle(delivery: Delivery, outcome: Outcome, started: number): void {
    const { destination, alarm } = delivery;
    switch (outcome.kind) {
      case "delivered":
        this.#outbox.settle(delivery, "delivered", null);
        this.#observer.delivered?.(destination, alarm);
        return;
      case "gone":
        this.#outbox.disable(destination, outcome.why);
        this.#die(delivery, `${outcome.why}: it wants no more`);
        return;
      case "refused":
        this.#die(delivery, outcome.why);
        return;
      case "failed":
        this.#postpone(delivery, outcome, started);
    }
  }

  #postpone(delivery: Delivery, { why, after }: Outcome & { readonly kind: "failed" }, started: number): void {
    const { destination, alarm, attempts } = delivery;
    const tried = delivery.tried ?? started;
    const now = this.#now();
    const end = tried + this.#config.retry.for;
    if (now >= end) {
      this.#die(delivery, `${why} (tried ${attempts + 1} times since ${timestamp(tried)})`);
      return;
    }
    const wait = backoff(attempts + 1, { baseMillis: BASE_MILLIS, maxMillis: MAX_MILLIS, random: this.#random });
    // One last try when the time is over; but a receiver that said when it wants to be asked again is asked no sooner.
    const due = after === null ? Math.min(now + wait, end) : now + Math.max(wait, after);
    if (after !== null) this.#paused.set(destination, now + after);
    this.#outbox.failed(delivery, { tried, due, why });
    this.#observer.failed?.(destination, alarm, why, due - now);
  }

  #die(delivery: Delivery, why: string): void {
    this.#outbox.settle(delivery, "dead", why);
    this.#observer.dead?.(delivery.destination, delivery.alarm, why);
  }

  /** What waits for a destination that wants no more. */
  #discard(name: string, disabled: string): void {
    const why = `not sent: this destination is disabled since it ${disabled}`;
    for (let heads = this.#outbox.heads(name, 100); heads.length > 0; heads = this.#outbox.heads(name, 100)) {
      for (const head of heads) {
        this.#outbox.settle(head, "dead", why, false);
        this.#observer.dead?.(name, head.alarm, why);
      }
    }
  }

  #forget(): void {
    const now = this.#now();
    if (now - this.#forgotten < FORGET_MILLIS) return;
    this.#forgotten = now;
    this.#outbox.forget();
  }
}
