import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { isSteleError } from "../../src/core/error.ts";
import { faultAt, type FaultPlan, type StoreCall, withFaults } from "../../src/store/fault.ts";
import type { MemoryStore } from "../../src/store/memory/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { EXIT, exitOfError } from "../../src/cli/exit.ts";
import { openForSweep } from "../../src/sweep/open-for-sweep.ts";
import type { SweepResult } from "../../src/sweep/result.ts";
import { listAll, LOG, OWNER } from "../archive/fixture.ts";
import { chance, CloudedStore, type Omission } from "./clouded-store.ts";
import { behind, fill, filled, manifest, segment, swept, TestState } from "./fixture.ts";

// A store that is slow, fails, refuses, or lists incompletely. The archive behind it is sound: a sweep may only say so if it has
// seen all of it, and it may never say that anything is wrong.

const CALLS = ["get", "head", "versions", "lockState"] as const satisfies readonly StoreCall[];
const MANIFESTS = 5;

interface Sky {
  readonly archive: Archive;
  readonly store: MemoryStore;
  readonly memory: TestState;
}

/** An archive of two logs; with `seen`, swept before. */
async function clear(seen: boolean): Promise<Sky> {
  const { archive, store } = await filled(MANIFESTS);
  await fill(archive, 2, { log: "other" });
  const memory = new TestState();
  if (seen) expect((await swept(archive, memory)).verdict).toBe("sound");
  return { archive, store, memory };
}

/** Opens the archive as a new process does, or goes on with one that was opened before. */
async function through({ archive }: Sky, store: Store): Promise<Archive> {
  try {
    return await openForSweep(store, [OWNER.key]);
  } catch (error) {
    if (!isSteleError(error)) throw error;
    expect(exitOfError(error)).toBe(EXIT.unknown);
    return behind(archive, store);
  }
}

function isUnreadable(code: string): boolean {
  return code.endsWith(".unreadable");
}

/** Never tampered with; and sound only if all was seen. */
function expectHonest(result: SweepResult, seen: CloudedStore, keys: readonly string[]): void {
  const story = JSON.stringify({ result, unseen: seen.unseen(keys) }, null, 1);
  expect(
    result.findings.filter(({ code, severity }) => severity !== "info" && !isUnreadable(code)),
    story,
  ).toEqual([]);
  expect(["sound", "unknown"], story).toContain(result.verdict);
  if (result.verdict === "sound") expect(seen.unseen(keys), story).toEqual([]);
  else {
    expect(result.complete, story).toBe(false);
    expect(result.findings.length).toBeGreaterThan(0);
  }
}

/** Once it clears up. */
async function expectClear({ archive, memory }: Sky): Promise<void> {
  const after = await swept(archive, memory);
  const story = JSON.stringify(after, null, 1);
  expect(after, story).toMatchObject({ verdict: "sound", complete: true });
  expect(
    after.findings.filter(({ standing }) => standing !== "gone"),
    story,
  ).toEqual([]);
  expect(memory.state.ledger.count).toBe(0);
  expect(memory.state.log(LOG)?.checkpoint.size).toBeGreaterThanOrEqual(MANIFESTS);
}

async function keysOf(store: Store): Promise<string[]> {
  return (await listAll(store)).map(({ key }) => key);
}

const PREFIXES = [
  "",
  "archive.json",
  `${LOG}/`,
  `${LOG}/log.json`,
  `${LOG}/manifests/`,
  manifest(2),
  `${LOG}/segments/`,
  segment(3),
];
const REFUSALS = CALLS.flatMap((call) => PREFIXES.map((prefix) => [call, prefix] as const));

describe.each([
  { status: 403, when: "by a first sweep", before: false },
  { status: 403, when: "after one that saw it sound", before: true },
  { status: 503, when: "after one that saw it sound", before: true },
] as const)("$status $when,", ({ status, before }) => {
  test.each(REFUSALS)("to each %s of '%s...'", async (call, prefix) => {
    const sky = await clear(before);
    using memory = sky.memory;
    if (before) await fill(sky.archive, 1);
    let refused = 0;
    const plan: FaultPlan = (made) => {
      if (made.call !== call || !made.key.startsWith(prefix)) return null;
      refused++;
      return { kind: "answer", status };
    };
    const store = new CloudedStore(withFaults(sky.store, plan));
    const result = await swept(await through(sky, store), memory);
    expectHonest(result, store, await keysOf(sky.store));
    if (call === "get" || call === "lockState") expect(refused).toBeGreaterThan(0);
    if (call !== "head") expect(result.verdict).toBe(refused > 0 ? "unknown" : "sound");
    await expectClear(sky);
  });
});

/** Runs of a property: enough that each kind of weather comes with each other, few enough to stay short. */
const RUNS = { numRuns: 24, seed: 4 } as const;
const SEED = fc.integer({ min: 0, max: 1_000_000 });
/** How much goes wrong: from one call in two hundred to all. */
const SHARE = fc.constantFrom(0.005, 0.02, 0.1, 0.3, 0.7, 1);

