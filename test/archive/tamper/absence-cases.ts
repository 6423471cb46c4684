import { at, type TamperCase } from "./case.ts";
import { COMMITS, type Scene } from "./scene.ts";

const HEAD = COMMITS - 1;

async function removeCommits(scene: Scene, indexes: readonly number[]): Promise<void> {
  for (const index of indexes) {
    await scene.place.remove(scene.manifest(index));
    await scene.place.remove(scene.segment(index));
  }
}

function newest(count: number): number[] {
  return Array.from({ length: count }, (_, i) => HEAD - i);
}

/** Objects that are gone. */
export const ABSENCE_CASES: readonly TamperCase[] = [
  {
    name: "a segment deleted",
    needs: ["remove"],
    tamper: (scene) => scene.place.remove(scene.segment(3)),
    expected: (scene) => [at("segment.missing", 3, scene.segment(3))],
    verdict: "unsound",
    reads: { before: 3 },
  },
  {
    name: "a manifest deleted",
    needs: ["remove"],
    tamper: (scene) => scene.place.remove(scene.manifest(3)),
    expected: () => [at("manifest.missing", 3, null)],
    allowed: ["object.stray"],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "the first commit deleted",
    needs: ["remove"],
    tamper: (scene) => removeCommits(scene, [0]),
    expected: () => [at("manifest.missing", 0, null)],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "three commits in the middle deleted",
    needs: ["remove"],
    tamper: (scene) => removeCommits(scene, [3, 4, 5]),
    expected: () => [3, 4, 5].map((index) => at("manifest.missing", index, null)),
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "the newest three commits deleted, and the log remembered as it was",
    needs: ["remove"],
    tamper: (scene) => removeCommits(scene, newest(3)),
    remembers: (scene) => [scene.checkpoint(COMMITS)],
    expected: () => [at("log.truncated", null, null)],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "the newest three commits deleted, and nothing remembered",
    needs: ["remove"],
    tamper: (scene) => removeCommits(scene, newest(3)),
    expected: () => [],
    verdict: "sound",
    says: /a tail that was cut off.*: without a checkpoint seen before, a shorter log looks like a younger one/,
    reads: "beginning",
  },
  {
    name: "the newest three manifests deleted, their segments left",
    needs: ["remove"],
    tamper: async (scene) => {
      for (const index of newest(3)) await scene.place.remove(scene.manifest(index));
    },
    expected: (scene) => newest(3).map((index) => at("object.stray", null, scene.segment(index))),
    verdict: "unsound",
    reads: "beginning",
  },
  {
    name: "log.json deleted",
    needs: ["remove"],
    tamper: ({ place }) => place.remove("app/log.json"),
    expected: () => [at("description.missing", null, "app/log.json")],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "archive.json deleted",
    needs: ["remove"],
    tamper: ({ place }) => place.remove("archive.json"),
    expected: () => [at("description.missing", null, "archive.json")],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "the whole log deleted, and nothing remembered",
    needs: ["remove"],
    tamper: async (scene) => {
      await removeCommits(scene, newest(COMMITS));
      await scene.place.remove("app/log.json");
    },
    expected: () => [at("log.missing", null, null)],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "the whole log deleted, and a checkpoint remembered",
    needs: ["remove"],
    tamper: async (scene) => {
      await removeCommits(scene, newest(COMMITS));
      await scene.place.remove("app/log.json");
    },
    remembers: (scene) => [scene.checkpoint(COMMITS)],
    expected: () => [at("log.truncated", null, null)],
    allowed: ["log.missing"],
    verdict: "unsound",
    reads: { before: 0 },
  },
];
