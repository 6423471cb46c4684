import { describe, expect, it } from "vitest";
import { Agenda, type Item } from "../../../src/cli/watch/agenda.ts";
import { RoundLoop } from "../../../src/cli/watch/round-loop.ts";
import { FakeClock } from "./fake-clock.ts";

type Name = "head" | "content";
const SECOND = 1000;
const MINUTE = 60 * SECOND;

interface Run {
  readonly name: Name;
  readonly from: number;
  readonly to: number;
  readonly complete: boolean;
}

/** Rounds that take so long each, in all, and go on where they were stopped. */
class Rounds {
  readonly runs: Run[] = [];
  readonly between: number[] = [];
  /** What was at work at a time, at most: one, whether a round or what happens between two. */
  most = 0;
  readonly clock: FakeClock;
  readonly agenda: Agenda<Name>;
  readonly loop: RoundLoop<Name>;
  readonly #start: number;
  #running = 0;
  #left = new Map<Name, number>();

  constructor(takes: Record<Name, number>, items: Item<Name>[], last: number | null = null) {
    this.clock = new FakeClock();
    this.#start = this.clock.now();
    this.agenda = new Agenda(items, () => last, this.clock.now(), { jitter: 0, random: () => 0 });
    this.loop = new RoundLoop<Name>({
      agenda: this.agenda,
      clock: this.clock,
      first: "head",
      between: async () => {
        this.most = Math.max(this.most, this.#running + 1);
        this.between.push(this.clock.now() - this.#start);
      },
      run: async (name, signal) => {
        this.#running++;
        this.most = Math.max(this.most, this.#running);
        const from = this.clock.now();
        const left = this.#left.get(name) ?? takes[name];
        await this.clock.wait(left, signal);
        const rest = left - (this.clock.now() - from);
        if (rest > 0) this.#left.set(name, rest);
        else this.#left.delete(name);
        this.#running--;
        this.runs.push({ name, from: from - this.#start, to: this.clock.now() - this.#start, complete: rest <= 0 });
        return { complete: rest <= 0 };
      },
    });
  }

  async for(millis: number): Promise<void> {
    const stop = new AbortController();
    const running = this.loop.run(stop.signal);
    await this.clock.pass(millis);
    stop.abort();
    await running;
    if (this.most !== 1) throw new Error(`${this.most} at a time`);
  }
}

const head: Item<Name> = { name: "head", schedule: { kind: "every", millis: MINUTE } };
const content: Item<Name> = { name: "content", schedule: { kind: "every", millis: 60 * MINUTE } };

describe("rounds", () => {
  it("come one after the other, head first, each at its interval", async () => {
    const rounds = new Rounds({ head: SECOND, content: 5 * SECOND }, [head, content]);
    await rounds.for(2 * MINUTE + 30 * SECOND);
    expect(rounds.runs).toEqual([
      { name: "head", from: 0, to: SECOND, complete: true },
      { name: "content", from: SECOND, to: 6 * SECOND, complete: true },
      { name: "head", from: MINUTE, to: MINUTE + SECOND, complete: true },
      { name: "head", from: 2 * MINUTE, to: 2 * MINUTE + SECOND, complete: true },
    ]);
  });

  it("a long one makes way for the head round, and goes on after it", async () => {
    const rounds = new Rounds({ head: SECOND, content: 100 * SECOND }, [head, content]);
    await rounds.for(3 * MINUTE);
    expect(rounds.runs.slice(0, 5)).toEqual([
      { name: "head", from: 0, to: SECOND, complete: true },
      { name: "content", from: SECOND, to: MINUTE, complete: false },
      { name: "head", from: MINUTE, to: MINUTE + SECOND, complete: true },
      { name: "content", from: MINUTE + SECOND, to: MINUTE + 42 * SECOND, complete: true },
      { name: "head", from: 2 * MINUTE, to: 2 * MINUTE + SECOND, complete: true },
    ]);
  });

  it("where the head round takes longer than its interval, others still get as much of the time", async () => {
    const rounds = new Rounds({ head: 90 * SECOND, content: 200 * SECOND }, [head, content]);
    await rounds.for(10 * MINUTE);
    expect(rounds.runs.slice(0, 5)).toEqual([
      { name: "head", from: 0, to: 90 * SECOND, complete: true },
      { name: "content", from: 90 * SECOND, to: 180 * SECOND, complete: false },
      { name: "head", from: 180 * SECOND, to: 270 * SECOND, complete: true },
      { name: "content", from: 270 * SECOND, to: 360 * SECOND, complete: false },
      { name: "head", from: 360 * SECOND, to: 450 * SECOND, complete: true },
    ]);
  });

  it("stopped, the one under way ends early, and none begins", async () => {
    const rounds = new Rounds({ head: 10 * SECOND, content: SECOND }, [head, content]);
    await rounds.for(4 * SECOND);
    expect(rounds.runs).toEqual([{ name: "head", from: 0, to: 4 * SECOND, complete: false }]);
  });

  it("after the machine slept, each missed round is run once", async () => {
    const rounds = new Rounds({ head: SECOND, content: SECOND }, [head, content], Date.parse("2026-11-23T12:00:00Z"));
    const stop = new AbortController();
    const running = rounds.loop.run(stop.signal);
    await rounds.clock.pass(30 * SECOND);
    // Eight hours pass that no timer counts.
    rounds.clock.set(rounds.clock.now() + 8 * 60 * MINUTE);
    await rounds.clock.pass(20 * SECOND);
    stop.abort();
    await running;
    expect(rounds.runs.map(({ name }) => name)).toEqual(["head", "content"]);
  });

  it("what is to happen between rounds happens between any two, and when it is woken", async () => {
    const rounds = new Rounds({ head: SECOND, content: SECOND }, [head]);
    const stop = new AbortController();
    const running = rounds.loop.run(stop.signal);
    await rounds.clock.pass(2 * SECOND);
    rounds.loop.wake();
    await rounds.clock.pass(SECOND);
    stop.abort();
    await running;
    expect(rounds.between).toEqual([0, SECOND, 2 * SECOND]);
  });
});
