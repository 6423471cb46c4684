import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { judge, type Watched } from "../../../src/cli/watch/overdue.ts";
import { type RoundRecord, RoundRecords } from "../../../src/cli/watch/round-records.ts";

const ORIGIN = "audit.example/prod";
const NOW = Date.parse("2026-11-23T12:00:00Z");
const MINUTE = 60_000;
const watched = (record: Partial<RoundRecord>, reason: string | null = null): Watched => ({
  name: "head",
  schedule: { kind: "every", millis: MINUTE },
  record: { since: NOW, began: null, ended: null, told: null, sound: null, lasted: 0, overdueOf: null, ...record },
  reason,
});

describe("the dead man's switch", () => {
  it("says nothing while rounds tell, and until two turns were missed", () => {
    expect(judge(ORIGIN, watched({ told: NOW }), NOW + 3 * MINUTE - 1)).toBeNull();
    expect(judge(ORIGIN, watched({}), NOW + 3 * MINUTE - 1)).toBeNull();
  });

  it("says that a round is overdue, why, and since when; once", () => {
    const late = judge(ORIGIN, watched({ told: NOW }, "the store can't be reached"), NOW + 3 * MINUTE);
    expect(late).toMatchObject({
      overdueOf: NOW,
      alarm: { kind: "sweep.overdue", severity: "critical", origin: ORIGIN, log: "", at: "2026-11-23T12:03:00.000Z" },
    });
    expect(late?.alarm.message).toContain("2026-11-23T12:00:00.000Z");
    expect(late?.alarm.message).toContain("the store can't be reached");
    expect(judge(ORIGIN, watched({ told: NOW, overdueOf: NOW }), NOW + 4 * MINUTE)).toBeNull();
  });

  it("the same silence has the same id whenever it is looked at, another silence another", () => {
    const id = (told: number, at: number): string | undefined => judge(ORIGIN, watched({ told }), at)?.alarm.id;
    expect(id(NOW, NOW + 3 * MINUTE)).toBe(id(NOW, NOW + 30 * MINUTE));
    expect(id(NOW, NOW + 30 * MINUTE)).not.toBe(id(NOW + MINUTE, NOW + 30 * MINUTE));
  });

  it("counts from when a round is first watched, where it never told", () => {
    const late = judge(ORIGIN, watched({}), NOW + 3 * MINUTE);
    expect(late?.alarm.message).toContain("since 2026-11-23T12:00:00.000Z, when it was first watched");
  });

  it("gives the all-clear once a round told again, under the same subject", () => {
    const late = judge(ORIGIN, watched({ told: NOW }), NOW + 3 * MINUTE);
    const again = judge(ORIGIN, watched({ told: NOW + 10 * MINUTE, overdueOf: NOW }), NOW + 10 * MINUTE);
    expect(again).toMatchObject({ overdueOf: null, alarm: { kind: "sweep.recovered", severity: "info" } });
    expect(again?.alarm.subject).toBe(late?.alarm.subject);
    expect(again?.alarm.id).not.toBe(late?.alarm.id);
  });

  it("a clock that was set back is no recovery, and does not make a round overdue", () => {
    expect(judge(ORIGIN, watched({ told: NOW, overdueOf: NOW }), NOW - 60 * MINUTE)).toBeNull();
    expect(judge(ORIGIN, watched({ told: NOW }), NOW - 60 * MINUTE)).toBeNull();
  });
});

describe("records of rounds", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stele-watch-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("are there after the daemon was started again", () => {
    const first = RoundRecords.open<"head">(folder, () => expect.unreachable());
    expect(first.of("head", NOW)).toMatchObject({ since: NOW, told: null });
    first.change("head", NOW, { began: NOW, told: NOW + 5, lasted: 5 });
    const second = RoundRecords.open<"head">(folder, () => expect.unreachable());
    expect(second.of("head", NOW + MINUTE)).toEqual({
      since: NOW,
      began: NOW,
      ended: null,
      told: NOW + 5,
      sound: null,
      lasted: 5,
      overdueOf: null,
    });
  });

  it.each(["", "{", '{"version":2,"rounds":{}}'])("begin anew where the file holds %j, and say so", (text) => {
    writeFileSync(join(folder, "watch.json"), text);
    const lost: unknown[] = [];
    const records = RoundRecords.open<"head">(folder, (why) => lost.push(why));
    expect(lost).toHaveLength(1);
    expect(records.of("head", NOW).since).toBe(NOW);
  });

  it("that can't be written are said, and kept while the process lasts", () => {
    const lost: unknown[] = [];
    const records = RoundRecords.open<"head">(folder, (why) => lost.push(why));
    // No file can take a folder's place.
    mkdirSync(join(folder, "watch.json"));
    records.change("head", NOW, { told: NOW });
    expect(lost).toHaveLength(1);
    expect(records.of("head", NOW).told).toBe(NOW);
  });
});
