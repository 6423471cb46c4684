import { mkdtemp, open, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockOutbox } from "../../../src/alert/outbox/database.ts";
import { letters } from "../../../src/alert/outbox/letters.ts";
import { Outbox } from "../../../src/alert/outbox/outbox.ts";
import { isSteleError } from "../../../src/core/error.ts";
import { findingAlarm, plainAlarm } from "../samples.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-outbox-"));
});
afterEach(() => rm(folder, { recursive: true }));

const NOW = Date.UTC(2026, 10, 23);
const now = (): number => NOW;

test("all alarms of one taking are in it, or none", () => {
  using outbox = Outbox.open(folder, now);
  let asked = 0;
  const wanting = (): string[] => {
    if (++asked === 2) throw new Error("a defect");
    return ["a"];
  };
  expect(() => outbox.take([findingAlarm(), plainAlarm()], wanting)).toThrow("a defect");
  expect(letters(folder, ["pending"], 9)).toEqual([]);
  expect(outbox.take([findingAlarm(), plainAlarm()], () => ["a"])).toHaveLength(2);
});

test("an alarm that nobody wants is known all the same", () => {
  using outbox = Outbox.open(folder, now);
  expect(outbox.take([findingAlarm()], () => [])).toHaveLength(1);
  expect(outbox.take([findingAlarm()], () => ["a"])).toHaveLength(0);
  expect(outbox.counts().size).toBe(0);
});

test("one that can't be read is a dead letter, and holds up no other", () => {
  using outbox = Outbox.open(folder, now);
  outbox.take([findingAlarm(), plainAlarm()], () => ["a"]);
  const db = new DatabaseSync(join(folder, "outbox.db"));
  db.exec("UPDATE alarms SET alarm = '{}' WHERE seq = 1");
  db.close();
  expect(outbox.heads("a", 9).map(({ alarm }) => alarm.id)).toEqual([plainAlarm().id]);
  expect(outbox.counts().get("a")).toMatchObject({ pending: 1, dead: 1 });
});

test("where nothing was ever taken, nothing is listed, and nothing is made", () => {
  expect(letters(join(folder, "none"), ["pending", "dead"], 9)).toEqual([]);
});

test("a damaged file is said to be one", async () => {
  const file = await open(join(folder, "outbox.db"), "w");
  await file.write("this is no database, and it is long enough to be taken for one".repeat(20));
  await file.close();
  expect(() => Outbox.open(folder, now)).toThrow(
    expect.toSatisfy((error) => isSteleError(error, "sweep.failed") && error.message.includes("Look at the disk")),
  );
  expect(() => letters(folder, ["dead"], 9)).toThrow(expect.toSatisfy((error) => isSteleError(error, "sweep.failed")));
});

test("one holds the right to deliver, until it lets go", () => {
  const held = lockOutbox(folder);
  expect(() => lockOutbox(folder)).toThrow(expect.toSatisfy((error) => isSteleError(error, "sweep.locked")));
  // Others may put in and look meanwhile.
  using outbox = Outbox.open(folder, now);
  expect(outbox.take([findingAlarm()], () => ["a"])).toHaveLength(1);
  held[Symbol.dispose]();
  lockOutbox(folder)[Symbol.dispose]();
});
