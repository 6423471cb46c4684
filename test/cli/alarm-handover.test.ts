import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { handOver } from "../../src/cli/alarm-handover.ts";
import { timestamp } from "../../src/core/time.ts";
import { type Alarm, alarmId } from "../../src/sweep/alarm.ts";
import { SweepState } from "../../src/sweep/state/state.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const open = (): SweepState => SweepState.open(folder, { origin: "a.example", place: "/archive", now: () => NOW });
const alarm = (number: number): Alarm => ({
  id: alarmId("test", "subject", String(number)),
  kind: "test",
  severity: "info",
  at: timestamp(NOW),
  origin: "a.example",
  log: "",
  title: String(number),
  message: "",
  subject: "subject",
});

/** An outbox that takes each alarm once, by its id. */
class Box {
  readonly titles: string[] = [];
  readonly #ids = new Set<string>();

  take(alarms: readonly Alarm[]): number {
    const fresh = alarms.filter(({ id }) => !this.#ids.has(id));
    for (const { id, title } of fresh) {
      this.#ids.add(id);
      this.titles.push(title);
    }
    return fresh.length;
  }
}

let folder: string;
let state: SweepState;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stele-handover-"));
  state = open();
});
afterEach(() => {
  state.close();
  rmSync(folder, { recursive: true });
});

test("hands over everything, in order, and nothing twice", () => {
  const all = Array.from({ length: 250 }, (_, number) => alarm(number));
  const box = new Box();
  state.raise(all);
  expect(handOver(state, box)).toBe(250);
  expect(box.titles).toEqual(all.map(({ title }) => title));
  expect(handOver(state, box)).toBe(0);
  state.raise([alarm(7), alarm(250)]);
  expect(handOver(state, box)).toBe(1);
  expect(box.titles.at(-1)).toBe("250");
});

test("what could not be taken is handed over again, also by another process", () => {
  state.raise([alarm(0), alarm(1)]);
  const full = {
    take: (): number => {
      throw new Error("the disk is full");
    },
  };
  expect(() => handOver(state, full)).toThrow("the disk is full");
  state.close();
  state = open();
  const box = new Box();
  expect(handOver(state, box)).toBe(2);
});

test("a crash after the taking hands over the same ids again, which are known", () => {
  state.raise([alarm(0), alarm(1)]);
  const box = new Box();
  // As much as a process gets done that is killed between the two steps.
  box.take(state.alarms(state.lastHandedOver(), 100).map((queued) => queued.alarm));
  state.close();
  state = open();
  expect(handOver(state, box)).toBe(2);
  expect(box.titles).toEqual(["0", "1"]);
});
