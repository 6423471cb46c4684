import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FindingCode, Verdict } from "../../../src/archive/finding.ts";
import { isSteleError } from "../../../src/core/error.ts";
import { openForSweep } from "../../../src/sweep/open-for-sweep.ts";
import type { RoundName } from "../../../src/sweep/place.ts";
import type { SweepResult, SweptFinding } from "../../../src/sweep/result.ts";
import { sweep } from "../../../src/sweep/sweep.ts";
import { SweepState } from "../../../src/sweep/state/state.ts";
import { ORIGIN, OWNER } from "../../archive/fixture.ts";
import type { ExpectedFinding, TamperCase } from "../../archive/tamper/case.ts";
import type { Place, Power } from "../../archive/tamper/place.ts";
import type { Scene } from "../../archive/tamper/scene.ts";

/** So much later one sweeps: what a writer may be about to name is not reported while it is fresh. */
const LATER = 86_400_000;
const ROUNDS: readonly RoundName[] = ["head", "locks", "content"];
const PLAYS: readonly Play[] = ["nothing remembered", "seen before"];

/** The rounds of which at least one must find a code by itself. What lies behind the remembered head is not met by the head round. */
const FOUND_BY: Partial<Record<FindingCode, readonly RoundName[]>> = {
  "segment.missing": ["locks"],
  "segment.altered": ["content"],
  "segment.unreadable": ["content", "locks"],
  "manifest.missing": ["locks"],
  "manifest.altered": ["locks"],
  "manifest.unreadable": ["locks"],
  "tile.missing": ["locks"],
  "tile.altered": ["content"],
  "log.truncated": ["head"],
  "log.missing": ["head"],
  "object.shadowed": ["locks"],
  "object.delete-marker": ["locks"],
  "object.stray": ["locks"],
  "object.duplicate": ["locks"],
  "object.expired": ["locks"],
  "lock.absent": ["locks"],
  "lock.weaker-mode": ["locks"],
  "lock.short": ["locks"],
  "lock.expiring": ["locks"],
  "lock.unreadable": ["locks"],
  "description.missing": ["head", "locks"],
  "description.altered": ["head", "locks"],
  "description.unreadable": ["head", "locks"],
  "rotation.unmarked": ["locks"],
};

/** Whether a sweep saw the archive sound before someone did something to it. */
export type Play = "nothing remembered" | "seen before";

/** What a sweep says of a case in which verify, which remembers nothing, says something else. */
export interface Difference {
  readonly expected: (scene: Scene) => readonly ExpectedFinding[];
  readonly allowed?: readonly FindingCode[];
  readonly verdict: Verdict;
}

export interface SweepMatrixOptions {
  readonly where: string;
  readonly powers: Place["powers"];
  readonly cases: readonly TamperCase[];
  readonly build: (needs: readonly Power[]) => Promise<Scene>;
  /** By the name of the case: what a sweep that saw the log before finds on top, or instead. */
  readonly seenBefore: Readonly<Record<string, Difference>>;
  /** Default: both. */
  readonly plays?: readonly Play[];
  /** Several cases at a time: where a place is far away. Default false. */
  readonly concurrent?: boolean;
}

/** Plays every case against sweeps: once with nothing remembered, and once after a sweep that had seen the log sound. */
export function sweepMatrix(options: SweepMatrixOptions): void {
  const { where, powers, cases, build, seenBefore, plays = PLAYS, concurrent = false } = options;
  const playable = cases.filter(({ needs = [] }) => needs.every((power) => powers.has(power)));
  const rows = playable.map((one) => [one.name, one] as const);
  describe(`sweeping what was tampered with in ${where}`, () => {
    const names = new Set(playable.map(({ name }) => name));
    const differences = Object.keys(seenBefore).map((name) => [name] as const);
    test.each(differences)("a case that there is: %s", (name) => expect(names.has(name)).toBe(true));
    const each = concurrent ? test.concurrent : test;
    for (const how of plays) {
      each.each(rows)(`${how}: %s`, (name, one) =>
        play(() => build(one.needs ?? []), one, how === "seen before", seenBefore[name]),
      );
    }
  });
}

