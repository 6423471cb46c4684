import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../../src/core/bytes.ts";
import { leafHash } from "../../src/core/hash.ts";
import { parseTilePath, TILE_BYTES, TILE_WIDTH, TileEdge, tilePath, tileRoot } from "../../src/core/tile.ts";
import { entries, MTH, packedLeaves } from "./reference-tree.ts";
import { refusal } from "./refusal.ts";

describe("the path of a tile", () => {
  it.each([
    [0, 0, "0/000"],
    [0, 5, "0/005"],
    [0, 67, "0/067"],
    [0, 999, "0/999"],
    [0, 1000, "0/x001/000"],
    [1, 1001, "1/x001/001"],
    [0, 1_234_067, "0/x001/x234/067"],
    [3, 123_456_789, "3/x123/x456/789"],
    [0, 1_000_000, "0/x001/x000/000"],
    [63, Number.MAX_SAFE_INTEGER, "63/x009/x007/x199/x254/x740/991"],
  ])("of tile %i/%i is %s", (level, index, path) => {
    expect(tilePath({ level, index })).toBe(path);
    expect(parseTilePath(path)).toEqual({ level, index });
  });

  it("is read back as it was written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), fc.maxSafeNat(), (level, index) => {
        expect(parseTilePath(tilePath({ level, index }))).toEqual({ level, index });
      }),
    );
  });

  it.each([
    "",
    "0",
    "0/",
    "/000",
    "0/0",
    "0/00",
    "0/0000",
    "0/67",
    "0/1234067",
    "0/001/234/067",
    "0/x001/234/067",
    "0/x001/x234/x067",
    "0/x000/067",
    "0/x000/x001/067",
    "0/x1/067",
    "0/x001//067",
    "0/x001/x234/067/",
    "/0/000",
    "00/000",
    "01/000",
    "64/000",
    "99/000",
    "100/000",
    "-1/000",
    "+1/000",
    "a/000",
    "0/X001/000",
    "0/x001/x234/067\n",
    " 0/000",
    "0/000 ",
    "0/0x7",
    "0/1e3",
    "0/000.p/5",
    "0/x001/000.p/255",
    "entries/000",
    "0/x009/x007/x199/x254/x740/992",
    "0/x999/x999/x999/x999/x999/999",
    "0/٠٠٠",
    "tile/0/000",
    "0\\000",
    "0/../000",
  ])("is not %j", (path) => {
    expect(refusal(() => parseTilePath(path))).toBe("format.tile");
  });

  it.each([
    [-1, 0],
    [64, 0],
    [0.5, 0],
    [Number.NaN, 0],
    [0, -1],
    [0, 0.5],
    [0, 2 ** 53],
    [0, Number.NaN],
  ])("is not made of level %d and index %d", (level, index) => {
    expect(refusal(() => tilePath({ level, index }))).toBe("input.invalid");
  });
});

