const THREE_DIGITS: readonly string[] = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, "0"));

/** The time of the events: it only moves forward, `rate` events a second on average, with gaps and bursts. */
export class EventClock {
  #micros: number;
  readonly #meanGap: number;
  #second = Number.NaN;
  #spelling = "";

  /** @param startMs milliseconds since 1970 of the first event. @param rate events per second of event time, above 0. */
  constructor(startMs: number, rate: number) {
    this.#micros = startMs * 1000;
    this.#meanGap = 1_000_000 / rate;
  }

  /** Moves on to the next event; `unit` is a random number in `[0, 1)`. */
  advance(unit: number): void {
    this.#micros += Math.floor(-Math.log(1 - unit) * this.#meanGap);
  }

  /** `2026-11-23T15:00:01`, without a zone. */
  #seconds(): string {
    const second = Math.floor(this.#micros / 1_000_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#spelling = new Date(second * 1000).toISOString().slice(0, 19);
    }
    return this.#spelling;
  }

  /** `2026-11-23T15:00:01Z` */
  seconds(): string {
    return `${this.#seconds()}Z`;
  }

  /** `2026-11-23T15:00:01.123Z` */
  millis(): string {
    return `${this.#seconds()}.${THREE_DIGITS[Math.floor(this.#micros / 1000) % 1000]}Z`;
  }

  /** `2026-11-23T15:00:01.123456Z` */
  micros(): string {
    return `${this.#seconds()}.${THREE_DIGITS[Math.floor(this.#micros / 1000) % 1000]}${THREE_DIGITS[this.#micros % 1000]}Z`;
  }
}
