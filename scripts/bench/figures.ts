import type { Run } from "./process.ts";

/** How fast something went through events, over several runs. */
export interface Figures {
  readonly name: string;
  /** Bytes and number of the events that it was given. */
  readonly bytes: number;
  readonly events: number;
  readonly seconds: readonly number[];
  readonly median: number;
  /** 10^6 bytes of events a second, of the median run. */
  readonly megabytesPerSecond: number;
  readonly eventsPerSecond: number;
  /** Bytes: the largest of the runs; null where it was not measured. */
  readonly peakMemory: number | null;
}

/** A figure beside another, and what their ratio is wanted to be. */
export interface Ratio {
  readonly ratio: number;
  /** The least that is wanted. */
  readonly wanted: number;
  readonly met: boolean;
}

/** Something that Stele was compared with; or why it was not. */
export type Compared = (Figures & Ratio & { readonly note: string }) | { readonly name: string; readonly missing: string };

/** Stele's figures over one file of events, beside others'. */
export interface Comparison {
  readonly title: string;
  readonly storedBytes: number;
  readonly stele: Figures;
  readonly beside: readonly Compared[];
}

export function inFigures(name: string, runs: readonly Run[], { bytes, events }: { bytes: number; events: number }): Figures {
  const seconds = runs.map((run) => run.seconds);
  const middle = median(seconds);
  const peaks = runs.flatMap(({ peak }) => (peak === null ? [] : [peak]));
  return {
    name,
    bytes,
    events,
    seconds,
    median: middle,
    megabytesPerSecond: bytes / 1e6 / middle,
    eventsPerSecond: events / middle,
    peakMemory: peaks.length === 0 ? null : Math.max(...peaks),
  };
}

export function inRatio(ours: number, theirs: number, wanted: number): Ratio {
  const ratio = ours / theirs;
  return { ratio, wanted, met: ratio >= wanted };
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("median: expected one value or more, got none");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** How much the largest of some values is above the smallest: 0.1 is 10 %. */
export function spread(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values) - 1;
}
