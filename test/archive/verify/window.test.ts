import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finding } from "../../../src/archive/finding.ts";
import { openLog } from "../../../src/archive/log-reader.ts";
import { verifyWindow, windowAt } from "../../../src/archive/verify/window.ts";
import type { Commit } from "../../../src/core/commit.ts";
import { SteleError } from "../../../src/core/error.ts";
import { type FaultyStore, withFaults } from "../../../src/store/fault.ts";
import { LOG, NOW, OWNER, SUCCESSOR } from "../fixture.ts";
import { MemoryPlace } from "../tamper/memory-place.ts";
import { COMMITS, Scene } from "../tamper/scene.ts";
import { LEVELS, lookAt, lookEverywhere, names, POOL, type Run } from "./windows.ts";

afterAll(() => POOL[Symbol.asyncDispose]());

function newScene(): Promise<Scene> {
  return Scene.build(new MemoryPlace({ conditionalPut: true }));
}

/** Every object that was read, looked at for its lock, or asked for, by key. */
function asked(store: FaultyStore, from = 0): string[] {
  return store.log
    .slice(from)
    .filter(({ call }) => call === "lockState" || call === "get")
    .map(({ call, key }) => `${call} ${key}`);
}

describe("a window of a sound log", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await newScene();
  });

  test("is sound, and counts what is in it", async () => {
    const opened = await openLog(scene.archive, LOG);
    const { findings, ...outcome } = await lookAt(scene.place.store, opened, [3, 6]);
    expect(findings).toEqual([]);
    expect(outcome).toMatchObject({ manifests: 3, entries: 2 + 3 + 4, endUnknown: false, paused: false });
    expect(outcome.last?.manifest.index).toBe(5);
  });

  test("gives each manifest with its entries, in order, segments before what was found", async () => {
    const opened = await openLog(scene.archive, LOG);
    const told: string[] = [];
    await lookAt(scene.place.store, opened, [2, null], {
      keepRaw: true,
      onSegment: ({ manifest }, segment) =>
        void told.push(
          `segment ${manifest.index} ${
            Buffer.from(segment?.raw ?? [])
              .toString()
              .split("\n").length - 1
          }`,
        ),
      onChecked: ({ commit, entries, findings }) =>
        void told.push(`checked ${commit.manifest.index} ${entries} ${findings.length}`),
    });
    const expected = scene.commits
      .slice(2)
      .flatMap(({ manifest: { index, entries } }) => [
        `segment ${index} ${entries.count}`,
        `checked ${index} ${entries.count} 0`,
      ]);
    expect(told).toEqual(expected);
  });

  test("behind the head holds nothing, and a checkpoint of the head still holds", async () => {
    const opened = await openLog(scene.archive, LOG);
    const run = { checkpoints: [scene.checkpoint(COMMITS), scene.checkpoint(4)] };
    const { findings, last } = await lookAt(scene.place.store, opened, [COMMITS, null], run);
    expect({ findings, last }).toEqual({ findings: [], last: null });
  });

  test("at level content alone lists no folder of objects, and asks for no lock", async () => {
    const opened = await openLog(scene.archive, LOG);
    const store = withFaults(scene.place.store, () => null);
    const { findings } = await lookAt(store, opened, [3, 6], { level: { locks: false, content: true } });
    expect(findings).toEqual([]);
    const gets = [3, 4, 5].flatMap((index) => [`get ${scene.manifest(index)}`, `get ${scene.segment(index)}`]);
    expect(asked(store).sort()).toEqual(gets.sort());
    expect(store.log.filter(({ call }) => call === "versions").map(({ key }) => key)).toEqual([`${LOG}/manifests/`]);
  });

  test("whose objects are looked at needs the log's history", async () => {
    const { history: _, ...window } = await windowAt(await openLog(scene.archive, LOG), 3, 6);
    const log = { name: LOG, origin: "audit.example/prod/app" };
    const options = { now: NOW, pool: POOL, checkpoints: [], found: () => undefined };
    await expect(verifyWindow(scene.place.store, log, window, { ...LEVELS.locks, ...options })).rejects.toMatchObject({
      code: "input.invalid",
    });
    const empty = { ...window, end: 3 };
    await expect(verifyWindow(scene.place.store, log, empty, { ...LEVELS.manifests, ...options })).rejects.toMatchObject({
      code: "input.invalid",
    });
  });

  test("is cut short by its signal, and by an error of whoever listens", async () => {
    const opened = await openLog(scene.archive, LOG);
    const controller = new AbortController();
    const aborted = lookAt(scene.place.store, opened, [0, 6], {
      signal: controller.signal,
      onChecked: () => controller.abort(new SteleError("input.invalid", "enough")),
    });
    await expect(aborted).rejects.toThrow("enough");
    const full = new SteleError("store.unreachable", "no place for notes");
    await expect(
      lookAt(scene.place.store, opened, [0, 6], {
        onChecked: () => {
          throw full;
        },
      }),
    ).rejects.toBe(full);
  });
});