describe("full tiles", () => {
  // Two whole tiles of level 1 would need 131,072 leaves; one and a bit of the next show every step.
  const D = entries(TILE_WIDTH * TILE_WIDTH + 2 * TILE_WIDTH + 3);

  it("hold the hashes that tlog-tiles says, each as soon as its last leaf is there, lowest level first", async () => {
    const edge = new TileEdge();
    const given: string[] = [];
    for (const [i, entry] of D.entries()) {
      const tiles = await edge.append(leafHash(entry));
      expect(edge.size).toBe(i + 1);
      for (const { id, bytes } of tiles) {
        given.push(tilePath(id));
        if (bytes === null) throw new Error("every hash was given");
        expect(bytes).toHaveLength(TILE_BYTES);
        const span = TILE_WIDTH ** id.level;
        expect((id.index + 1) * TILE_WIDTH * span).toBe(i + 1);
        // Every hash of the level-1 tile and of a few level-0 tiles against the recursion: the rest would take minutes.
        if (id.level > 0 || id.index % 64 === 1) {
          for (let n = 0; n < TILE_WIDTH; n++) {
            const first = (id.index * TILE_WIDTH + n) * span;
            expect(toHex(bytes.slice(n * 32, n * 32 + 32))).toBe(toHex(MTH(D.slice(first, first + span))));
          }
        }
      }
    }
    const level0 = Array.from({ length: 258 }, (_, n) => `0/${String(n).padStart(3, "0")}`);
    expect(given).toEqual(level0.toSpliced(256, 0, "1/000"));
  });

  it("that lack a hash are named without bytes, and so is every tile above them", async () => {
    const edge = new TileEdge();
    const known: string[] = [];
    const unknown: string[] = [];
    for (const [i, entry] of D.slice(0, TILE_WIDTH * TILE_WIDTH).entries()) {
      for (const { id, bytes } of await edge.append(i === 300 ? null : leafHash(entry)))
        (bytes === null ? unknown : known).push(tilePath(id));
    }
    expect(unknown).toEqual(["0/001", "1/000"]);
    expect(known).toHaveLength(255);
  });

  it("that begin before the edge are made up by looking up what lies before it, and only when they are full", async () => {
    const whole = new TileEdge();
    const tiles = new Map<string, string>();
    for (const entry of D) {
      for (const { id, bytes } of await whole.append(leafHash(entry))) tiles.set(tilePath(id), toHex(bytes ?? new Uint8Array()));
    }
    const hashAt = async (level: number, index: number): Promise<Uint8Array> => {
      const span = TILE_WIDTH ** level;
      return MTH(D.slice(index * span, (index + 1) * span));
    };
    for (const first of [TILE_WIDTH * 254, TILE_WIDTH * 256, TILE_WIDTH * 255 + 5]) {
      const asked: string[] = [];
      const edge = new TileEdge(first, async (level, index) => {
        asked.push(`${level}/${index}`);
        return hashAt(level, index);
      });
      for (const [i, entry] of D.slice(first).entries()) {
        const full = await edge.append(leafHash(entry));
        expect(edge.size).toBe(first + i + 1);
        for (const { id, bytes } of full) expect(toHex(bytes ?? new Uint8Array())).toBe(tiles.get(tilePath(id)));
      }
      const leaves = Array.from({ length: first % TILE_WIDTH }, (_, i) => `0/${first - (first % TILE_WIDTH) + i}`);
      const roots = Array.from({ length: Math.floor(first / TILE_WIDTH) }, (_, i) => `1/${i}`);
      // Behind 256 full tiles the tile of level 1 was full before, and the next one is not yet.
      expect(asked).toEqual([...leaves, ...(roots.length === TILE_WIDTH ? [] : roots)]);
    }
  });

  it("that begin before the edge lack what can't be looked up", async () => {
    const edge = new TileEdge(TILE_WIDTH * 255, async (_level, index) => (index === 200 ? null : new Uint8Array(32)));
    const given: string[] = [];
    for (const entry of D.slice(TILE_WIDTH * 255, TILE_WIDTH * 256)) {
      for (const { id, bytes } of await edge.append(leafHash(entry))) given.push(`${tilePath(id)} ${bytes === null}`);
    }
    expect(given).toEqual(["0/255 false", "1/000 true"]);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("do not begin after %d leaves", (first) => {
    expect(refusal(() => new TileEdge(first))).toBe("input.invalid");
  });

  it("have the root of their subtree", () => {
    expect(toHex(tileRoot(packedLeaves(D.slice(256, 512))))).toBe(toHex(MTH(D.slice(256, 512))));
  });

  it("are not changed by asking for their root, be they a Buffer", () => {
    const tile = Buffer.from(packedLeaves(D.slice(0, 256)));
    const before = tile.toString("hex");
    tileRoot(tile);
    expect(tile.toString("hex")).toBe(before);
  });

  it.each([0, 32, TILE_BYTES - 32, TILE_BYTES - 1, TILE_BYTES + 1, TILE_BYTES + 32])("are not of %i bytes", (length) => {
    expect(refusal(() => tileRoot(new Uint8Array(length)))).toBe("format.tile");
  });
});
