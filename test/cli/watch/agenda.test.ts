import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Agenda, type Item } from "../../../src/cli/watch/agenda.ts";

type Name = "head" | "locks" | "content";
const NOW = Date.parse("2026-11-23T12:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const items: Item<Name>[] = [
  { name: "head", schedule: { kind: "every", millis: MINUTE } },
  { name: "locks", schedule: { kind: "cron", pattern: "0 3 * * *" } },
  { name: "content", schedule: { kind: "every", millis: HOUR } },
];
const none = { jitter: 0, random: () => 0 };
const agenda = (last: Partial<Record<Name, number>>, options = none): Agenda<Name> =>
  new Agenda(items, (name) => last[name] ?? null, NOW, options);

describe("the agenda", () => {
  it("takes what was never done first, in order", () => {
    const made = agenda({});
    const order: (string | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      const turn = made.next(NOW);
      order.push(turn?.name);
      if (turn !== null) made.began(turn.name, NOW);
    }
    expect(order).toEqual(["head", "locks", "content"]);
    expect(made.next(NOW)).toEqual({ name: "head", at: NOW + MINUTE });
  });

  it("makes up for missed turns once, however many they were", () => {
    const made = agenda({ head: NOW - 1000 * MINUTE, locks: NOW - 20 * 24 * HOUR, content: NOW - MINUTE });
    expect(made.next(NOW)?.name).toBe("head");
    made.began("head", NOW);
    expect(made.next(NOW)?.name).toBe("locks");
    made.began("locks", NOW);
    expect(made.next(NOW)).toEqual({ name: "head", at: NOW + MINUTE });
  });

  it("does not begin anew what ran before the daemon was started again", () => {
    const made = agenda({ head: NOW - 10_000, locks: NOW - 5 * HOUR, content: NOW - 59 * MINUTE });
    expect(made.next(NOW)).toEqual({ name: "head", at: NOW + 50_000 });
    expect(made.dueAt("content")).toBe(NOW + MINUTE);
    expect(made.dueAt("locks")).toBe(Date.parse("2026-11-24T03:00:00Z"));
  });

  it("goes on with what made way as soon as nothing comes before it", () => {
    const made = agenda({ head: NOW - MINUTE, locks: NOW, content: NOW });
    made.due("content", NOW);
    expect(made.next(NOW)?.name).toBe("head");
    made.began("head", NOW);
    expect(made.next(NOW)?.name).toBe("content");
  });

  it("does not wait for a time that a clock ran ahead to", () => {
    const made = agenda({ head: NOW + 1000 * HOUR, locks: NOW, content: NOW });
    expect(made.next(NOW)).toEqual({ name: "head", at: NOW + MINUTE });
    made.began("head", NOW);
    // The clock is set back by a day.
    expect(made.next(NOW - 24 * HOUR)).toEqual({ name: "head", at: NOW - 24 * HOUR + MINUTE });
  });

  it("knows what was last begun when other intervals take the place of these", () => {
    const made = agenda({ head: NOW, locks: NOW, content: NOW });
    made.replace([{ name: "content", schedule: { kind: "every", millis: 5 * MINUTE } }], NOW);
    expect(made.next(NOW)).toEqual({ name: "content", at: NOW + 5 * MINUTE });
    expect(made.dueAt("head")).toBeNull();
  });

  it("is empty where nothing comes any more", () => {
    const over: Item<Name>[] = [{ name: "head", schedule: { kind: "cron", pattern: "0 0 0 1 1 * 2020" } }];
    expect(new Agenda(over, () => NOW, NOW, none).next(NOW)).toBeNull();
  });

  it("adds at most its jitter, and a tenth of the interval, to a turn, and nothing to one that is late", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 0, max: HOUR }),
        fc.integer({ min: 0, max: 3 * HOUR }),
        (random, jitter, ago) => {
          const made = agenda({ content: NOW - ago }, { jitter, random: () => random });
          const turn = NOW - ago + HOUR;
          const due = made.dueAt("content") ?? 0;
          if (turn <= NOW) expect(due).toBe(turn);
          else {
            expect(due).toBeGreaterThanOrEqual(turn);
            expect(due).toBeLessThanOrEqual(turn + Math.min(jitter, HOUR / 10));
          }
          // Asked again, it says the same: jitter is drawn once a turn.
          expect(made.dueAt("content")).toBe(due);
        },
      ),
    );
  });

  it("spreads turns over the whole jitter", () => {
    const due = (random: number): number =>
      (agenda({ content: NOW }, { jitter: 100_000, random: () => random }).dueAt("content") ?? 0) - NOW - HOUR;
    expect([due(0), due(0.5), due(0.999)]).toEqual([0, 50_000, 99_900]);
  });
});
