import { SteleError } from "../../../src/core/error.ts";
import { type StoreCall, withFaults } from "../../../src/store/fault.ts";
import { at, type TamperCase } from "./case.ts";
import { COMMITS, type Scene } from "./scene.ts";

type Refusal = "store.denied" | "store.unreachable";

/** The store as one sees it who is refused some calls for some keys. */
function blind(
  { place }: Scene,
  code: Refusal,
  calls: readonly StoreCall[],
  matches: (key: string) => boolean,
): typeof place.store {
  return withFaults(place.store, ({ call, key }) =>
    calls.includes(call) && matches(key) ? { kind: "unpersisted", error: new SteleError(code, `refused: ${call} ${key}`) } : null,
  );
}

function unseen(
  what: string,
  calls: readonly StoreCall[],
  key: (scene: Scene) => string,
  rest: Pick<TamperCase, "expected" | "reads"> & Partial<TamperCase>,
): TamperCase[] {
  return (["store.denied", "store.unreachable"] as const).map((code) => ({
    name: `${what}: ${code}`,
    tamper: async () => undefined,
    view: (scene) => blind(scene, code, calls, (asked) => asked.startsWith(key(scene))),
    verdict: "unknown",
    ...rest,
  }));
}

const ALL = Array.from({ length: COMMITS }, (_, i) => i);

/** What can't be looked at is neither sound nor altered. */
export const VIEW_CASES: readonly TamperCase[] = [
  ...unseen("the lock of a manifest", ["lockState"], ({ manifest }) => manifest(3), {
    expected: ({ manifest }) => [at("lock.unreadable", 3, manifest(3))],
    reads: "all",
  }),
  ...unseen("the lock of a segment", ["lockState"], (scene) => scene.segment(3), {
    expected: (scene) => [at("lock.unreadable", 3, scene.segment(3))],
    reads: "all",
  }),
  ...unseen("the lock of log.json", ["lockState"], () => "app/log.json", {
    expected: () => [at("lock.unreadable", null, "app/log.json")],
    reads: "all",
  }),
  ...unseen("a segment", ["get"], (scene) => scene.segment(3), {
    expected: (scene) => [at("segment.unreadable", 3, scene.segment(3))],
    reads: { before: 3 },
  }),
  ...unseen("a manifest", ["get"], ({ manifest }) => manifest(3), {
    expected: ({ manifest }) => [at("manifest.unreadable", 3, manifest(3))],
    reads: { before: 0 },
  }),
  ...unseen("the newest manifest, the log remembered", ["get"], ({ manifest }) => manifest(COMMITS - 1), {
    remembers: (scene) => [scene.checkpoint(COMMITS)],
    expected: ({ manifest }) => [at("manifest.unreadable", COMMITS - 1, manifest(COMMITS - 1))],
    reads: { before: 0 },
  }),
  ...unseen("every manifest", ["get"], () => "app/manifests/", {
    remembers: (scene) => [scene.checkpoint(COMMITS)],
    expected: ({ manifest }) => ALL.map((index) => at("manifest.unreadable", index, manifest(index))),
    reads: { before: 0 },
  }),
  ...unseen("everything", ["get"], () => "", {
    remembers: (scene) => [scene.checkpoint(COMMITS)],
    expected: ({ manifest }) => [
      at("description.unreadable", null, "archive.json"),
      ...ALL.map((index) => at("manifest.unreadable", index, manifest(index))),
    ],
    reads: { before: 0 },
  }),
  ...unseen("the list of manifests, the log remembered", ["versions"], () => "app/manifests/", {
    remembers: (scene) => [scene.checkpoint(COMMITS)],
    expected: () => [at("log.unreadable", null, null)],
    reads: { before: 0 },
  }),
  ...unseen("the list of segments", ["versions"], () => "app/segments/", {
    expected: () => [at("log.unreadable", null, null)],
    reads: "all",
  }),
  ...unseen("log.json", ["get"], () => "app/log.json", {
    expected: () => [at("description.unreadable", null, "app/log.json")],
    reads: "all",
  }),
  ...unseen("archive.json", ["get"], () => "archive.json", {
    expected: () => [at("description.unreadable", null, "archive.json")],
    reads: "all",
  }),
  ...unseen("every segment, one of which has a second version", ["get"], () => "app/segments/", {
    needs: ["overwrite"],
    tamper: async (scene) => {
      const key = scene.segment(3);
      await scene.place.put(key, await scene.place.read(key), scene.retention);
    },
    expected: (scene) => ALL.map((index) => at("segment.unreadable", index, scene.segment(index))),
    reads: { before: 0 },
  }),
];
