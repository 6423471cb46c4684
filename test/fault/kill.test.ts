import { describe, test } from "vitest";
import fc from "fast-check";
import { openArchive } from "../../src/archive/log/open-archive.ts";
import { openDirectoryStore } from "../../src/store/directory/directory.ts";
import { openWriter, OWNER } from "../archive/fixture.ts";
import { checkArchive, Victim } from "./kill/victim.ts";

describe("a writer that is killed at random moments", () => {
  const ROUNDS = 52;

  test.concurrent.for([1, 2, 3, 4])(
    "loses nothing that it acknowledged, and archives nothing twice (%i)",
    { timeout: 240_000 },
    async (seed, { expect, onTestFinished }) => {
      const victim = await Victim.make(onTestFinished);
      const moments = fc.sample(fc.record({ millis: fc.nat(150), fromStart: fc.boolean() }), { numRuns: ROUNDS, seed });
      let killed = 0;
      for (const { millis, fromStart } of moments) {
        // A start takes a while, and has its own moments.
        const kill = fromStart ? { millis: 150 + 3 * millis, from: "start" as const } : { millis, from: "open" as const };
        if (await victim.run(null, kill)) killed++;
      }
      expect(killed).toBe(ROUNDS);
      expect(victim.acks.length).toBeGreaterThan(ROUNDS);
      await checkArchive(victim);
    },
  );
});

describe("a writer that dies at a step that makes something durable", () => {
  const STEPS = [
    "put log.json",
    "put segments",
    "read lock segments",
    "put manifests",
    "read lock manifests",
    "put tiles",
    "spool make folder",
    "spool create",
    "spool write",
    "spool datasync",
    "spool sync folder",
    "spool rename",
    "spool remove",
  ];

  test.concurrent.for(STEPS.flatMap((step) => [`${step} before`, `${step} after`]))(
    "%s: loses nothing that it acknowledged, and archives nothing twice",
    { timeout: 120_000 },
    async (point, { expect, onTestFinished }) => {
      const victim = await Victim.make(onTestFinished);
      if (point.startsWith("put tiles")) await nearlyFullTile(victim.archive);
      expect(await victim.run({ point, nth: 1 }, null)).toBe(true);
      // And in the middle of its work, on what the first one left.
      const again = !/log\.json|tiles|make folder/.test(point);
      if (again) expect(await victim.run({ point, nth: 4 }, null)).toBe(true);
      await victim.run(null, { millis: 50, from: "open" });
      expect(victim.acks.length).toBeGreaterThan(0);
      await checkArchive(victim);
    },
  );

  /** The next manifests are those that fill the log's first tile. */
  async function nearlyFullTile(folder: string): Promise<void> {
    const archive = await openArchive(await openDirectoryStore(folder), { signer: OWNER });
    const writer = await openWriter(archive, { now: Date.now });
    for (let i = 0; i < 254; i++) await writer.heartbeat();
  }
});