describe("at level content alone", () => {
  test.each([
    ["a segment that is gone", "segment.missing", (scene: Scene) => scene.place.remove(scene.segment(3))],
    [
      "a segment that was changed",
      "segment.altered",
      (scene: Scene) => scene.place.rewrite(scene.segment(3), (body) => body.toReversed()),
    ],
  ])("%s is found", async (_name, code, tamper) => {
    const scene = await newScene();
    await tamper(scene);
    const found = await lookEverywhere(scene.archive, 2, { level: { locks: false, content: true } });
    expect(found?.map((one) => [one.code, one.index, one.object])).toEqual([[code, 3, scene.segment(3)]]);
  });
});

describe("a pass that is cut into pieces", () => {
  async function troubled(): Promise<Scene> {
    const scene = await newScene();
    await scene.place.remove(scene.segment(1));
    await scene.place.relock(scene.manifest(3), null);
    await scene.place.rewrite(scene.segment(4), (body) => body.toReversed());
    await scene.place.put(scene.segment(6), Buffer.from("over it"), scene.retention);
    await scene.place.put(scene.nextSegment(), Buffer.from("forged"), scene.retention);
    await scene.place.put(`${LOG}/manifests/README`, Buffer.from("junk"), scene.retention);
    await scene.place.remove(scene.manifest(7));
    return scene;
  }

  test("finds the same as one in one go, wherever it is paused", async () => {
    const scene = await troubled();
    const opened = await openLog(scene.archive, LOG);
    const whole = names((await lookAt(scene.place.store, opened, [0, null])).findings);
    expect(whole.length).toBeGreaterThanOrEqual(7);
    for (let pauseAfter = 0; pauseAfter < COMMITS; pauseAfter++) {
      const all: Finding[] = [];
      const done = new Set<number>();
      for (let piece = 0; ; piece++) {
        let taken = 0;
        const { paused, findings } = await lookAt(scene.place.store, opened, [0, null], {
          connections: 2,
          skip: (index) => done.has(index),
          pause: () => piece < 8 && taken++ >= pauseAfter,
          onChecked: ({ commit }) => void done.add(commit.manifest.index),
        });
        all.push(...findings);
        if (!paused) break;
      }
      expect(names(all), `paused after ${pauseAfter}`).toEqual(whole);
    }
  });

  test("repeats only what was in flight", async () => {
    const scene = await newScene();
    const opened = await openLog(scene.archive, LOG);
    const store = withFaults(scene.place.store, () => null);
    const done = new Set<number>();
    const run: Run = { connections: 2, onChecked: ({ commit }) => void done.add(commit.manifest.index) };
    let taken = 0;
    const first = await lookAt(store, opened, [0, null], { ...run, pause: () => taken++ >= 4 });
    expect(first).toMatchObject({ paused: true, manifests: 4 });
    expect([...done]).toEqual([0, 1, 2, 3]);
    const before = store.log.length;
    const second = await lookAt(store, opened, [0, null], { ...run, skip: (index) => done.has(index) });
    expect(second).toMatchObject({ paused: false, manifests: COMMITS - 4, findings: [] });
    const repeated = asked(store, before).filter((call) => !call.includes("get app/manifests/"));
    const rest = scene.commits
      .slice(4)
      .flatMap(({ manifest: { index } }) => [
        `get ${scene.segment(index)}`,
        `lockState ${scene.manifest(index)}`,
        `lockState ${scene.segment(index)}`,
      ]);
    expect(repeated.sort()).toEqual(rest.sort());
  });
});

