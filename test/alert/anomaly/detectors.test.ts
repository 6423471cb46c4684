import { describe, expect, test } from "vitest";
import { compareClocks, judgeClock, newClockTally } from "../../../src/alert/anomaly/clock.ts";
import type { Change } from "../../../src/alert/anomaly/change.ts";
import {
  type Duplicates,
  judgeDuplicates,
  newDuplicatesTally,
  RecentHashes,
  tallyDuplicate,
} from "../../../src/alert/anomaly/duplicates.ts";
import { idIn, sequenceIn, timeIn } from "../../../src/alert/anomaly/field.ts";
import { countEntries, newRate, passTo } from "../../../src/alert/anomaly/rate.ts";
import {
  follow,
  judgeGap,
  judgeSequence,
  newSequence,
  newSequenceTally,
  type Sequence,
} from "../../../src/alert/anomaly/sequence.ts";
import { hear, listen, newSilence } from "../../../src/alert/anomaly/silence.ts";
import { leafHash } from "../../../src/core/hash.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { present, profile } from "./profile.ts";

const MINUTE = 60_000;
const kinds = (changes: readonly Change[]): string[] =>
  changes.map(({ kind, detector, episode }) => `${kind} ${detector} ${episode}`);

/** Numbers from 0 to 1 that look like chance and are the same every time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

describe("silence", () => {
  const config = present(profile({}).silence);

  test("is told once, after some times a usual pause, and is over with the next delivery", () => {
    const state = newSilence(0);
    const next = chance(1);
    let now = 0;
    for (let i = 0; i < 200; i++) {
      now += 30_000 + next() * 60_000;
      expect(listen(state, now, config)).toEqual([]);
      expect(hear(state, Math.floor(now))).toEqual([]);
    }
    const last = Math.floor(now);
    expect(listen(state, last + 5 * MINUTE, config)).toEqual([]);
    const [silent] = listen(state, last + 20 * MINUTE, config);
    expect(silent).toMatchObject({ kind: "begins", detector: "source.silent", episode: String(last) });
    expect(silent?.expected).toMatch(/^a delivery within \d+ min \d+ s: 99 % of its pauses were no longer than/);
    expect(silent?.actual).toMatch(/^none for 20 min 0 s, since /);
    expect(listen(state, last + 40 * MINUTE, config)).toEqual([]);
    expect(kinds(hear(state, last + 50 * MINUTE))).toEqual([`over source.silent ${last}`]);
    expect(hear(state, last + 51 * MINUTE)).toEqual([]);
  });

  test("is none before enough was seen, nor of a source that often pauses", () => {
    const fresh = newSilence(0);
    for (let i = 1; i <= 49; i++) hear(fresh, i * MINUTE);
    expect(listen(fresh, 1e9, config)).toEqual([]);
    const nightly = newSilence(0);
    let now = 0;
    for (let day = 0; day < 30; day++) {
      for (let i = 0; i < 10; i++) hear(nightly, (now += MINUTE));
      hear(nightly, (now += 14 * 60 * MINUTE));
    }
    expect(listen(nightly, now + 15 * 60 * MINUTE, config)).toEqual([]);
  });
});

describe("rate", () => {
  const config = present(profile({}).rate);
  const WINDOW = config.window;

  const steady = (windows: number, usual = 1000): ReturnType<typeof newRate> => {
    const state = newRate(0, config);
    const next = chance(2);
    for (let w = 0; w < windows; w++) {
      expect(countEntries(state, w * WINDOW, w * usual, Math.round(usual * (0.7 + 0.6 * next())), config)).toEqual([]);
    }
    return state;
  };

  test("far more is told as soon as it is, once, and over when a window is as usual again", () => {
    const state = steady(50);
    expect(countEntries(state, 50 * WINDOW, 0, 2000, config)).toEqual([]);
    const [high] = countEntries(state, 50 * WINDOW + 1, 2000, 100_000, config);
    expect(high).toMatchObject({ kind: "begins", detector: "rate.high", episode: "50", entries: { first: 0, end: 102_000 } });
    expect(high?.expected).toMatch(/^\d+ to [\d,]+ entries in 5 min 0 s: usually [\d,]+, learned from 50 such spans$/);
    expect(high?.actual).toMatch(/^102,000 in the 5 min 0 s from /);
    expect(countEntries(state, 51 * WINDOW, 0, 100_000, config)).toEqual([]);
    expect(countEntries(state, 52 * WINDOW, 0, 1000, config)).toEqual([]);
    expect(kinds(countEntries(state, 53 * WINDOW, 0, 1000, config))).toEqual(["over rate.high 50"]);
  });

  test("far less is told when the window is over", () => {
    const state = steady(50);
    expect(countEntries(state, 50 * WINDOW, 0, 3, config)).toEqual([]);
    expect(kinds(passTo(state, 51 * WINDOW, config))).toEqual(["begins rate.low 50"]);
    expect(countEntries(state, 51 * WINDOW, 0, 1000, config)).toEqual([]);
    expect(kinds(passTo(state, 52 * WINDOW, config))).toEqual(["over rate.low 50"]);
  });

  test("one flood does not become the norm, a lasting change does", () => {
    const state = steady(50);
    const usual = Math.expm1(state.mean);
    countEntries(state, 50 * WINDOW, 0, 1_000_000, config);
    passTo(state, 51 * WINDOW, config);
    expect(Math.expm1(state.mean)).toBeLessThan(usual * 1.1);
    const changes: Change[] = [];
    for (let w = 51; w < 400; w++) changes.push(...countEntries(state, w * WINDOW, 0, 100_000, config));
    expect(kinds(changes)).toEqual(["over rate.high 50"]);
  });

  test("nothing is said of the first windows, of few entries, nor of windows without any", () => {
    const fresh = newRate(0, config);
    for (let w = 0; w < config.warmUp; w++) {
      expect(countEntries(fresh, w * WINDOW, 0, w % 2 === 0 ? 1 : 1_000_000, config)).toEqual([]);
    }
    const few = newRate(0, config);
    for (let w = 0; w < 50; w++) expect(countEntries(few, w * WINDOW, 0, 1, config)).toEqual([]);
    expect(countEntries(few, 50 * WINDOW, 0, config.atLeast - 1, config)).toEqual([]);
    expect(kinds(countEntries(few, 50 * WINDOW, 0, 1, config))).toEqual(["begins rate.high 50"]);
    const state = steady(50);
    const { mean, windows } = state;
    passTo(state, 51 * WINDOW, config);
    expect(passTo(state, 5000 * WINDOW, config)).toEqual([]);
    expect(state.windows).toBe(windows + 1);
    expect(Math.abs(state.mean - mean)).toBeLessThan(0.1);
  });
});

describe("clock", () => {
  const config = present(profile({ clock: { field: "t" } }).clock);

  test("is told when most of the events that came together are off, and over when most are not", () => {
    const state = { open: null };
    const judge = (offsets: readonly number[]): Change[] => {
      const tally = newClockTally();
      for (const [i, off] of offsets.entries()) compareClocks(tally, 100 + i, 1e12 + off, 1e12, config);
      return judgeClock(state, tally, config);
    };
    const [ahead, behind] = [6 * MINUTE, -61 * MINUTE];
    expect(judge([ahead, 0, 0, 0, ahead, ahead])).toEqual([]);
    expect(judge([ahead, ahead, ahead, ahead])).toEqual([]);
    expect(judge([0, ahead, behind, ahead, ahead, -2 * 60 * MINUTE, 5 * MINUTE])).toMatchObject([
      {
        kind: "begins",
        detector: "clock.skew",
        episode: "101",
        actual: "5 of 7 events outside of that (3 ahead, 2 behind), by up to 2 h 0 min",
        entries: { first: 101, end: 106 },
      },
    ]);
    expect(judge([ahead, ahead, 0])).toEqual([]);
    expect(judge([])).toEqual([]);
    expect(kinds(judge([ahead, 0]))).toEqual(["over clock.skew 101"]);
  });
});

describe("duplicates", () => {
  const HOUR = 60 * MINUTE;
  const hash = (text: string): Uint8Array => leafHash(utf8(text));

  test("what came within the time comes again, what came before it does not", () => {
    const recent = new RecentHashes(0);
    expect([recent.again(hash("a"), 0, HOUR), recent.again(hash("a"), HOUR, HOUR)]).toEqual([false, true]);
    expect(recent.again(hash("a"), 3 * HOUR, HOUR)).toBe(false);
  });

  test("takes hardly any new entry for an old one, keeps what is read back, and stays small", () => {
    let recent = new RecentHashes(0);
    let wrong = 0;
    for (let i = 0; i < 60_000; i++) if (recent.again(hash(`entry ${i}`), i, HOUR)) wrong++;
    expect(wrong).toBeLessThan(60);
    const notes = recent.format();
    expect(JSON.stringify(notes).length).toBeLessThan(180_000);
    recent = RecentHashes.read(notes);
    for (let i = 59_000; i < 60_000; i++) expect(recent.again(hash(`entry ${i}`), i, HOUR)).toBe(true);
  });

  test("are told when there are many, once", () => {
    const config = present(profile({ duplicates: { atLeast: 3, share: 0.5 } }).duplicates);
    const state: Duplicates = { open: null };
    const judge = (...again: boolean[]): string[] => {
      const tally = newDuplicatesTally();
      for (const [i, one] of again.entries()) tallyDuplicate(tally, i, one);
      return kinds(judgeDuplicates(state, tally, config));
    };
    expect(judge(true, true)).toEqual([]);
    expect(judge(false, true, true, true, false, false, false)).toEqual([]);
    expect(judge(false, true, true, true)).toEqual(["begins duplicates 1"]);
    expect(judge(true, true, true)).toEqual([]);
    expect(judge()).toEqual([]);
    expect(judge(false)).toEqual(["over duplicates 1"]);
  });
});

describe("sequence", () => {
  const config = present(profile({ sequence: { field: "n" } }).sequence);

  const shown = (state: Sequence, numbers: readonly number[], now = 0, first = 0): Change[] => {
    const tally = newSequenceTally();
    for (const [i, number] of numbers.entries()) follow(state, tally, first + i, number, now);
    return judgeSequence(state, tally, now, config);
  };

  test("numbers that follow each other, from anywhere, are none", () => {
    const state = newSequence();
    expect([...shown(state, [7, 8, 9]), ...shown(state, [10, 11])]).toEqual([]);
  });

  test("a gap is told with what is missing, and is over when that came", () => {
    const state = newSequence();
    const [gap] = shown(state, [1, 2, 5, 6, 8]);
    expect(gap).toMatchObject({
      detector: "sequence.gap",
      episode: "2",
      actual: "3 left out: 3 to 4, 7",
      entries: { first: 2, end: 5 },
    });
    expect(shown(state, [9, 4, 7])).toEqual([]);
    expect(shown(state, [3])).toMatchObject([
      { kind: "over", detector: "sequence.gap", episode: "2", actual: "what was left out came later" },
    ]);
  });

  test("a gap that stays is over after a while, and says what never came", () => {
    const state = newSequence();
    shown(state, [1, 5]);
    expect(judgeGap(state, null, config.settle - 1, config)).toEqual([]);
    expect(judgeGap(state, null, config.settle, config)).toMatchObject([
      { kind: "over", episode: "1", actual: "nothing more left out since then; never came: 2 to 4" },
    ]);
    expect(judgeGap(state, null, 10 * config.settle, config)).toEqual([]);
  });

  test("a repeat and a new beginning are told apart from it", () => {
    const state = newSequence();
    shown(state, [1, 2, 3, 4]);
    expect(shown(state, [4, 3, 5], 0, 10)).toMatchObject([
      { detector: "sequence.repeat", episode: "10", actual: "2 that were there before, the first of them 4" },
    ]);
    expect(shown(state, [6], 0, 20)).toMatchObject([{ kind: "over", detector: "sequence.repeat", episode: "10" }]);
    expect(shown(state, [0, 1, 2], 0, 30)).toMatchObject([
      { kind: "begins", detector: "sequence.reset", expected: "a number after 6", actual: "0 in entry 30" },
    ]);
    expect(shown(state, [3, 4])).toEqual([]);
  });

  test("stays small when every second number is missing", () => {
    const state = newSequence();
    expect(
      kinds(
        shown(
          state,
          Array.from({ length: 10_000 }, (_, i) => i * 2),
        ),
      ),
    ).toEqual(["begins sequence.gap 1"]);
    expect(JSON.stringify(state).length).toBeLessThan(1000);
  });
});

describe("fields", () => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

  test.each([
    ["2026-01-02T03:04:05.678Z", at],
    ["2026-01-02 05:04:05.678123+02:00", at],
    ["2026-01-02T03:04:05.678-0000", at],
    [at, at],
    [at / 1000, at],
    [`${at}`, at],
    [at * 1000, at],
    [BigInt(at) * 1_000_000n, at],
    ["yesterday", null],
    ["2026-13-02T03:04:05Z", null],
    [null, null],
    [{}, null],
  ])("time %s", (value, expected) => {
    expect(timeIn({ t: value }, ["t"], "auto")).toBe(expected);
  });

  test("a format that is named is the only one", () => {
    expect(timeIn({ t: 1000 }, ["t"], "unix-ms")).toBe(1000);
    expect(timeIn({ t: 1000 }, ["t"], "unix")).toBe(1_000_000);
    expect(timeIn({ t: "2026-01-02T03:04:05Z" }, ["t"], "unix")).toBeNull();
    expect(timeIn({ t: 1000 }, ["t"], "rfc3339")).toBeNull();
  });

  test("sequence numbers are whole and not negative, ids are text or numbers", () => {
    expect([1, "12", 1.5, -1, 2 ** 60, "x", true].map((n) => sequenceIn({ n }, ["n"]))).toEqual([
      1,
      12,
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(["a", 5, null, {}].map((id) => idIn({ m: { id } }, ["m", "id"]))).toEqual(["a", "5", null, null]);
  });
});
