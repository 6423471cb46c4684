import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createDirectoryStore } from "../../src/store/directory/directory.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { newArchive, NOW } from "./fixture.ts";
import { bothLookedFirst, digits, expectOneHistory, isManifest, type Outcome, race, verified } from "./race.ts";
import { inParts, type Schedule, type Who } from "./turns.ts";

const now = (): number => NOW;
const LOG = "race";

interface Place {
  readonly where: string;
  readonly conditional: boolean;
  readonly make: () => Promise<Store>;
  /** Of the interleavings with two changes of turn, one in so many: a folder's syncs take their time. */
  readonly oneIn: number;
}

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

const PLACES: readonly Place[] = [
  { where: "a bucket that refuses a second put", conditional: true, make: async () => new MemoryStore({ now }), oneIn: 1 },
  {
    where: "a bucket that ignores If-None-Match",
    conditional: false,
    make: async () => new MemoryStore({ now, conditionalPut: false }),
    oneIn: 1,
  },
  {
    where: "a folder",
    conditional: true,
    make: async () => {
      const folder = await mkdtemp(join(tmpdir(), "stele-race-"));
      folders.push(folder);
      return createDirectoryStore(folder, { now });
    },
    oneIn: 9,
  },
];

describe.each(PLACES)("two writers that began at one head in $where", ({ conditional, make, oneIn }) => {
  const seen = new Set<string>();
  async function explainedRace(base: number, schedule: Schedule): Promise<Outcome> {
    const outcome = await race(await newArchive(await make()), LOG, NOW, base, schedule);
    // A schedule that runs on after a writer's end comes to the same as a shorter one.
    const order = `${base} ${outcome.made.map(({ who }) => who).join("")}`;
    if (seen.has(order)) return outcome;
    seen.add(order);
    const findings = await expectOneHistory(outcome);
    const inconsistent = findings.filter((found) => found.startsWith("checkpoint.inconsistent"));
    expect(inconsistent).toHaveLength(!conditional && bothLookedFirst(outcome) ? 1 : 0);
    return outcome;
  }

  test.each([0, 2])("make one history, before whichever call of one the other goes ahead, from %i manifests on", async (base) => {
    const alone = await explainedRace(base, inParts("a", Infinity, 0));
    expect(alone.winner).toBe("a");
    const calls = alone.made.filter(({ who }) => who === "a").length;
    const winners = new Set<Who>();
    // The race is over with the first of the two commits, whoever wins it.
    for (let i = 0, n = 0; i <= calls / 2 + 1; i++) {
      for (let j = 1; j <= calls; j++) {
        if (n++ % oneIn !== 0) continue;
        winners.add((await explainedRace(base, inParts(n % 2 === 0 ? "a" : "b", i, j))).winner);
      }
    }
    expect(winners).toEqual(new Set(["a", "b"]));
  });

  test("make one history, however often the turn changes", async () => {
    const turns = fc.array(fc.constantFrom<Who>("a", "b"), { minLength: 10, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.nat(2), turns, async (base, order) => {
        let n = 0;
        await explainedRace(base, () => order[n++] ?? "a");
      }),
      { numRuns: oneIn === 1 ? 150 : 15 },
    );
  });
});

describe("where a second put is not refused", () => {
  const raceHere = async (schedule: Schedule): Promise<Outcome> =>
    race(await newArchive(new MemoryStore({ now, conditionalPut: false })), LOG, NOW, 1, schedule);
  const segment = `${LOG}/segments/dt=2026-01-02/${digits(1)}.ndjson.zst`;

  test("a writer that looks after the other has put does not put: only its segment is left", async () => {
    const outcome = await raceHere(({ b }) => (b !== undefined && isManifest(b) ? "a" : "b"));
    expect(outcome.winner).toBe("a");
    const ofB = outcome.made.filter((call) => call.who === "b" && isManifest(call));
    expect(ofB.map(({ call }) => call)).toEqual(["versions", "get"]);
    expect(await expectOneHistory(outcome)).toEqual([`object.stray ${segment}`]);
  });

  test("writers that both look and then both put leave a second signed manifest, which is reported for what it is", async () => {
    const outcome = await raceHere(({ b }) => (b?.call === "putIfAbsent" && isManifest(b) ? "a" : "b"));
    expect(outcome.winner).toBe("a");
    expect(await expectOneHistory(outcome)).toEqual([
      `checkpoint.inconsistent ${LOG}/manifests/${digits(1)}.ndjson`,
      `object.stray ${segment}`,
    ]);
    const { report } = await verified(outcome);
    expect(report.verdict).toBe("unsound");
    expect(report.findings.find(({ code }) => code === "checkpoint.inconsistent")).toMatchObject({
      severity: "critical",
      index: 1,
      message: "two manifests 1 are validly signed: the log has two histories",
    });
  });
});
