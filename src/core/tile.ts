import { clip } from "./bytes.ts";
import { SteleError } from "./error.ts";
import { HASH_SIZE } from "./hash.ts";
import { merkleRoot } from "./tree.ts";

/** Hashes in a full tile (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;
/** Bytes in a full tile. */
export const TILE_BYTES: number = TILE_WIDTH * HASH_SIZE;

/** A full tile: `level` 0 holds leaf hashes; hash i of tile n at level l is the root of entries `[(n*256+i)*256^l, (n*256+i+1)*256^l)`. */
export interface TileId {
  readonly level: number;
  readonly index: number;
}

/** The path of a full tile below `tiles/` (or `tile/`): `0/x001/x234/067` for tile 1234067 of level 0. */
export function tilePath({ level, index }: TileId): string {
  if (!Number.isSafeInteger(level) || level < 0 || level > 63 || !Number.isSafeInteger(index) || index < 0) {
    throw new SteleError(
      "input.invalid",
      `tile: expected a level from 0 to 63 and an index of at least 0, got ${level} and ${index}`,
    );
  }
  let path = group(index % 1000);
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${group(rest % 1000)}/${path}`;
  return `${level}/${path}`;
}

/** Reads the path of a full tile in its one spelling. @throws SteleError `format.tile` */
export function parseTilePath(path: string): TileId {
  const match = /^(0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})$/.exec(path);
  const level = Number(match?.[1]);
  const index = Number(match?.[2]?.replaceAll(/[x/]/g, ""));
  if (match === null || !Number.isSafeInteger(index) || level > 63 || tilePath({ level, index }) !== path) {
    throw new SteleError("format.tile", `tile path: expected one like 0/x001/x234/067, got ${clip(path)}`);
  }
  return { level, index };
}

/** The root over a full tile's hashes: its hash in the tile one level up. @throws SteleError `format.tile` */
export function tileRoot(tile: Uint8Array): Uint8Array {
  if (tile.length !== TILE_BYTES) throw new SteleError("format.tile", `tile: expected ${TILE_BYTES} bytes, got ${tile.length}`);
  return merkleRoot(tile);
}

/** A tile that a growing tree has filled. */
export interface FullTile {
  readonly id: TileId;
  /** null where one of its hashes is not known. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
}

/**
 * The hashes on a growing tree's right edge that no full tile holds yet, level by level. Feed every leaf hash in order, null
 * for one that is not known; {@link append} gives the tiles that the leaf completed, lowest level first.
 */
export class TileEdge {
  readonly #levels: (Uint8Array | null)[][] = [];
  #size = 0;

  /** Leaves so far. */
  get size(): number {
    return this.#size;
  }

  append(leaf: Uint8Array | null): FullTile[] {
    this.#size++;
    const full: FullTile[] = [];
    let hash = leaf;
    for (let level = 0; ; level++) {
      const pending = (this.#levels[level] ??= []);
      pending.push(hash);
      if (pending.length < TILE_WIDTH) return full;
      const bytes = pack(pending);
      pending.length = 0;
      full.push({ id: { level, index: this.#size / TILE_WIDTH ** (level + 1) - 1 }, bytes });
      hash = bytes === null ? null : tileRoot(bytes);
    }
  }
}

function pack(hashes: readonly (Uint8Array | null)[]): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(TILE_BYTES);
  for (const [i, hash] of hashes.entries()) {
    if (hash === null) return null;
    bytes.set(hash, i * HASH_SIZE);
  }
  return bytes;
}

function group(n: number): string {
  return String(n).padStart(3, "0");
}