async function play(
  build: () => Promise<Scene>,
  one: TamperCase,
  before: boolean,
  difference: Difference | undefined,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stele-sweep-matrix-"));
  const scene = await build();
  const { now } = scene.place;
  using state = SweepState.open(folder, { origin: ORIGIN, place: "a place", now: () => now() + LATER });
  try {
    if (before) {
      const first = await run(scene, state, {}, ROUNDS);
      expect({ verdict: first.verdict, found: first.findings }).toEqual({ verdict: "sound", found: [] });
    }
    await one.tamper(scene);
    if (one.verdict === "unknown" && !(await canOpen(scene, one))) return;
    await expectAsDone(scene, state, one, before ? difference : undefined);
  } finally {
    state.close();
    await scene.place.close();
    await rm(folder, { recursive: true });
  }
}

async function expectAsDone(scene: Scene, state: SweepState, one: TamperCase, difference: Difference | undefined): Promise<void> {
  const by = new Map<string, Set<RoundName>>();
  const found = new Map<string, SweptFinding>();
  let last: SweepResult | null = null;
  for (const round of ROUNDS) {
    last = await run(scene, state, one, [round]);
    for (const finding of last.findings.filter(({ standing, seen }) => seen && standing !== "gone")) {
      found.set(finding.id, finding);
      by.set(finding.code, (by.get(finding.code) ?? new Set()).add(round));
    }
  }
  const story = JSON.stringify({ found: [...found.values()], by: [...by].map(([code, set]) => [code, [...set]]) }, null, 1);
  if (one.verdict === "unknown") return expectCouldNotTell([...found.values()], last, story);
  const expected = difference?.expected(scene) ?? one.expected(scene);
  const allowed = [...(difference?.allowed ?? []), ...(one.allowed ?? [])];
  const isExpected = ({ code }: ExpectedFinding): boolean => expected.some((other) => other.code === code);
  const unexpected = [...found.values()].filter((finding) => isExpected(finding) || !allowed.includes(finding.code));
  expect(sorted(unexpected), story).toEqual(sorted(expected));
  for (const { code } of expected) {
    const rounds = FOUND_BY[code];
    // Of a log of which nothing is left, the head round says just that.
    if (code === "log.truncated" && by.has("log.missing")) continue;
    if (rounds !== undefined)
      expect(
        rounds.some((round) => by.get(code)?.has(round)),
        `${code}: ${story}`,
      ).toBe(true);
  }
  expect(last?.verdict, story).toBe(difference?.verdict ?? one.verdict);
  // Whatever someone must hear of has an alarm of its own.
  const told = new Set(state.alarms(0, 10_000).map(({ alarm }) => alarm.subject));
  for (const { id, severity, code } of found.values()) {
    if (severity !== "info" || code.endsWith(".unreadable")) expect(told.has(id), `no alarm of ${code}`).toBe(true);
  }
  if (expected.length === 0 && found.size === 0) expect(told.size).toBe(0);
}

/** An archive whose description can't be read is not swept: whose keys its logs have can't be told. */
async function canOpen(scene: Scene, { view }: TamperCase): Promise<boolean> {
  try {
    await openForSweep(view?.(scene) ?? scene.place.store, [OWNER.key]);
    return true;
  } catch (error) {
    expect(isSteleError(error, "store.denied", "store.unreachable")).toBe(true);
    return false;
  }
}

/** What a round can't read may keep it from more than one object: neither sound nor altered, and named. */
function expectCouldNotTell(found: readonly SweptFinding[], last: SweepResult | null, story: string): void {
  expect(found.length, story).toBeGreaterThan(0);
  expect(found.filter(({ code }) => !code.endsWith(".unreadable"))).toEqual([]);
  expect(last?.verdict, story).toBe("unknown");
}

async function run(
  scene: Scene,
  state: SweepState,
  { view, remembers }: Partial<Pick<TamperCase, "view" | "remembers">>,
  rounds: readonly RoundName[],
): Promise<SweepResult> {
  const store = view?.(scene) ?? scene.place.store;
  const archive = await openForSweep(store, [OWNER.key]);
  const now = (): number => scene.place.now() + LATER;
  return sweep(archive, { state, now, rounds, checkpoints: remembers?.(scene) ?? [], threads: 1 });
}

function sorted(findings: readonly ExpectedFinding[]): ExpectedFinding[] {
  const name = ({ code, index, object }: ExpectedFinding): string => `${code} ${String(index).padStart(6)} ${object}`;
  return findings.map(({ code, index, object }) => ({ code, index, object })).sort((a, b) => (name(a) < name(b) ? -1 : 1));
}
