import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { orderedMap } from "../../src/archive/ordered-map.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A call that takes as many turns of the event loop as it is told. */
async function after<T>(turns: number, value: T): Promise<T> {
  for (let i = 0; i < turns; i++) await Promise.resolve();
  return value;
}

describe("orderedMap", () => {
  // An earlier version ended in silence after `width` items when reading ahead had nothing to wait for.
  it("gives every item's result, in order, however long each takes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(12), { maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.nat(6),
        async (turns, width, lazily, consumerTurns) => {
          async function* source(): AsyncGenerator<[number, number]> {
            for (const [i, n] of turns.entries()) yield await after(n % 5, [i, n]);
          }
          let running = 0;
          const mapped = orderedMap(lazily ? source() : turns.entries(), width, async ([i, n]) => {
            expect(++running).toBeLessThanOrEqual(width);
            await after(n, null);
            running--;
            return i;
          });
          const seen: number[] = [];
          for await (const i of mapped) {
            await after(consumerTurns, null);
            seen.push(i);
          }
          expect(seen).toEqual(turns.map((_, i) => i));
        },
      ),
    );
  });

  it("gives out what came before an error in the source, then the error", async () => {
    function* source(): Generator<number> {
      yield 1;
      yield 2;
      throw new Error("source");
    }
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const n of orderedMap(source(), 4, (item) => after(9, item))) seen.push(n);
    };
    await expect(run()).rejects.toThrow("source");
    expect(seen).toEqual([1, 2]);
  });

  it("throws a call's error in its turn and starts no more calls", async () => {
    const begun: number[] = [];
    const mapped = orderedMap([0, 1, 2, 3, 4, 5], 2, async (n) => {
      begun.push(n);
      if (n === 1) throw new Error("call");
      return n;
    });
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const n of mapped) seen.push(n);
    };
    await expect(run()).rejects.toThrow("call");
    expect(seen).toEqual([0]);
    expect(begun.length).toBeLessThanOrEqual(4);
  });

  it("ends the source when the caller stops early", async () => {
    let ended = false;
    async function* source(): AsyncGenerator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        ended = true;
      }
    }
    for await (const n of orderedMap(source(), 3, (item) => after(2, item))) if (n === 5) break;
    expect(ended).toBe(true);
  });

  // It waited for as many items as it may work on, or the end: a segment of a quiet stream was committed when the next came.
  it("gives a result while the source has nothing more yet", async () => {
    const more = Promise.withResolvers<void>();
    async function* source(): AsyncGenerator<number> {
      yield 1;
      await more.promise;
      yield 2;
    }
    const seen: number[] = [];
    for await (const n of orderedMap(source(), 3, (item) => after(2, item))) {
      seen.push(n);
      more.resolve();
    }
    expect(seen).toEqual([1, 2]);
  });

  it("gives nothing for nothing", async () => {
    expect(await collect(orderedMap([], 3, (item) => after(1, item)))).toEqual([]);
  });
});
