import { beforeAll, describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { newBucket } from "../store/ceph-bucket.ts";
import { commitLines, newArchive, openWriter, readAll } from "./fixture.ts";
import { bothLookedFirst, expectOneHistory, isManifest, type Outcome, race } from "./race.ts";
import { inParts, other, type Schedule, type Who } from "./turns.ts";

describe("two writers that began at one head on Ceph, which ignores If-None-Match", () => {
  let archive: Archive;
  let logs = 0;
  beforeAll(async () => {
    archive = await newArchive((await newBucket()).open(), { now: Date.now, period: "2d" });
  });

  async function explainedRace(base: number, schedule: Schedule): Promise<Outcome> {
    const outcome = await race(archive, `race-${logs++}`, Date.now(), base, schedule);
    const findings = await expectOneHistory(outcome);
    const inconsistent = findings.filter((found) => found.startsWith("checkpoint.inconsistent"));
    expect(inconsistent).toHaveLength(bothLookedFirst(outcome) ? 1 : 0);
    return outcome;
  }

  test.each([0, 1])("make one history, before whichever call the other goes ahead, from %i manifests on", async (base) => {
    const winners = new Set<Who>();
    for (let i = 0; i <= 12; i++) winners.add((await explainedRace(base, inParts(i % 2 === 0 ? "a" : "b", i, 100))).winner);
    for (let j = 1; j <= 12; j += 2) winners.add((await explainedRace(base, inParts("a", 5, j))).winner);
    expect(winners).toEqual(new Set(["a", "b"]));
  });

  test.each(["a", "b"] as const)("the first to put wins when both have looked: %s", async (first) => {
    const held = other(first);
    const outcome = await explainedRace(1, (waiting) => {
      const call = waiting[held];
      return call?.call === "putIfAbsent" && isManifest(call) ? first : held;
    });
    expect(outcome.winner).toBe(first);
    expect(bothLookedFirst(outcome)).toBe(true);
  });

  test("one history comes of writers that run at full speed", async () => {
    for (let round = 0; round < 15; round++) {
      const log = `rush-${round}`;
      const names = ["left", "right", "middle"];
      const writers = await Promise.all(names.map((writerId) => openWriter(archive, { log, writerId, now: Date.now })));
      const results = await Promise.allSettled(writers.map((writer, i) => commitLines(writer, [`from ${names[i]}`])));
      const won = names.filter((_, i) => results[i]?.status === "fulfilled");
      expect(won, `round ${round}`).toHaveLength(1);
      for (const result of results) if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "log.fenced" });
      expect((await readAll(archive, log)).bytes.toString()).toBe(`from ${won[0]}\n`);
    }
  });
});
