import { interval, nextTurn, type Schedule } from "./schedule.ts";

/**
 * Something that is done again and again. Those named first come first where several are due; but none comes twice in a row
 * while another is due, so that one which takes longer than its interval leaves the others their time.
 */
export interface Item<Name extends string> {
  readonly name: Name;
  readonly schedule: Schedule;
}

/** What is to be done next, and when (milliseconds since 1970). */
export interface Turn<Name extends string> {
  readonly name: Name;
  readonly at: number;
}

interface Planned<Name extends string> extends Item<Name> {
  /** When it last began; null: never. */
  last: number | null;
  at: number;
}

export interface AgendaOptions {
  /** At most so many milliseconds are added to a turn, so that many machines do not ask at once. */
  readonly jitter: number;
  /** From 0 up to 1, 1 left out. */
  readonly random: () => number;
}

/**
 * Which round comes next. A turn that was missed, since nothing ran or the machine slept, is due at once, and however many were
 * missed, it is made up for once.
 */
export class Agenda<Name extends string> {
  readonly #options: AgendaOptions;
  #items: Planned<Name>[];
  #latest: Name | null = null;

  /** @param last when each was last begun, as far as is remembered */
  constructor(items: readonly Item<Name>[], last: (name: Name) => number | null, now: number, options: AgendaOptions) {
    this.#options = options;
    this.#items = items.map((item) => this.#plan(item, last(item.name), now));
  }

  /** The first in order of those that are due, else the one that is due soonest; null when there is none. */
  next(now: number): Turn<Name> | null {
    for (const item of this.#items) this.#distrust(item, now);
    const dues = this.#items.filter(({ at }) => at <= now);
    const due = dues.find(({ name }) => name !== this.#latest) ?? dues[0];
    if (due !== undefined) return { name: due.name, at: due.at };
    const [first] = this.#items.toSorted((a, b) => a.at - b.at);
    return first === undefined || first.at === Infinity ? null : { name: first.name, at: first.at };
  }

  /** When this one is due; null when it is not on the agenda. */
  dueAt(name: Name): number | null {
    return this.#items.find((item) => item.name === name)?.at ?? null;
  }

  /** It was begun at `now`. */
  began(name: Name, now: number): void {
    this.#latest = name;
    this.#items = this.#items.map((item) => (item.name === name ? this.#plan(item, now, now) : item));
  }

  /** It is due now: it was cut short, or something happened that it is for. */
  due(name: Name, now: number): void {
    for (const item of this.#items) if (item.name === name) item.at = now;
  }

  /** Puts other items in the place of these; what was last begun when is kept. */
  replace(items: readonly Item<Name>[], now: number): void {
    const last = new Map(this.#items.map((item) => [item.name, item.last]));
    this.#items = items.map((item) => this.#plan(item, last.get(item.name) ?? null, now));
  }

  #plan({ name, schedule }: Item<Name>, last: number | null, now: number): Planned<Name> {
    if (last === null) return { name, schedule, last, at: now };
    const turn = nextTurn(schedule, Math.min(last, now));
    // What is late already is not put off further.
    return { name, schedule, last, at: turn <= now ? turn : turn + this.#jitter(schedule, now) };
  }

  /** A tenth of the interval at most: a round each minute stays one. */
  #jitter(schedule: Schedule, now: number): number {
    const most = Math.min(this.#options.jitter, interval(schedule, now) / 10);
    return Number.isFinite(most) ? Math.floor(this.#options.random() * most) : 0;
  }

  /** A clock that was set back would leave a turn a long way off. */
  #distrust(item: Planned<Name>, now: number): void {
    if (item.last === null || item.last <= now) return;
    Object.assign(item, this.#plan(item, now, now));
  }
}
