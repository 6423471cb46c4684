import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { archiveSources } from "../../src/archive/archive-sources.ts";
import type { FindingCode } from "../../src/archive/finding.ts";
import { fileSource } from "../../src/archive/input/source.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { isSteleError } from "../../src/core/error.ts";
import type { Store } from "../../src/store/port.ts";
import { commitLines, LOG, newArchive, openWriter, OWNER, readAll } from "./fixture.ts";

export interface TwoWritersSubject {
  readonly store: () => Promise<Store>;
  readonly now: () => number;
  /** Whether the store keeps a second object over the first, so that the loser's manifest and segment stay beside the winner's. */
  readonly stacks: boolean;
}

/**
 * What a loser leaves behind: its segment; and where the store took its manifest in the moment after it had looked, that too.
 * Of log.json, which both may write first, there may be a second copy.
 */
function leftBehind({ stacks }: TwoWritersSubject): FindingCode[] {
  return stacks ? ["checkpoint.inconsistent", "object.shadowed", "object.stray", "object.duplicate"] : ["object.stray"];
}

/** Two writers on one log: one history comes of it, and the loser is told. */
export function twoWriters(name: string, subject: TwoWritersSubject): void {
  describe(`two writers on one log: ${name}`, () => {
    let archive: Archive;
    const { now } = subject;
    beforeEach(async () => {
      archive = await newArchive(await subject.store(), { now });
    });

    const open = (writerId: string, store = archive.store) => openWriter({ ...archive, store }, { writerId, now });

    async function expectHistory(lines: readonly string[], allowed: readonly FindingCode[]): Promise<void> {
      const { bytes, error } = await readAll(archive);
      expect({ lines: bytes.toString().split("\n").slice(0, -1), error }).toEqual({ lines, error: null });
      const { findings } = await verifyArchive(archive.store, { pinned: [OWNER.key], level: "content", now: now(), threads: 1 });
      expect(findings.filter(({ code }) => !allowed.includes(code))).toEqual([]);
    }

    test("the slower one is fenced, stays so, and can begin anew behind the winner", async () => {
      const [winner, loser] = [await open("winner"), await open("loser")];
      await commitLines(winner, ["w1"]);
      await expect(commitLines(loser, ["l1"])).rejects.toSatisfy(
        (error) => isSteleError(error, "log.fenced") && error.message.includes("(winner)"),
      );
      await expect(commitLines(loser, ["l1"])).rejects.toSatisfy((error) => isSteleError(error, "log.fenced"));
      await commitLines(winner, ["w2"]);
      await commitLines(await open("loser again"), ["l1"]);
      await expectHistory(["w1", "w2", "l1"], leftBehind(subject));
      const { findings } = await verifyArchive(archive.store, { pinned: [OWNER.key], level: "content", now: now(), threads: 1 });
      // A slow one looks before it puts its manifest: only its segment lies over the winner's then.
      const expected = subject.stacks ? [["object.shadowed", 0]] : [["object.stray", null]];
      expect(findings.map(({ code, index }) => [code, index])).toEqual(expected);
    });

    test("whenever the other one commits in between, one of the two wins and nothing of it is lost", async () => {
      let commits = 0;
      for (let at = 0; commits === at; at++) {
        archive = await newArchive(await subject.store(), { now });
        const other = await open("other");
        const committed: string[] = [];
        const attempt = async (writer: typeof other, line: string): Promise<boolean> => {
          try {
            await commitLines(writer, [line]);
            committed.push(line);
            return true;
          } catch (error) {
            if (!isSteleError(error, "log.fenced")) throw error;
            return false;
          }
        };
        let won: boolean | null = null;
        const seen = beforeCall(archive.store, at, async () => {
          won = await attempt(other, "other");
        });
        const one = await open("one", seen.store);
        seen.start();
        const alsoWon = await attempt(one, "one");
        if (won === null) won = await attempt(other, "other");
        else commits++;
        expect([won, alsoWon].filter(Boolean), `other at call ${at}`).toHaveLength(1);
        await expectHistory(committed, leftBehind(subject));
      }
      expect(commits).toBeGreaterThan(3);
    });

    describe("at full speed", () => {
      let folder: string;
      beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), "stele-two-writers-"));
      });
      afterAll(() => rm(folder, { recursive: true }));

      test("one history comes of it, with all that was reported as committed, and the fenced can run again", async () => {
        const names = ["left", "right"];
        const lines = names.map((side) => Array.from({ length: 12 }, (_, i) => `${side} ${i}`));
        const run = async (side: string): Promise<"done" | "fenced"> => {
          const source = await fileSource(join(folder, side));
          const options = { signer: OWNER, writerId: side, now, threads: 1, limits: { entries: 2 } };
          return archiveSources(archive, LOG, [source], options).then(
            () => "done",
            (error: unknown) => {
              if (!isSteleError(error, "log.fenced")) throw error;
              return "fenced";
            },
          );
        };
        for (const [i, side] of names.entries()) await writeFile(join(folder, side), `${lines[i]?.join("\n")}\n`);
        const outcomes = await Promise.all(names.map(run));
        expect(outcomes).toContain("done");
        for (const [i, side] of names.entries()) {
          if (outcomes[i] === "fenced") expect(await run(side)).toBe("done");
        }
        const { bytes, error } = await readAll(archive);
        expect(error).toBeNull();
        const all = bytes.toString().split("\n").slice(0, -1);
        for (const [i, side] of names.entries()) expect(all.filter((line) => line.startsWith(side))).toEqual(lines[i]);
        expect(all).toHaveLength(24);
        await expectHistory(all, leftBehind(subject));
      });
    });
  });
}

/** The store, and something that happens once, right before one of its calls; calls count from `start`. */
function beforeCall(store: Store, at: number, action: () => Promise<void>): { store: Store; start: () => void } {
  let counting = false;
  let made = 0;
  const reach = async (): Promise<void> => {
    if (counting && made++ === at) await action();
  };
  const seen: Store = {
    url: store.url,
    capabilities: store.capabilities,
    putIfAbsent: (key, body, options) => reach().then(() => store.putIfAbsent(key, body, options)),
    get: (key, options) => reach().then(() => store.get(key, options)),
    head: (key, options) => reach().then(() => store.head(key, options)),
    lockState: (key, options) => reach().then(() => store.lockState(key, options)),
    extendRetention: (key, retention, options) => reach().then(() => store.extendRetention(key, retention, options)),
    setLegalHold: (key, held, options) => reach().then(() => store.setLegalHold(key, held, options)),
    async *versions(prefix, options) {
      await reach();
      yield* store.versions(prefix, options);
    },
  };
  const start = (): void => {
    counting = true;
  };
  return { store: seen, start };
}
