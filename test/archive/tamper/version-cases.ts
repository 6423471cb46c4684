import { at, type TamperCase } from "./case.ts";
import { COMMITS, type Scene } from "./scene.ts";

const JUNK = Buffer.from("junk\n");

interface Target {
  readonly what: string;
  readonly key: (scene: Scene) => string;
  readonly index: number | null;
}

export const TARGETS: readonly Target[] = [
  { what: "a manifest", key: (scene) => scene.manifest(3), index: 3 },
  { what: "the newest manifest", key: (scene) => scene.manifest(COMMITS - 1), index: COMMITS - 1 },
  { what: "a segment", key: (scene) => scene.segment(3), index: 3 },
  { what: "log.json", key: () => "app/log.json", index: null },
  { what: "archive.json", key: () => "archive.json", index: null },
];

function over(
  what: string,
  code: "object.shadowed" | "object.duplicate" | "object.delete-marker",
  { key, index }: Target,
): Pick<TamperCase, "name" | "expected" | "verdict" | "reads"> {
  return {
    name: what,
    expected: (scene) => [at(code, index, key(scene))],
    verdict: code === "object.duplicate" ? "sound" : "unsound",
    reads: "all",
  };
}

/** What lies over the log's own versions, which under Object Lock nobody can touch. */
export const VERSION_CASES: readonly TamperCase[] = [
  ...TARGETS.flatMap((target): TamperCase[] => [
    {
      ...over(`a newer version put over ${target.what}`, "object.shadowed", target),
      needs: ["overwrite"],
      tamper: async (scene) => void (await scene.place.put(target.key(scene), JUNK, scene.retention)),
    },
    {
      ...over(`an identical newer version of ${target.what}`, "object.duplicate", target),
      needs: ["overwrite"],
      tamper: async (scene) => {
        const key = target.key(scene);
        await scene.place.put(key, await scene.place.read(key), scene.retention);
      },
    },
    {
      ...over(`a delete marker on ${target.what}`, "object.delete-marker", target),
      needs: ["hide"],
      tamper: (scene) => scene.place.hide(target.key(scene)),
    },
  ]),
  {
    name: "another manifest of the log put over a manifest",
    needs: ["overwrite"],
    tamper: async ({ place, manifest, retention }) =>
      void (await place.put(manifest(3), await place.read(manifest(2)), retention)),
    expected: ({ manifest }) => [at("object.shadowed", 3, manifest(3))],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "a delete marker on the newest manifest, and the writer goes on",
    needs: ["hide"],
    tamper: async (scene) => {
      await scene.place.hide(scene.manifest(COMMITS - 1));
      await scene.append(2);
    },
    expected: ({ manifest }) => [at("object.delete-marker", COMMITS - 1, manifest(COMMITS - 1))],
    verdict: "unsound",
    reads: "all",
  },
];