/** Fails a share of all calls, each time anew. */
function failing(seed: number, share: number): FaultPlan {
  return ({ call, key, index }) => {
    if (chance(seed, call, key, index) >= share) return null;
    const status = chance(seed, "status", index) < 0.5 ? 503 : 403;
    const items = Math.floor(chance(seed, "items", index) * 4);
    return call === "versions" ? { kind: "answer", status, items } : { kind: "answer", status };
  };
}

test("calls that fail at random are never sound with anything unseen, and never tampered with", async () => {
  const verdicts = new Set<string>();
  await fc.assert(
    fc.asyncProperty(SEED, SHARE, fc.boolean(), async (seed, share, before) => {
      const sky = await clear(before);
      using memory = sky.memory;
      if (before) await fill(sky.archive, 1);
      const store = new CloudedStore(withFaults(sky.store, failing(seed, share)));
      const result = await swept(await through(sky, store), memory);
      verdicts.add(result.verdict);
      expectHonest(result, store, await keysOf(sky.store));
      await expectClear(sky);
    }),
    RUNS,
  );
  expect(verdicts).toEqual(new Set(["sound", "unknown"]));
});

/** What listings leave out. */
const OMISSIONS: Readonly<Record<string, (seed: number, share: number) => Omission>> = {
  "the same keys each time":
    (seed, share) =>
    ({ key }) =>
      chance(seed, key) < share,
  "other keys each time":
    (seed, share) =>
    ({ key }, _, listing) =>
      chance(seed, key, listing) < share,
  "whole pages": (seed, share) => (_version, place, listing) => chance(seed, Math.floor(place / 3), listing) < share,
  "the tail from some key on": (seed) => {
    const all = [...PREFIXES, "", "other/", manifest(4), segment(4), manifest(1, "other")];
    const from = all[Math.floor(chance(seed) * all.length)] ?? "";
    return ({ key }) => key >= from;
  },
  "the tail behind some place": (seed) => (_version, place, listing) => place >= 1 + Math.floor(chance(seed, listing) * 6),
  "all of the log":
    () =>
    ({ key }) =>
      key.startsWith(`${LOG}/`),
  everything: () => () => true,
};

const WEATHER = Object.keys(OMISSIONS);

test.each(WEATHER)("listings that leave out %s prove nothing", async (what) => {
  await fc.assert(
    fc.asyncProperty(SEED, SHARE, fc.boolean(), async (seed, share, fails) => {
      const sky = await clear(true);
      using memory = sky.memory;
      const below = fails ? withFaults(sky.store, failing(seed, 0.02)) : sky.store;
      const store = new CloudedStore(below, OMISSIONS[what]?.(seed, share));
      const result = await swept(await through(sky, store), memory);
      expectHonest(result, store, await keysOf(sky.store));
      await expectClear(sky);
    }),
    { ...RUNS, numRuns: 6 },
  );
});

// Of what nobody saw before, a listing can leave out the end, and nobody can tell: a shorter log looks like a younger one.
test.each(WEATHER)("listings that leave out %s prove nothing of what came since either", async (what) => {
  await fc.assert(
    fc.asyncProperty(SEED, SHARE, fc.boolean(), async (seed, share, before) => {
      const sky = await clear(before);
      using memory = sky.memory;
      const known = before ? await keysOf(sky.store) : [];
      if (before) await fill(sky.archive, 2);
      memory.now += 86_400_000;
      const store = new CloudedStore(sky.store, OMISSIONS[what]?.(seed, share));
      const result = await swept(await through(sky, store), memory);
      expectHonest(result, store, known);
      await expectClear(sky);
    }),
    { ...RUNS, numRuns: 6 },
  );
});

test.each([false, true])("a store that is slow is just as sound; seen before: %s", async (before) => {
  const sky = await clear(before);
  using memory = sky.memory;
  const wait = (): Promise<unknown> => new Promise((resolve) => void setImmediate(resolve));
  const store = new CloudedStore(withFaults(sky.store, () => ({ kind: "slow", wait })));
  const result = await swept(await through(sky, store), memory);
  expect(result).toMatchObject({ verdict: "sound", complete: true, findings: [] });
  expect(store.unseen(await keysOf(sky.store))).toEqual([]);
});

test("a store that hangs at any call lets go when it is told to, and nothing is concluded", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...CALLS), fc.integer({ min: 0, max: 25 }), fc.boolean(), async (call, nth, before) => {
      const sky = await clear(before);
      using memory = sky.memory;
      const abort = new AbortController();
      const given = new Error("given up");
      const fault = {
        kind: "hang",
        persisted: false,
        reached: () => abort.abort(given),
        until: new Promise<never>(() => undefined),
      } as const;
      const hanging = withFaults(sky.store, faultAt(call, nth, fault));
      const ended = await swept(behind(sky.archive, hanging), memory, { signal: abort.signal }).catch((error: unknown) => error);
      if (abort.signal.aborted) expect(ended).toBe(given);
      else expect(ended).toMatchObject({ verdict: "sound" });
      expect(memory.state.ledger.open()).toEqual([]);
      await expectClear(sky);
    }),
    { ...RUNS, numRuns: 24 },
  );
});
