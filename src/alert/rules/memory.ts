import { z } from "zod";
import { sha256 } from "#sha256";
import { toHex, utf8 } from "../../core/bytes.ts";

/** Matches that a throttle held back: they are told together when its period is over. */
export interface HeldBack {
  readonly rule: string;
  readonly key: string;
  /** When the period began, in milliseconds. */
  readonly since: number;
  readonly count: number;
  /** Indexes of the first and the last of them. */
  readonly first: number;
  readonly last: number;
}

/** Matches that reached a rule's number. */
export interface Counted {
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

interface Period {
  readonly rule: string;
  readonly key: string;
  readonly since: number;
  readonly every: number;
  count: number;
  first: number;
  last: number;
}

interface Group {
  readonly rule: string;
  readonly key: string;
  /** Time and index of each match that still counts, oldest first. */
  matches: [time: number, index: number][];
}

/** Keeps the notes within some 300 kB, whatever comes. The groups that had no match for longest go first. */
const MAX_PERIODS = 1000;
const MAX_COUNTED = 3000;
const MAX_KEY = 64;

const whole = z.int();
const schema = z.object({
  clock: whole,
  forgotten: whole,
  periods: z.array(z.tuple([z.string(), z.string(), whole, whole, whole, whole, whole])),
  groups: z.array(z.tuple([z.string(), z.string(), z.array(z.tuple([whole, whole]))])),
});

/**
 * What rules that count or throttle remember of one log. Time is the arrival of entries, which never runs back here: the same
 * entries give the same alarms, whenever and however often they are looked at.
 */
export class RuleMemory {
  #clock = 0;
  #forgotten = 0;
  #counted = 0;
  /** In order of last use. */
  readonly #periods = new Map<string, Period>();
  readonly #groups = new Map<string, Group>();
  #over: HeldBack[] = [];

  /** Reads what {@link format} wrote; anything else begins anew. */
  static read(notes: string | null): RuleMemory {
    const memory = new RuleMemory();
    const parsed = schema.safeParse(parseJson(notes));
    if (!parsed.success) return memory;
    const { clock, forgotten, periods, groups } = parsed.data;
    memory.#clock = clock;
    memory.#forgotten = forgotten;
    for (const [rule, key, since, every, count, first, last] of periods) {
      memory.#periods.set(place(rule, key), { rule, key, since, every, count, first, last });
    }
    for (const [rule, key, matches] of groups) {
      memory.#groups.set(place(rule, key), { rule, key, matches });
      memory.#counted += matches.length;
    }
    return memory;
  }

  /** One line of JSON; null when there is nothing to remember. */
  format(): string | null {
    if (this.#periods.size + this.#groups.size + this.#forgotten === 0) return null;
    return JSON.stringify({
      clock: this.#clock,
      forgotten: this.#forgotten,
      periods: [...this.#periods.values()].map((p) => [p.rule, p.key, p.since, p.every, p.count, p.first, p.last]),
      groups: [...this.#groups.values()].map(({ rule, key, matches }) => [rule, key, matches]),
    });
  }

  /** Groups that were given up for want of room, ever. */
  get forgotten(): number {
    return this.#forgotten;
  }

  advance(time: number): void {
    this.#clock = Math.max(this.#clock, time);
  }

  /** Counts a match; gives the group's matches when there are enough of them, and counts anew from there. */
  count(rule: string, wholeKey: string, index: number, { atLeast, within }: { atLeast: number; within: number }): Counted | null {
    const key = shorten(wholeKey);
    const at = place(rule, key);
    const known = this.#groups.get(at);
    this.#groups.delete(at);
    const before = known?.matches ?? [];
    const matches = before.filter(([time]) => time > this.#clock - within);
    matches.push([this.#clock, index]);
    this.#counted += matches.length - before.length;
    const [oldest] = matches;
    if (matches.length >= atLeast && oldest !== undefined) {
      this.#counted -= matches.length;
      return { count: matches.length, first: oldest[1], last: index };
    }
    this.#groups.set(at, { rule, key, matches });
    for (const [name, group] of this.#groups) {
      if (this.#counted <= MAX_COUNTED) break;
      this.#groups.delete(name);
      this.#counted -= group.matches.length;
      this.#forgotten++;
    }
    return null;
  }

  /** Whether a match is to be told now; else it is held back. */
  admit(rule: string, wholeKey: string, index: number, every: number): boolean {
    const key = shorten(wholeKey);
    const at = place(rule, key);
    const known = this.#periods.get(at);
    if (known !== undefined && this.#clock < known.since + known.every) {
      if (known.count === 0) known.first = index;
      known.count++;
      known.last = index;
      return false;
    }
    if (known !== undefined) this.#end(at, known);
    this.#periods.set(at, { rule, key, since: this.#clock, every, count: 0, first: index, last: index });
    for (const [name, period] of this.#periods) {
      if (this.#periods.size <= MAX_PERIODS) break;
      this.#end(name, period);
    }
    return true;
  }

  /** Periods that are over at a time (default: the newest arrival's; infinity: all), and held something back. */
  over(time: number = this.#clock): HeldBack[] {
    for (const [name, period] of this.#periods) {
      if (time >= period.since + period.every) this.#end(name, period);
    }
    const over = this.#over;
    this.#over = [];
    return over;
  }

  #end(name: string, { rule, key, since, count, first, last }: Period): void {
    this.#periods.delete(name);
    if (count > 0) this.#over.push({ rule, key, since, count, first, last });
  }
}

function place(rule: string, key: string): string {
  return `${rule} ${key}`;
}

function shorten(key: string): string {
  if (key.length <= MAX_KEY && key.isWellFormed()) return key;
  return `${key.slice(0, 32).toWellFormed()}#${toHex(sha256(utf8(key.toWellFormed()))).slice(0, 16)}`;
}

function parseJson(notes: string | null): unknown {
  try {
    return notes === null ? null : JSON.parse(notes);
  } catch {
    return null;
  }
}
