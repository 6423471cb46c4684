import { z } from "zod";
import { timestamp } from "../../core/time.ts";
import type { SilenceConfig } from "./config.ts";
import { type Change, inWords } from "./change.ts";

export interface Silence {
  /** When the newest delivery came, in milliseconds. */
  last: number;
  /** Pauses between deliveries, by half octaves from one second on: what a quantile needs, in little room. */
  buckets: number[];
  /** The episode under way. */
  open: string | null;
}

const BUCKETS = 50;

export const silenceSchema: z.ZodType<Silence> = z.object({
  last: z.int(),
  buckets: z.array(z.int().min(0)).max(BUCKETS),
  open: z.string().nullable(),
});

const SECOND = 1000;
/** When so many were counted all are halved: what is long ago fades. */
const FULL = 2000;

export function newSilence(time: number): Silence {
  return { last: time, buckets: [], open: null };
}

/** A delivery came. */
export function hear(state: Silence, time: number): Change[] {
  const pause = time - state.last;
  if (pause > 0) {
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.floor(2 * Math.log2(Math.max(pause, SECOND) / SECOND))));
    for (let i = state.buckets.length; i <= bucket; i++) state.buckets.push(0);
    state.buckets[bucket] = (state.buckets[bucket] ?? 0) + 1;
    if (total(state) >= FULL) state.buckets = state.buckets.map((n) => Math.floor(n / 2));
    state.last = time;
  }
  if (state.open === null) return [];
  const episode = state.open;
  state.open = null;
  return [
    {
      kind: "over",
      detector: "source.silent",
      episode,
      expected: "a delivery",
      actual: `one at ${timestamp(time)}, after ${inWords(Math.max(0, pause))}`,
      entries: null,
    },
  ];
}

/** Time has passed. */
export function listen(state: Silence, now: number, config: SilenceConfig): Change[] {
  if (state.open !== null || total(state) < config.warmUp) return [];
  const usual = quantile(state, config.quantile);
  const limit = Math.max(config.atLeast, config.factor * usual);
  const silent = now - state.last;
  if (silent <= limit) return [];
  state.open = String(state.last);
  return [
    {
      kind: "begins",
      detector: "source.silent",
      episode: state.open,
      expected: `a delivery within ${inWords(limit)}: ${config.quantile * 100} % of its pauses were no longer than ${inWords(usual)}`,
      actual: `none for ${inWords(silent)}, since ${timestamp(state.last)}`,
      entries: null,
    },
  ];
}

/** The upper edge of the bucket that a quantile falls into. */
function quantile({ buckets }: Silence, share: number): number {
  const wanted = share * buckets.reduce((sum, n) => sum + n, 0);
  let seen = 0;
  for (const [bucket, n] of buckets.entries()) {
    seen += n;
    if (seen >= wanted) return SECOND * 2 ** ((bucket + 1) / 2);
  }
  return SECOND * 2 ** (buckets.length / 2);
}

function total({ buckets }: Silence): number {
  return buckets.reduce((sum, n) => sum + n, 0);
}
