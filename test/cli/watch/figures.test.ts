import { describe, expect, it } from "vitest";
import { lastLocksPass, oldestRead } from "../../../src/cli/watch/figures.ts";
import type { SignedCheckpoint } from "../../../src/core/checkpoint.ts";
import { type Timestamp, timestamp } from "../../../src/core/time.ts";
import type { FinishedPass, Pass } from "../../../src/sweep/state/passes.ts";
import type { RememberedLog } from "../../../src/sweep/state/remembered-logs.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const DAY = 86_400_000;
const at = (days: number): Timestamp => timestamp(NOW + days * DAY);

interface Known {
  /** Manifests. */
  readonly size: number;
  readonly last?: readonly [number, number];
  readonly under?: { readonly from: number; readonly nextBlock: number };
}

/** A state that knows passes of these logs, in days from now. */
function state(logs: Record<string, Known>): Parameters<typeof oldestRead>[0] {
  return {
    logs: () =>
      Object.entries(logs).map(([name, { size }]): RememberedLog => {
        const checkpoint: SignedCheckpoint = {
          origin: `a.example/${name}`,
          size,
          root: new Uint8Array(32),
          note: { text: "", signatures: [] },
        };
        return { name, checkpoint, keys: [], sealed: at(0), nextBy: null, closed: false, seenAt: at(0) };
      }),
    lastPass: (_round, log): FinishedPass | null => {
      const last = logs[log]?.last;
      return last === undefined ? null : { startedAt: at(last[0]), finishedAt: at(last[1]) };
    },
    pass: (round, log, shard): Pass | null => {
      const under = logs[log]?.under;
      if (under === undefined) return null;
      return { id: 1, round, log, shard, startedAt: at(under.from), nextBlock: under.nextBlock, done: new Set() };
    },
  };
}

describe("the oldest byte", () => {
  it.each<[string, Record<string, Known>, number | null]>([
    ["nothing is known", {}, null],
    ["a log was never read", { app: { size: 10 } }, null],
    ["the first pass is under way: nothing before it counts", { app: { size: 1024, under: { from: -3, nextBlock: 2 } } }, -3],
    ["a pass is over, none under way", { app: { size: 1024, last: [-40, -10] } }, -40],
    [
      "half of the next pass is done: what comes next was read half way into the last one",
      { app: { size: 1024, last: [-40, -10], under: { from: -10, nextBlock: 2 } } },
      -25,
    ],
    ["all but the last block", { app: { size: 1024, last: [-40, -10], under: { from: -10, nextBlock: 3 } } }, -17.5],
    ["more blocks than there are manifests known", { app: { size: 1, last: [-4, -2], under: { from: -1, nextBlock: 9 } } }, -2],
    [
      "of several logs the one that waits the longest",
      { app: { size: 1, last: [-2, -1] }, web: { size: 1, last: [-9, -8] } },
      -9,
    ],
  ])("%s", (_what, logs, days) => {
    expect(oldestRead(state(logs))).toBe(days === null ? null : NOW + days * DAY);
  });
});

describe("the last pass of the locks round", () => {
  it.each<[Record<string, Known>, number | null]>([
    [{}, null],
    [{ app: { size: 1, last: [-2, -1] } }, -2],
    [{ app: { size: 1, last: [-2, -1] }, web: { size: 1, last: [-3, -1] } }, -3],
    // One was never gone through: the round is due.
    [{ app: { size: 1, last: [-2, -1] }, web: { size: 1 } }, null],
  ])("%j", (logs, days) => {
    expect(lastLocksPass(state(logs))).toBe(days === null ? null : NOW + days * DAY);
  });
});
