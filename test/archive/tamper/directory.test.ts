import { afterAll, beforeAll } from "vitest";
import { TAMPER_CASES } from "./cases.ts";
import { DirectoryPlace } from "./directory-place.ts";
import { tamperMatrix } from "./matrix.ts";
import { Scene } from "./scene.ts";

// Made once and copied: what is written durably takes its time.
let template: { readonly scene: Scene; readonly place: DirectoryPlace };
beforeAll(async () => {
  const place = await DirectoryPlace.create();
  template = { scene: await Scene.build(place), place };
});
afterAll(() => template.place.close());

tamperMatrix({
  where: "a folder",
  powers: DirectoryPlace.POWERS,
  cases: TAMPER_CASES,
  build: async () => template.scene.at(await template.place.copy()),
});
