import type { SteleError } from "../core/error.ts";
import { counted, duration, printable, size } from "./words.ts";

/** What waits in a spool. */
export interface Waiting {
  readonly entries: number;
  readonly bytes: number;
}

/** How long after the last word on an outage the next comes, in milliseconds; the last for all further ones. */
const PAUSES = [60_000, 300_000, 900_000, 3_600_000];

/** Says when the store can't be reached, now and then while that lasts, and when it is over. */
export class Outage {
  readonly #warn: (text: string) => void;
  readonly #folder: string;
  readonly #waiting: () => Waiting;
  readonly #now: () => number;
  #since: number | null = null;
  #said = 0;
  #lastSaid = 0;

  /**
   * @param folder of the spool
   * @param waiting what is in it
   * @param now in milliseconds, of a clock that does not go back
   */
  constructor(warn: (text: string) => void, folder: string, waiting: () => Waiting, now = (): number => performance.now()) {
    this.#warn = warn;
    this.#folder = folder;
    this.#waiting = waiting;
    this.#now = now;
  }

  get isOn(): boolean {
    return this.#since !== null;
  }

  failed(error: SteleError): void {
    const now = this.#now();
    const pause = PAUSES[Math.min(this.#said, PAUSES.length) - 1] ?? 0;
    if (this.#since !== null && now - this.#lastSaid < pause) return;
    this.#lastSaid = now;
    this.#said++;
    const why = printable(error.message);
    if (this.#since === null) {
      this.#since = now;
      this.#warn(`the store can't be reached: ${why}; events are kept in ${this.#folder}; trying again`);
      return;
    }
    this.#warn(
      `the store still can't be reached, for ${duration(now - this.#since)} now: ${why}; ${this.#waitingInWords()} in ${this.#folder}; trying again`,
    );
  }

  over(): void {
    if (this.#since === null) return;
    const lasted = this.#now() - this.#since;
    this.#since = null;
    this.#said = 0;
    this.#warn(`the store can be reached again, after ${duration(lasted)}; ${this.#waitingInWords()}`);
  }

  #waitingInWords(): string {
    const { entries, bytes } = this.#waiting();
    if (entries === 0) return "nothing waits";
    return `${counted(entries, "entry waits", "entries wait")} (${size(bytes)})`;
  }
}
