import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verdict } from "../../../src/archive/finding.ts";
import { verifyArchive } from "../../../src/archive/verify/verify.ts";
import { withFaults } from "../../../src/store/fault.ts";
import { SteleError } from "../../../src/core/error.ts";
import type { Store } from "../../../src/store/port.ts";
import { LOG, OWNER, SUCCESSOR } from "../fixture.ts";
import { MemoryPlace } from "../tamper/memory-place.ts";
import { Scene } from "../tamper/scene.ts";
import { hiding } from "./hiding.ts";
import { LEVELS, lookEverywhere, POOL } from "./windows.ts";

let scene: Scene;
let keys: string[];
beforeAll(async () => {
  scene = await Scene.build(new MemoryPlace({ conditionalPut: true }));
  await scene.rotate(SUCCESSOR, { andCommits: 0 });
  await scene.append(3, { signer: SUCCESSOR });
  keys = [];
  for await (const { key } of scene.place.store.versions("")) keys.push(key);
});
afterAll(() => POOL[Symbol.asyncDispose]());

async function whole(store: Store, remembered = [scene.checkpoint(scene.commits.length)]) {
  const options = { pinned: [OWNER.key], logs: [LOG], level: "content", now: scene.place.now(), threads: 1 } as const;
  return verifyArchive(store, { ...options, checkpoints: remembered });
}

describe("a listing that leaves something out makes a log neither sound nor unsound:", () => {
  test("each key alone, the whole log", async () => {
    expect(keys.length).toBe(2 + 13 + 12 + 1);
    for (const key of keys) {
      const { findings, verdict: all } = await whole(hiding(scene.place.store, (other) => other === key));
      expect(all, `${key}: ${JSON.stringify(findings)}`).toBe("unknown");
      const named = findings.map(({ object }) => object);
      expect(named, key).toContain(key);
    }
  });

  test("any run of keys, remembered or not, the whole log and in windows", async () => {
    const run = fc.tuple(fc.nat({ max: keys.length - 1 }), fc.integer({ min: 1, max: keys.length }));
    await fc.assert(
      fc.asyncProperty(run, fc.boolean(), fc.integer({ min: 1, max: 5 }), async ([from, length], isRemembered, width) => {
        const hidden = new Set(keys.slice(from, from + length));
        const store = hiding(scene.place.store, (key) => hidden.has(key));
        const remembered = isRemembered ? [scene.checkpoint(scene.commits.length)] : [];
        const { findings, verdict: all } = await whole(store, remembered).catch((error: unknown) => {
          // Without archive.json nothing can be told at all.
          expect(hidden.has("archive.json"), String(error)).toBe(true);
          return { findings: [], verdict: "unknown" };
        });
        expect(all, JSON.stringify(findings)).toBe("unknown");
        const inLog = [...hidden].filter((key) => key.startsWith(`${LOG}/`) && !key.endsWith("log.json"));
        const found = await lookEverywhere({ ...scene.archive, store }, width, { remembered });
        // Where even the head is not found, there are no windows to look at.
        if (found === null || inLog.length === 0) return;
        expect(verdict(found), JSON.stringify(found)).not.toBe("unsound");
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  test.each(["manifests", "locks", "content"] as const)("a whole folder, in windows, at level %s", async (level) => {
    for (const folder of ["segments/", "keys/"]) {
      const store = hiding(scene.place.store, (key) => key.startsWith(`${LOG}/${folder}`));
      const found = (await lookEverywhere({ ...scene.archive, store }, 4, { level: LEVELS[level] })) ?? [];
      expect(verdict(found), `${folder} ${JSON.stringify(found)}`).toBe(level === "manifests" ? "sound" : "unknown");
    }
  });
});

describe("what a listing leaves out between others, and gives when it is listed by itself", () => {
  const folders = new Set(["manifests/", "segments/", "keys/"].map((folder) => `${LOG}/${folder}`));

  test("is named, whatever its age", async () => {
    for (const key of [scene.manifest(3), scene.segment(3), scene.manifest(0), scene.segment(0)]) {
      const { findings } = await whole(hiding(scene.place.store, (other, prefix) => other === key && folders.has(prefix)));
      expect(findings.map(({ code, object }) => [code, object])).toEqual([["log.unreadable", key]]);
    }
  });

  test("is taken for new at the end of a listing, unless it is old", async () => {
    const segment = scene.segment(scene.commits.length - 1);
    const store = hiding(scene.place.store, (other, prefix) => other === segment && folders.has(prefix));
    const options = { pinned: [OWNER.key], logs: [LOG], level: "content", threads: 1 } as const;
    const at = async (now: number): Promise<string> => (await verifyArchive(store, { ...options, now })).verdict;
    expect(await at(scene.place.now() + 300_000)).toBe("sound");
    expect(await at(scene.place.now() + 300_001)).toBe("unknown");
  });
});

test("what a listing leaves out, and can't be asked for either, is not called missing", async () => {
  for (const key of keys.filter((one) => one.startsWith(`${LOG}/`))) {
    const denied = withFaults(scene.place.store, ({ call, key: asked }) =>
      asked === key && call === "head" ? { kind: "unpersisted", error: new SteleError("store.denied", "refused") } : null,
    );
    const { findings, verdict: all } = await whole(hiding(denied, (other) => other === key));
    expect(all, `${key}: ${JSON.stringify(findings)}`).toBe("unknown");
  }
});

test("a manifest that is gone from listing and store is missing, and so is a segment", async () => {
  const other = await Scene.build(new MemoryPlace({ conditionalPut: true }));
  await other.place.remove(other.segment(2));
  await other.place.remove(other.manifest(4));
  await other.place.remove(other.segment(4));
  const found = await lookEverywhere(other.archive, 3);
  expect(found?.map(({ code, index }) => `${code} ${index}`)).toEqual(["segment.missing 2", "manifest.missing 4"]);
});
