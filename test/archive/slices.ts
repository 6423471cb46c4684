import type { LogWriter } from "../../src/archive/log-writer.ts";
import type { EntryBound, EntryRange } from "../../src/archive/range.ts";
import { sealSegment } from "../../src/archive/segment/seal.ts";
import { type Timestamp, timestamp } from "../../src/core/time.ts";
import { NOW, rawOf } from "./fixture.ts";

/** An entry, and when it arrived. */
export interface Arrival {
  readonly line: string;
  readonly time: Timestamp;
}

/** Fills a log with segments of several runs, each a second after the one before. @param openAt opens a writer by a clock */
export async function commitArrivals(openAt: (now: () => number) => Promise<LogWriter>): Promise<Arrival[]> {
  let clock = NOW;
  const writer = await openAt(() => clock);
  const all: Arrival[] = [];
  for (const counts of [[2, 1], [1], [3, 2, 1], [4]]) {
    const appends = counts.map((count) => ({ count, time: timestamp((clock += 1000)), source: "test" }));
    const added = appends.flatMap(({ count, time }) => Array.from({ length: count }, (_, i) => ({ line: `${time} ${i}`, time })));
    await writer.commit(sealSegment(rawOf(added.map(({ line }) => line))), appends);
    all.push(...added);
  }
  return all;
}

/** A range, and what reading it must give. */
export interface Slice extends EntryRange {
  /** Why it is refused. */
  readonly code: "input.invalid" | undefined;
  readonly text: string;
}

/** From and to every index, two beyond the last, every time of arrival and the millisecond after it; and without bounds. */
export function slicesOf(all: readonly Arrival[]): Slice[] {
  const indexes = Array.from({ length: all.length + 2 }, (_, index) => ({ index }));
  const seconds = [...new Set(all.map(({ time }) => Date.parse(time)))];
  const times = seconds.flatMap((at) => [{ time: timestamp(at) }, { time: timestamp(at + 1) }]);
  const bounds = [undefined, ...indexes, ...times];
  return bounds.flatMap((from) => bounds.map((to) => slice(all, from, to)));
}

function slice(all: readonly Arrival[], from: EntryBound | undefined, to: EntryBound | undefined): Slice {
  // Nothing from an index that is not there yet is refused: silence would look like an answer.
  const isBehind = from !== undefined && "index" in from && from.index >= all.length;
  const text = all
    .filter(({ time }, i) => (from === undefined || isReached(from, i, time)) && (to === undefined || !isReached(to, i, time)))
    .map(({ line }) => `${line}\n`)
    .join("");
  return { from, to, code: isBehind ? "input.invalid" : undefined, text };
}

function isReached(bound: EntryBound, index: number, time: string): boolean {
  return "index" in bound ? index >= bound.index : time >= bound.time;
}
