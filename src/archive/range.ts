import type { Manifest } from "../core/manifest.ts";
import type { Timestamp } from "../core/time.ts";

/** Where a range of entries begins (inclusive) or ends (exclusive): by index, or by time of arrival. */
export type EntryBound = { readonly index: number } | { readonly time: Timestamp };

export interface EntryRange {
  readonly from?: EntryBound | undefined;
  readonly to?: EntryBound | undefined;
}

/** A run of entries, by index in the log. */
export interface Span {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/** The entries of a manifest that a range asks for, in order; neighbours are joined. */
export function spansWithin(manifest: Manifest, { from, to }: EntryRange): Span[] {
  const spans: Span[] = [];
  for (const { first, count, time } of manifest.appends) {
    if (from !== undefined && "time" in from && time < from.time) continue;
    if (to !== undefined && "time" in to && time >= to.time) continue;
    const start = from !== undefined && "index" in from ? Math.max(first, from.index) : first;
    const end = to !== undefined && "index" in to ? Math.min(first + count, to.index) : first + count;
    if (start >= end) continue;
    const last = spans.at(-1);
    if (last?.end === start) spans[spans.length - 1] = { first: last.first, end };
    else spans.push({ first: start, end });
  }
  return spans;
}

/** Whether no manifest after this one can hold anything that the range asks for. Arrival times may go back: only indexes tell. */
export function isBeyond(manifest: Manifest, { to }: EntryRange): boolean {
  return to !== undefined && "index" in to && manifest.entries.first >= to.index;
}