describe("a window of another history", () => {
  /** The archive with manifests 4 and 5 of its double, whose key signed them as well. */
  async function forked(): Promise<Scene> {
    const scene = await newScene();
    const double = await scene.double();
    for (const index of [4, 5, 6, 7]) {
      for (const key of [scene.manifest(index), scene.segment(index)]) {
        const bytes = await double.place.read(key);
        await scene.place.rewrite(key, () => bytes);
      }
    }
    return scene;
  }

  test("does not pass, though it holds together by itself", async () => {
    const scene = await forked();
    const opened = await openLog(scene.archive, LOG);
    // From within the branch nothing looks wrong but the head.
    const { findings } = await lookAt(scene.place.store, opened, [5, 7], { level: LEVELS.content });
    expect(findings.map(({ code, index }) => `${code} ${index}`)).toContain("checkpoint.inconsistent 6");
    const alone = await windowAt(opened, 5, 7);
    const blind: Finding[] = [];
    const { history: _, ...unproven } = alone;
    const options = { ...LEVELS.manifests, now: NOW, pool: POOL, checkpoints: [] };
    await verifyWindow(scene.place.store, opened.log, unproven, { ...options, found: (one) => void blind.push(one) });
    expect(blind).toEqual([]);
  });

  test("is found at its beginning, where what was before is known", async () => {
    const scene = await newScene();
    const double = await scene.double();
    const opened = await openLog(scene.archive, LOG);
    const window = await windowAt(opened, 4, 6);
    const found: string[] = [];
    const before: Commit = double.commit(3);
    await verifyWindow(
      scene.place.store,
      opened.log,
      { ...window, before },
      {
        ...LEVELS.locks,
        now: NOW,
        pool: POOL,
        checkpoints: [],
        found: ({ code, index }) => void found.push(`${code} ${index}`),
      },
    );
    expect(found).toContain("checkpoint.inconsistent 4");
  });

  test("is found by a checkpoint of the branch that was cut off", async () => {
    const scene = await newScene();
    const double = await scene.double();
    const opened = await openLog(scene.archive, LOG);
    for (const first of [2, 5, 8]) {
      const { findings } = await lookAt(scene.place.store, opened, [first, null], { checkpoints: [double.checkpoint(5)] });
      expect(findings.map(({ code, index }) => `${code} ${index}`)).toEqual(["checkpoint.inconsistent 4"]);
    }
  });

  test("has no manifest before it that can be had: it says so", async () => {
    const scene = await newScene();
    await scene.place.remove(scene.manifest(3));
    const opened = await openLog(scene.archive, LOG);
    const { findings } = await lookAt(scene.place.store, opened, [4, null]);
    expect(findings.map(({ code, index }) => `${code} ${index}`)).toEqual(["log.unreadable 4", "object.stray null"]);
    expect(findings[1]?.message).toMatch(/may be of one that is missing/);
  });
});

describe("keys that were rotated", () => {
  test("sign where they were in force, in every window", async () => {
    const scene = await newScene();
    await scene.rotate(SUCCESSOR, { andCommits: 0 });
    await scene.append(4, { signer: SUCCESSOR });
    const opened = await openLog(scene.archive, LOG);
    expect((await windowAt(opened, COMMITS, null)).keys.map(({ id }) => id)).toEqual([OWNER.rename(opened.log.origin).key.id]);
    expect((await windowAt(opened, COMMITS + 1, null)).keys.map(({ id }) => id)).toEqual([
      SUCCESSOR.rename(opened.log.origin).key.id,
    ]);
    for (const width of [1, 3, 100]) expect(await lookEverywhere(scene.archive, width)).toEqual([]);
  });
});

describe("a log that goes on while it is looked at", () => {
  test("is followed to its new end", async () => {
    const scene = await newScene();
    const opened = await openLog(scene.archive, LOG);
    let grown = false;
    const { findings, last } = await lookAt(scene.place.store, opened, [0, null], {
      connections: 1,
      onChecked: async () => {
        if (!grown) await scene.append(2);
        grown = true;
      },
    });
    expect({ findings, index: last?.manifest.index }).toEqual({ findings: [], index: COMMITS + 1 });
  });

  test("has a segment at its end that is not committed yet: only once it is old", async () => {
    const scene = await newScene();
    await scene.place.put(scene.nextSegment(), Buffer.from("to be committed"), scene.retention);
    const opened = await openLog(scene.archive, LOG);
    const at = async (now: number): Promise<string[]> =>
      (await lookAt(scene.place.store, opened, [4, null], { now, freshMillis: 60_000 })).findings.map(({ code }) => code);
    expect(await at(NOW + 59_999)).toEqual([]);
    expect(await at(NOW + 60_000)).toEqual(["object.stray"]);
  });
});
