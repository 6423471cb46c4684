import { z } from "zod";
import { timestamp } from "../../core/time.ts";
import { type Change, inWords } from "./change.ts";
import type { RateConfig } from "./config.ts";

export interface Rate {
  /** Number of the window under way, from 1970 on. */
  window: number;
  count: number;
  /** First entry of the window, and the end of what was seen of it. */
  first: number;
  end: number;
  /** Moving mean, and moving mean distance from it, of log(1 + count). */
  mean: number;
  deviation: number;
  /** Windows with entries, ever. */
  windows: number;
  open: { readonly detector: "rate.high" | "rate.low"; readonly episode: string } | null;
}

export const rateSchema: z.ZodType<Rate> = z.object({
  window: z.int(),
  count: z.int().min(0),
  first: z.int(),
  end: z.int(),
  mean: z.number(),
  deviation: z.number(),
  windows: z.int().min(0),
  open: z.object({ detector: z.enum(["rate.high", "rate.low"]), episode: z.string() }).nullable(),
});

/** How much of a new window goes into the means: they follow some twenty windows. */
const WEIGHT = 0.05;
/** So even a past is taken to vary: by a quarter. */
const LEAST_DEVIATION = 0.25;
/** Further away a window moves the means no more than this many deviations: one flood does not become the norm, a lasting one does. */
const CLIP = 2;

export function newRate(time: number, config: RateConfig): Rate {
  const window = Math.floor(time / config.window);
  return { window, count: 0, first: 0, end: 0, mean: 0, deviation: 0, windows: 0, open: null };
}

/** Entries came. */
export function countEntries(state: Rate, time: number, first: number, count: number, config: RateConfig): Change[] {
  const changes = passTo(state, time, config);
  if (state.count === 0) state.first = first;
  state.count += count;
  state.end = first + count;
  // Too many are too many already before the window is over.
  if (state.open === null && isHigh(state, config)) changes.push(begin(state, "rate.high", config));
  return changes;
}

/** Closes the window under way where time has passed it. One without entries says nothing here: that is a silence. */
export function passTo(state: Rate, time: number, config: RateConfig): Change[] {
  const window = Math.floor(time / config.window);
  if (window <= state.window) return [];
  const changes = state.count === 0 ? [] : close(state, config);
  state.window = window;
  state.count = 0;
  return changes;
}

function close(state: Rate, config: RateConfig): Change[] {
  const changes: Change[] = [];
  const detector = isHigh(state, config) ? "rate.high" : isLow(state, config) ? "rate.low" : null;
  if (state.open !== null && state.open.detector !== detector) {
    changes.push({ ...told(state, config), kind: "over", ...state.open });
    state.open = null;
  }
  if (detector !== null && state.open === null) changes.push(begin(state, detector, config));
  learn(state);
  return changes;
}

function learn(state: Rate): void {
  const weight = Math.max(WEIGHT, 1 / (state.windows + 1));
  const limit = state.windows < 2 ? Number.POSITIVE_INFINITY : CLIP * Math.max(state.deviation, LEAST_DEVIATION);
  const distance = Math.max(-limit, Math.min(limit, Math.log1p(state.count) - state.mean));
  state.mean += weight * distance;
  if (state.windows > 0) state.deviation += weight * (Math.abs(distance) - state.deviation);
  state.windows++;
}

function isHigh(state: Rate, config: RateConfig): boolean {
  return state.windows >= config.warmUp && state.count >= config.atLeast && state.count > bounds(state, config).high;
}

function isLow(state: Rate, config: RateConfig): boolean {
  const { usual, low } = bounds(state, config);
  return state.windows >= config.warmUp && usual >= config.atLeast && state.count < low;
}

function bounds({ mean, deviation }: Rate, { deviations }: RateConfig): { usual: number; low: number; high: number } {
  const far = deviations * Math.max(deviation, LEAST_DEVIATION);
  return { usual: Math.expm1(mean), low: Math.expm1(mean - far), high: Math.expm1(mean + far) };
}

function begin(state: Rate, detector: "rate.high" | "rate.low", config: RateConfig): Change {
  state.open = { detector, episode: String(state.window) };
  return { ...told(state, config), kind: "begins", ...state.open };
}

function told(state: Rate, config: RateConfig): Omit<Change, "kind" | "detector" | "episode"> {
  const { usual, low, high } = bounds(state, config);
  const whole = (n: number): string => Math.max(0, Math.round(n)).toLocaleString("en-US");
  const window = inWords(config.window);
  return {
    expected: `${whole(low)} to ${whole(high)} entries in ${window}: usually ${whole(usual)}, learned from ${whole(state.windows)} such spans`,
    actual: `${whole(state.count)} in the ${window} from ${timestamp(state.window * config.window)}`,
    entries: { first: state.first, end: state.end },
  };
}
