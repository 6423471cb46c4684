import { describe, expect, test } from "vitest";
import { verifyArchive } from "../../../src/archive/verify/verify.ts";
import { OWNER, readAll } from "../fixture.ts";
import type { ExpectedFinding, TamperCase } from "./case.ts";
import type { Place, Power } from "./place.ts";
import type { Scene } from "./scene.ts";

export interface MatrixOptions {
  readonly where: string;
  readonly powers: Place["powers"];
  readonly cases: readonly TamperCase[];
  /** An archive of its own for a case with these needs. */
  readonly build: (needs: readonly Power[]) => Promise<Scene>;
  /** Several cases at a time: where a place is far away. Default false. */
  readonly concurrent?: boolean;
}

/** Plays every case that a place allows. */
export function tamperMatrix({ where, powers, cases, build, concurrent = false }: MatrixOptions): void {
  describe(`tampering with an archive in ${where}`, () => {
    const playable = cases.filter(({ needs = [] }) => needs.every((power) => powers.has(power)));
    const rows = playable.map((one) => [one.name, one] as const);
    const each = concurrent ? test.concurrent : test;
    each.each(rows)("%s", (_name, one) => play(() => build(one.needs ?? []), one));
  });
}

/** What every matrix begins with: that what it finds later is what was done. */
export const UNTOUCHED: TamperCase = {
  name: "nothing: it is sound, and gives back what was put in",
  tamper: async () => undefined,
  remembers: (scene) => [scene.checkpoint(1), scene.checkpoint(5), scene.checkpoint(scene.commits.length)],
  expected: () => [],
  verdict: "sound",
  reads: "all",
};

async function play(build: () => Promise<Scene>, one: TamperCase): Promise<void> {
  const scene = await build();
  try {
    await one.tamper(scene);
    const store = one.view?.(scene) ?? scene.place.store;
    const checkpoints = one.remembers?.(scene) ?? [];
    await expectFindings(one, scene, store, checkpoints);
    await expectReading(one, scene, store, checkpoints);
  } finally {
    await scene.place.close();
  }
}

type Store = Scene["place"]["store"];
type Checkpoints = ReturnType<NonNullable<TamperCase["remembers"]>>;

async function expectFindings(one: TamperCase, scene: Scene, store: Store, checkpoints: Checkpoints): Promise<void> {
  const options = { pinned: [OWNER.key], level: "content", now: scene.place.now(), threads: 1, checkpoints } as const;
  const report = await verifyArchive(store, options);
  const found = report.findings.map(({ code, index, object }) => ({ code, index, object }));
  const expected = one.expected(scene);
  const isExpected = ({ code }: ExpectedFinding): boolean => expected.some((other) => other.code === code);
  const unexpected = found.filter((finding) => isExpected(finding) || one.allowed?.includes(finding.code) !== true);
  // The whole report in the message: a code alone does not say what went wrong.
  const story = JSON.stringify(report.findings, null, 1);
  expect(sorted(unexpected), story).toEqual(sorted(expected));
  expect(report.verdict, story).toBe(one.verdict);
  expect(report.logs.every(({ keyPinned }) => keyPinned)).toBe(true);
  if (one.says !== undefined) expect(report.notObservable).toContainEqual(expect.stringMatching(one.says));
}

async function expectReading(one: TamperCase, scene: Scene, store: Store, checkpoints: Checkpoints): Promise<void> {
  const { bytes, error } = await readAll({ ...scene.archive, store }, undefined, { checkpoints });
  const { original } = scene;
  expect(bytes.toString()).toBe(original.subarray(0, bytes.length).toString());
  if (one.reads === "all") expect({ length: bytes.length, error }).toEqual({ length: original.length, error: null });
  else if (one.reads === "beginning") expect(bytes.length).toBeLessThan(original.length);
  else
    expect({ length: bytes.length, refused: error !== null }).toEqual({
      length: scene.originalBefore(one.reads.before).length,
      refused: true,
    });
}

function sorted(findings: readonly ExpectedFinding[]): ExpectedFinding[] {
  const name = ({ code, index, object }: ExpectedFinding): string => `${code} ${String(index).padStart(6)} ${object}`;
  return findings.map(({ code, index, object }) => ({ code, index, object })).sort((a, b) => (name(a) < name(b) ? -1 : 1));
}
