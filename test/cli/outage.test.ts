import { expect, test } from "vitest";
import { Outage } from "../../src/cli/outage.ts";
import { SteleError } from "../../src/core/error.ts";

const MINUTE = 60_000;
const unreachable = new SteleError("store.unreachable", "get s3://b/k: ECONNREFUSED\u001b[2J");

function outage(): { outage: Outage; said: string[]; at: (minute: number) => void } {
  const said: string[] = [];
  let now = 0;
  const waiting = (): { entries: number; bytes: number } => ({ entries: 3, bytes: 2048 });
  return {
    outage: new Outage(
      (text) => said.push(text),
      "/spool/app",
      waiting,
      () => now,
    ),
    said,
    at: (m) => (now = m * MINUTE),
  };
}

test("says it at once, then after growing pauses however often the store fails, and when it is over, after how long", () => {
  const { outage: store, said, at } = outage();
  const times: number[] = [];
  for (let minute = 0; minute <= 200; minute++) {
    at(minute);
    const before = said.length;
    store.failed(unreachable);
    if (said.length > before) times.push(minute);
  }
  expect(times).toEqual([0, 1, 6, 21, 81, 141]);
  expect(said[0]).toBe(
    "the store can't be reached: get s3://b/k: ECONNREFUSED\\u{1b}[2J; events are kept in /spool/app; trying again",
  );
  expect(said[2]).toContain("the store still can't be reached, for 6 min 0 s now: ");
  expect(said[2]).toContain("; 3 entries wait (2 KiB) in /spool/app; trying again");
  expect(store.isOn).toBe(true);
  store.over();
  store.over();
  expect(said.slice(6)).toEqual(["the store can be reached again, after 3 h 20 min; 3 entries wait (2 KiB)"]);
  expect(store.isOn).toBe(false);
});

test("the next outage begins anew", () => {
  const { outage: store, said, at } = outage();
  store.failed(unreachable);
  store.over();
  at(1);
  store.failed(unreachable);
  expect(said).toHaveLength(3);
  expect(said[2]).toBe(said[0]);
});
