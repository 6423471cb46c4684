import type { Destination, Outcome } from "../../src/alert/destination/destination.ts";
import type { Alarm } from "../../src/sweep/alarm.ts";

export interface Attempt {
  readonly id: string;
  readonly at: number;
  readonly alarm: Alarm;
}

/** A destination that answers as it is told, and keeps what it was given. */
export class FakeDestination implements Destination {
  readonly name: string;
  readonly attempts: Attempt[] = [];
  /** What was taken, in order. */
  readonly taken: string[] = [];
  #answer: (alarm: Alarm, nth: number) => Outcome | Promise<Outcome>;

  constructor(name: string, answer: (alarm: Alarm, nth: number) => Outcome | Promise<Outcome> = () => ({ kind: "delivered" })) {
    this.name = name;
    this.#answer = answer;
  }

  answers(answer: (alarm: Alarm, nth: number) => Outcome | Promise<Outcome>): void {
    this.#answer = answer;
  }

  async deliver(alarm: Alarm, now: number): Promise<Outcome> {
    this.attempts.push({ id: alarm.id, at: now, alarm });
    const nth = this.attempts.filter(({ id }) => id === alarm.id).length;
    const outcome = await this.#answer(alarm, nth);
    if (outcome.kind === "delivered") this.taken.push(alarm.id);
    return outcome;
  }
}
