import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { alarmsConfigSchema } from "../../../src/alert/config.ts";
import { DELIVERED, type Destination, failed } from "../../../src/alert/destination/destination.ts";
import { type Addresses, Courier } from "../../../src/cli/watch/courier.ts";
import { systemClock } from "../../../src/cli/watch/clock.ts";
import { eventLog } from "../../../src/cli/watch/event-log.ts";
import { timestamp } from "../../../src/core/time.ts";
import { type Alarm, alarmId } from "../../../src/sweep/alarm.ts";
import { until } from "../places.ts";

let folder: string;
let courier: Courier | null;
let got: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stele-courier-"));
  courier = null;
  got = [];
});
afterEach(async () => {
  await courier?.finish(0, AbortSignal.abort());
  rmSync(folder, { recursive: true });
});

/** One destination, which takes all or nothing. */
function to(name: string, isUp = true): Addresses {
  const destination: Destination = {
    name,
    deliver: (alarm) => {
      if (isUp) got.push(`${name} ${alarm.title}`);
      return Promise.resolve(isUp ? DELIVERED : failed("down"));
    },
  };
  const config = { name, type: "command", command: ["/bin/true"] };
  return { alarms: alarmsConfigSchema.parse({ destinations: [config] }), destinations: [destination] };
}

const alarm = (title: string): Alarm => ({
  id: alarmId("test", title, ""),
  kind: "test",
  severity: "info",
  at: timestamp(0),
  origin: "a.example",
  log: "",
  title,
  message: "",
  subject: title,
});
const open = (addresses: Addresses): Promise<Courier> =>
  Courier.open(addresses, {
    folder,
    observer: {},
    log: eventLog("text", { write: () => undefined, now: () => 0 }),
    clock: systemClock,
  });

test("delivers to whom the newest configuration names, each alarm once", async () => {
  courier = await open(to("first"));
  expect(courier.take([alarm("a")])).toBe(1);
  await until(() => got.length > 0);
  await courier.replace(to("second"));
  expect(courier.take([alarm("a"), alarm("b")])).toBe(1);
  await until(() => got.length > 1);
  expect(got).toEqual(["first a", "second b"]);
});

test("another process can't deliver from the same place, and what it left is there for the next", async () => {
  courier = await open(to("ops", false));
  await expect(open(to("ops"))).rejects.toMatchObject({ code: "sweep.locked" });
  courier.take([alarm("a")]);
  expect(await courier.finish(0, new AbortController().signal)).toMatchObject([{ name: "ops", pending: 1 }]);
  expect(courier.isOpen).toBe(false);
  // Not taken is not lost: whoever hands over keeps it.
  expect(() => courier?.take([alarm("b")])).toThrow(expect.objectContaining({ code: "sweep.failed" }));
  courier = await open(to("ops"));
  expect(courier.take([alarm("a")])).toBe(0);
  expect(courier.status()).toMatchObject([{ name: "ops" }]);
});
