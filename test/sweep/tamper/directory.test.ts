import { afterAll, beforeAll } from "vitest";
import { TAMPER_CASES } from "../../archive/tamper/cases.ts";
import { DirectoryPlace } from "../../archive/tamper/directory-place.ts";
import { Scene } from "../../archive/tamper/scene.ts";
import { SEEN_BEFORE } from "./seen-before.ts";
import { sweepMatrix } from "./sweep-matrix.ts";

// What a sweep says that remembers nothing is the same in memory; what differs here is a store with one version of each object,
// whose locks are only recorded. Made once and copied: what is written durably takes its time.
let template: { readonly scene: Scene; readonly place: DirectoryPlace };
beforeAll(async () => {
  const place = await DirectoryPlace.create();
  template = { scene: await Scene.build(place), place };
});
afterAll(() => template.place.close());

sweepMatrix({
  where: "a folder",
  powers: DirectoryPlace.POWERS,
  cases: TAMPER_CASES,
  build: async () => template.scene.at(await template.place.copy()),
  seenBefore: SEEN_BEFORE,
  plays: ["seen before"],
  concurrent: true,
});
