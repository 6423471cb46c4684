import { z } from "zod";
import type { Change } from "./change.ts";
import type { SequenceConfig } from "./config.ts";

export interface Sequence {
  /** The highest number since the sequence began; -1 before. */
  last: number;
  /** Ranges that were left out, end exclusive, oldest first. */
  missing: [first: number, end: number][];
  /** The episode of the gap that is open. */
  gap: string | null;
  /** When something was left out last, in milliseconds. */
  gapAt: number;
  repeat: string | null;
}

export const sequenceSchema: z.ZodType<Sequence> = z.object({
  last: z.int(),
  missing: z.array(z.tuple([z.int(), z.int()])),
  gap: z.string().nullable(),
  gapAt: z.int(),
  repeat: z.string().nullable(),
});

/** What happened to a source's numbers in one manifest. */
export interface SequenceTally {
  events: number;
  /** What was left out, as words: a few of them. */
  gaps: string[];
  missing: number;
  gapFirst: number;
  repeats: number;
  repeatFirst: number;
  repeatOf: number;
  resets: { readonly index: number; readonly from: number; readonly to: number }[];
  end: number;
}

/** Ranges that late events are looked for in; the oldest are given up first. */
const MAX_RANGES = 16;
const MAX_RESETS = 4;

export function newSequence(): Sequence {
  return { last: -1, missing: [], gap: null, gapAt: 0, repeat: null };
}

export function newSequenceTally(): SequenceTally {
  return { events: 0, gaps: [], missing: 0, gapFirst: 0, repeats: 0, repeatFirst: 0, repeatOf: 0, resets: [], end: 0 };
}

/** Takes the next number: the one that follows, a later one, one that was missing, a first one, or one that was there. */
export function follow(state: Sequence, tally: SequenceTally, index: number, number: number, time: number): void {
  tally.events++;
  tally.end = index + 1;
  if (state.last < 0 || number === state.last + 1) {
    state.last = number;
    return;
  }
  if (number > state.last) {
    if (tally.missing === 0) tally.gapFirst = index;
    tally.missing += number - state.last - 1;
    if (tally.gaps.length < 5) tally.gaps.push(spell(state.last + 1, number));
    state.missing.push([state.last + 1, number]);
    if (state.missing.length > MAX_RANGES) state.missing.shift();
    state.gapAt = Math.max(state.gapAt, time);
    state.last = number;
    return;
  }
  const at = state.missing.findIndex(([first, end]) => number >= first && number < end);
  const [first, end] = state.missing[at] ?? [0, 0];
  if (at >= 0) {
    const rest: [number, number][] = [
      [first, number],
      [number + 1, end],
    ];
    state.missing.splice(at, 1, ...rest.filter(([from, to]) => from < to));
    return;
  }
  // Those who count anew begin with 0 or 1.
  if (number <= 1 && state.last > 1) {
    if (tally.resets.length < MAX_RESETS) tally.resets.push({ index, from: state.last, to: number });
    state.last = number;
    state.missing = [];
    return;
  }
  if (tally.repeats === 0) {
    tally.repeatFirst = index;
    tally.repeatOf = number;
  }
  tally.repeats++;
}

/** What there is to tell after a manifest. */
export function judgeSequence(state: Sequence, tally: SequenceTally, now: number, config: SequenceConfig): Change[] {
  return [...judgeGap(state, tally, now, config), ...judgeRepeat(state, tally), ...tally.resets.map(resetOf)];
}

/** A gap is over when all of it came in after all, or when nothing more was missing for a while. */
export function judgeGap(state: Sequence, tally: SequenceTally | null, now: number, config: SequenceConfig): Change[] {
  const expected = "numbers that follow each other";
  if (state.gap === null) {
    if (tally === null || tally.missing === 0) return [];
    state.gap = `${tally.gapFirst}`;
    const more = tally.gaps.length < 5 ? "" : " and others";
    return [
      {
        kind: "begins",
        detector: "sequence.gap",
        episode: state.gap,
        expected,
        actual: `${tally.missing.toLocaleString("en-US")} left out: ${tally.gaps.join(", ")}${more}`,
        entries: { first: tally.gapFirst, end: tally.end },
      },
    ];
  }
  const open = state.missing.length > 0;
  if (open && now < state.gapAt + config.settle) return [];
  const episode = state.gap;
  const still = state.missing.map(([first, end]) => spell(first, end)).join(", ");
  state.gap = null;
  state.missing = [];
  const actual = open ? `nothing more left out since then; never came: ${still}` : "what was left out came later";
  return [{ kind: "over", detector: "sequence.gap", episode, expected, actual, entries: null }];
}

function judgeRepeat(state: Sequence, tally: SequenceTally): Change[] {
  const expected = "each number once";
  if (state.repeat === null) {
    if (tally.repeats === 0) return [];
    state.repeat = `${tally.repeatFirst}`;
    const actual = `${tally.repeats.toLocaleString("en-US")} that were there before, the first of them ${tally.repeatOf}`;
    const entries = { first: tally.repeatFirst, end: tally.end };
    return [{ kind: "begins", detector: "sequence.repeat", episode: state.repeat, expected, actual, entries }];
  }
  if (tally.repeats > 0 || tally.events === 0) return [];
  const episode = state.repeat;
  state.repeat = null;
  const actual = `${tally.events.toLocaleString("en-US")} events, none with a number that was there before`;
  return [{ kind: "over", detector: "sequence.repeat", episode, expected, actual, entries: null }];
}

function resetOf({ index, from, to }: SequenceTally["resets"][number]): Change {
  return {
    kind: "begins",
    detector: "sequence.reset",
    episode: `${index}`,
    expected: `a number after ${from}`,
    actual: `${to} in entry ${index}`,
    entries: { first: index, end: index + 1 },
  };
}

function spell(first: number, end: number): string {
  return end - first === 1 ? `${first}` : `${first} to ${end - 1}`;
}
