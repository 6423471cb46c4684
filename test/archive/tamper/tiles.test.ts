import { afterAll, beforeAll } from "vitest";
import { SteleError } from "../../../src/core/error.ts";
import { withFaults } from "../../../src/store/fault.ts";
import { at, flipped, type TamperCase } from "./case.ts";
import { DirectoryPlace } from "./directory-place.ts";
import { tamperMatrix, UNTOUCHED } from "./matrix.ts";
import { MemoryPlace } from "./memory-place.ts";
import { Scene } from "./scene.ts";

// One more than fill the first tile: a tile that the newest manifest filled may be still to come.
const commits = 257;
const TILE = "app/tiles/0/000";
const FILLED_BY = 255;

function tileCase(
  name: string,
  code:
    | "tile.altered"
    | "tile.missing"
    | "tile.unreadable"
    | "object.shadowed"
    | "object.duplicate"
    | "object.delete-marker"
    | "lock.absent",
  rest: Pick<TamperCase, "tamper"> & Partial<TamperCase>,
): TamperCase {
  return { name, expected: () => [at(code, FILLED_BY, TILE)], verdict: "unsound", reads: "all", ...rest };
}

const CASES: readonly TamperCase[] = [
  UNTOUCHED,
  tileCase("a byte of a tile changed", "tile.altered", {
    needs: ["rewrite"],
    tamper: ({ place }) => place.rewrite(TILE, flipped(777)),
  }),
  tileCase("a tile truncated", "tile.altered", {
    needs: ["rewrite"],
    tamper: ({ place }) => place.rewrite(TILE, (body) => body.slice(32)),
  }),
  tileCase("a hash appended to a tile", "tile.altered", {
    needs: ["rewrite"],
    tamper: ({ place }) => place.rewrite(TILE, (body) => Buffer.concat([body, body.slice(0, 32)])),
  }),
  tileCase("a tile deleted", "tile.missing", { needs: ["remove"], tamper: ({ place }) => place.remove(TILE) }),
  tileCase("a tile without a lock", "lock.absent", { needs: ["relock"], tamper: ({ place }) => place.relock(TILE, null) }),
  tileCase("a newer version put over a tile", "object.shadowed", {
    needs: ["overwrite"],
    tamper: async ({ place, retention }) => void (await place.put(TILE, new Uint8Array(8192), retention)),
  }),
  tileCase("an identical newer version of a tile", "object.duplicate", {
    needs: ["overwrite"],
    tamper: async ({ place, retention }) => void (await place.put(TILE, await place.read(TILE), retention)),
    verdict: "sound",
  }),
  tileCase("a delete marker on a tile", "object.delete-marker", { needs: ["hide"], tamper: ({ place }) => place.hide(TILE) }),
  tileCase("a tile that can't be read", "tile.unreadable", {
    tamper: async () => undefined,
    view: ({ place }) =>
      withFaults(place.store, ({ call, key }) =>
        call === "get" && key === TILE ? { kind: "unpersisted", error: new SteleError("store.denied", "refused") } : null,
      ),
    verdict: "unknown",
  }),
  {
    name: "a tile that the log has not filled",
    tamper: async ({ place, retention }) => void (await place.put("app/tiles/0/001", new Uint8Array(8192), retention)),
    expected: () => [at("object.stray", null, "app/tiles/0/001")],
    verdict: "unsound",
    reads: "all",
  },
];

tamperMatrix({
  where: "a versioned bucket, with a full tile",
  powers: MemoryPlace.POWERS,
  cases: CASES,
  build: () => Scene.build(new MemoryPlace({ conditionalPut: true }), { commits }),
});

let template: { readonly scene: Scene; readonly place: DirectoryPlace };
beforeAll(async () => {
  const place = await DirectoryPlace.create();
  template = { scene: await Scene.build(place, { commits }), place };
});
afterAll(() => template.place.close());
tamperMatrix({
  where: "a folder, with a full tile",
  powers: DirectoryPlace.POWERS,
  // A folder of a thousand files takes its time to copy.
  cases: CASES.filter(({ name }) => /^nothing|^a byte of a tile changed|^a tile deleted/.test(name)),
  build: async () => template.scene.at(await template.place.copy()),
});
