import { zstdDecompressSync } from "node:zlib";
import { expect } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import type { LogWriter } from "../../src/archive/log-writer.ts";
import { verifyArchive, type VerifyReport } from "../../src/archive/verify/verify.ts";
import { isSteleError } from "../../src/core/error.ts";
import { timestamp } from "../../src/core/time.ts";
import type { Store } from "../../src/store/port.ts";
import { commitLines, listAll, openWriter, OWNER, rawOf, readAll } from "./fixture.ts";
import { other, type Schedule, Turns, type Waiting, type Who } from "./turns.ts";

const BASE = ["base 0", "base 1"];
const LINES: Record<Who, readonly (readonly string[])[]> = {
  a: [["from a"], ["more from a", "and more"]],
  b: [["from b"], ["more from b", "and more"]],
};

export interface Outcome {
  readonly archive: Archive;
  readonly log: string;
  readonly now: number;
  /** Manifests before the race. */
  readonly base: number;
  readonly winner: Who;
  /** What the loser was told. */
  readonly refusal: unknown;
  readonly writers: Record<Who, LogWriter>;
  /** The calls of the race, in order. */
  readonly made: readonly Waiting[];
}

/** Two writers, opened at the same head of a log, commit two segments each. Their clocks differ by a little. */
export async function race(archive: Archive, log: string, now: number, base: number, schedule: Schedule): Promise<Outcome> {
  const append = { time: timestamp(now) };
  const before = await openWriter(archive, { log, now: () => now });
  for (let i = 0; i < base; i++) await commitLines(before, [BASE[i] ?? ""], append);
  const turns = new Turns(schedule);
  const open = (who: Who, clock: number): Promise<LogWriter> =>
    openWriter({ ...archive, store: turns.store(who, archive.store) }, { log, writerId: `writer-${who}`, now: () => clock });
  const writers = { a: await open("a", now), b: await open("b", now + 1500) };
  const commitAll = (who: Who) => async (): Promise<void> => {
    for (const lines of LINES[who]) await commitLines(writers[who], lines, append);
  };
  const thrown = await turns.race({ a: commitAll("a"), b: commitAll("b") });
  const winners = (["a", "b"] as const).filter((who) => thrown[who] === null);
  expect(winners, `who got through, of ${String(thrown.a)}, ${String(thrown.b)}`).toHaveLength(1);
  const winner = winners[0] ?? "a";
  return { archive, log, now, base, winner, refusal: thrown[other(winner)], writers, made: turns.made };
}

export const digits = (index: number): string => String(index).padStart(16, "0");
export const isManifest = ({ key }: Pick<Waiting, "key">): boolean => key.includes("/manifests/");

/** Whether each looked at the manifests' place before either put something there: the one race that looking can't prevent. */
export function bothLookedFirst({ made }: Outcome): boolean {
  const put = made.findIndex((call) => isManifest(call) && call.call === "putIfAbsent");
  return new Set(made.slice(0, put).flatMap((one) => (isManifest(one) && one.call === "versions" ? [one.who] : []))).size === 2;
}

/** Findings but for those that say that a lock of days ends soon. */
export async function verified({ archive, log, now }: Outcome): Promise<{ report: VerifyReport; findings: string[] }> {
  const options = { pinned: [OWNER.key], logs: [log], level: "content", now, threads: 1 } as const;
  const report = await verifyArchive(archive.store, options);
  const findings = report.findings.filter(({ code }) => code !== "lock.expiring");
  return { report, findings: findings.map(({ code, object }) => `${code} ${object}`).sort() };
}

/**
 * One history, the loser told why, nothing found but what the race explains, and nothing lost once the loser goes on.
 * @returns what was found
 */
export async function expectOneHistory(outcome: Outcome): Promise<string[]> {
  const { archive, log, now, base, winner, refusal, writers } = outcome;
  const loser = other(winner);
  expect(isSteleError(refusal, "log.fenced"), String(refusal)).toBe(true);
  const sealed = timestamp(winner === "a" ? now : now + 1500);
  for (const part of [
    `log ${log}: another writer (writer-${winner}) committed manifest ${base} at ${sealed}.`,
    "this one stops",
    "run it again",
  ]) {
    expect(String(refusal)).toContain(part);
  }
  await expect(commitLines(writers[loser], ["late"])).rejects.toSatisfy((error) => isSteleError(error, "log.fenced"));

  const kept = Buffer.concat([rawOf(BASE.slice(0, base)), ...LINES[winner].map(rawOf)]);
  expect(await readAll(archive, log)).toEqual({ bytes: kept, error: null });
  const expected = await traces(archive.store, outcome);
  const { report, findings } = await verified(outcome);
  expect(findings).toEqual(expected);
  expect(report.logs).toMatchObject([{ manifests: base + 2, entries: base + 3 }]);

  const again = await openWriter(archive, { log, writerId: `writer-${loser}`, now: () => now + 3000 });
  for (const lines of LINES[loser]) await commitLines(again, lines, { time: timestamp(now) });
  const all = Buffer.concat([kept, ...LINES[loser].map(rawOf)]);
  expect(await readAll(archive, log)).toEqual({ bytes: all, error: null });
  expect((await verified(outcome)).findings).toEqual(expected);
  return findings;
}

/** What a race leaves behind, told from what lies in the store alone: whatever the winner did not put. */
async function traces(store: Store, { log, base, winner }: Outcome): Promise<string[]> {
  const versions = await listAll(store, `${log}/`);
  const beyondOne = (key: string, code: string): string[] =>
    versions
      .filter((version) => version.key === key)
      .slice(1)
      .map(() => `${code} ${key}`);
  const raced = versions.filter(({ key }) => key.includes("/segments/") && key.includes(`/${digits(base)}.`));
  const texts = await Promise.all(
    raced.map(async ({ key, versionId, size }) => {
      const { body } = await store.get(key, { versionId, maxBytes: size });
      return zstdDecompressSync(body).toString();
    }),
  );
  const own = texts.indexOf(`from ${winner}\n`);
  return [
    ...beyondOne(`${log}/log.json`, "object.shadowed"),
    ...beyondOne(`${log}/manifests/${digits(base)}.ndjson`, "checkpoint.inconsistent"),
    ...raced.flatMap(({ key }, i) => {
      if (i === own) return [];
      // Newest first: what stands before the log's own under its key hides it.
      return `${key === raced[own]?.key && i < own ? "object.shadowed" : "object.stray"} ${key}`;
    }),
  ].sort();
}
