import { at, type TamperCase } from "./case.ts";
import { forgeNext } from "./forge.ts";
import { COMMITS, type Scene } from "./scene.ts";
import { STRANGER } from "../fixture.ts";

const JUNK = Buffer.from("junk\n");

/** An object that belongs nowhere. */
function strayCase(name: string, key: (scene: Scene) => string, index: number | null = null): TamperCase {
  return {
    name,
    tamper: async (scene) => void (await scene.place.put(key(scene), JUNK, scene.retention)),
    expected: (scene) => [at("object.stray", index, key(scene))],
    verdict: "unsound",
    reads: "all",
  };
}

/** Whether a writer finds a taken key out by its PUT, and goes to another; else its object lies over the junk. */
function evades({ place }: Scene): boolean {
  return place.store.capabilities.conditionalPut;
}

/** Objects that nobody of the archive wrote. */
export const EXTRA_CASES: readonly TamperCase[] = [
  strayCase("junk among the manifests under a foreign name", () => "app/manifests/README"),
  strayCase("junk among the manifests under a name like a manifest's", () => "app/manifests/0000000000000003.copy.ndjson"),
  strayCase("junk among the manifests, sorting after all", () => "app/manifests/~"),
  strayCase("junk at a second attempt of a manifest", () => "app/manifests/0000000000000003.1.ndjson", 3),
  strayCase("junk among the segments under a foreign name", () => "app/segments/README"),
  strayCase("a segment that no manifest names", (scene) => scene.nextSegment()),
  strayCase("a second attempt of a segment", (scene) => scene.segment(3).replace(".ndjson", ".1.ndjson")),
  strayCase("junk among the tiles", () => "app/tiles/0/000"),
  strayCase("junk in the log's folder", () => "app/notes.txt"),
  strayCase("junk in the log's folder, sorting before all", () => "app/!"),
  strayCase("junk beside archive.json", () => "archive.json.bak"),
  strayCase("junk under a name that no log can have", () => "App/manifests/0000000000000000.ndjson"),
  {
    name: "a log that only consists of a forged segment",
    tamper: async ({ place, retention }) => void (await place.put("ghost/segments/x", JUNK, retention)),
    expected: () => [at("log.missing", null, null), at("object.stray", null, "ghost/segments/x")],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "junk at the next manifest's key",
    tamper: async ({ place, manifest, retention }) => void (await place.put(manifest(COMMITS), JUNK, retention)),
    expected: ({ manifest }) => [at("manifest.altered", COMMITS, manifest(COMMITS))],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "junk far behind the last manifest",
    tamper: async ({ place, manifest, retention }) => void (await place.put(manifest(700), JUNK, retention)),
    expected: ({ manifest }) => [at("manifest.altered", 700, manifest(700))],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "a next commit by someone without the key",
    tamper: async (scene) => void (await forgeNext(scene, scene.head, { signer: STRANGER })),
    expected: ({ manifest }) => [at("checkpoint.bad-signature", COMMITS, manifest(COMMITS))],
    allowed: ["object.stray"],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "a commit in the middle signed by someone without the key",
    needs: ["replace"],
    tamper: async (scene) => {
      const { key } = await forgeNext(scene, scene.commit(2), { signer: STRANGER, attempt: 7, segmentAttempt: 7 });
      const forged = await scene.place.read(key);
      await scene.place.remove(key);
      await scene.place.rewrite(scene.manifest(3), () => forged);
    },
    expected: ({ manifest }) => [at("checkpoint.bad-signature", 3, manifest(3))],
    allowed: ["object.stray"],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "the next manifest's key occupied beforehand, and the writer goes on",
    tamper: async (scene) => {
      await scene.place.put(scene.manifest(COMMITS), JUNK, scene.retention);
      await scene.append(2);
    },
    expected: (scene) => [at(evades(scene) ? "object.stray" : "object.shadowed", COMMITS, scene.manifest(COMMITS))],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "the next manifest's key occupied by a stranger's commit, and the writer goes on",
    tamper: async (scene) => {
      await forgeNext(scene, scene.head, { signer: STRANGER, heartbeat: true });
      await scene.append(2);
    },
    expected: (scene) => [at(evades(scene) ? "object.stray" : "object.shadowed", COMMITS, scene.manifest(COMMITS))],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "the next segment's key occupied beforehand, and the writer goes on",
    tamper: async (scene) => {
      await scene.place.put(scene.nextSegment(), JUNK, scene.retention);
      await scene.append(2);
    },
    // Where the segment lies at the same key, the junk is known to be in the way of manifest 9's.
    expected: (scene) => {
      const key = scene.segment(COMMITS).replace(".1.ndjson", ".ndjson");
      return [at("object.stray", evades(scene) ? null : COMMITS, key)];
    },
    verdict: "unsound",
    reads: "all",
  },
];
