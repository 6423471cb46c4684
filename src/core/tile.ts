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

/** Looks up a hash that a tile holds: hash `index` of all at that tile level; null where it can't be had. */
export type TileHash = (level: number, index: number) => Promise<Uint8Array | null>;

/**
 * The hashes on a growing tree's right edge that no full tile holds yet, level by level. Feed every leaf hash in order, null
 * for one that is not known; {@link append} gives the tiles that the leaf completed, lowest level first.
 */
export class TileEdge {
  /** undefined: from before the edge began, not looked up yet. */
  readonly #levels: (Uint8Array | null | undefined)[][] = [];
  readonly #hashBefore: TileHash;
  #size: number;

  /**
   * @param first leaves before the edge begins; from a multiple of 256 on no leaf is looked up
   * @param hashBefore gives hashes that lie before it, when a tile that holds them is full
   */
  constructor(first = 0, hashBefore: TileHash = async () => null) {
    if (!Number.isSafeInteger(first) || first < 0) {
      throw new SteleError("input.invalid", `tile edge: expected to begin after 0 to 2^53 - 1 leaves, got ${first}`);
    }
    this.#size = first;
    this.#hashBefore = hashBefore;
    for (let rest = first; rest > 0; rest = Math.floor(rest / TILE_WIDTH)) {
      this.#levels.push(Array.from({ length: rest % TILE_WIDTH }));
    }
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size;
  }

  async append(leaf: Uint8Array | null): Promise<FullTile[]> {
    this.#size++;
    const full: FullTile[] = [];
    let hash = leaf;
    for (let level = 0; ; level++) {
      const pending = (this.#levels[level] ??= []);
      pending.push(hash);
      if (pending.length < TILE_WIDTH) return full;
      const index = this.#size / TILE_WIDTH ** (level + 1) - 1;
      this.#levels[level] = [];
      const bytes = pack(await this.#lookUp(pending, level, index * TILE_WIDTH));
      full.push({ id: { level, index }, bytes });
      hash = bytes === null ? null : tileRoot(bytes);
    }
  }

  /** One at a time, and none where one can't be had: the tile is lost then anyway. */
  async #lookUp(
    pending: readonly (Uint8Array | null | undefined)[],
    level: number,
    first: number,
  ): Promise<(Uint8Array | null)[]> {
    if (pending.includes(null)) return [null];
    const hashes: Uint8Array[] = [];
    for (const [i, known] of pending.entries()) {
      const hash = known ?? (await this.#hashBefore(level, first + i));
      if (hash === null) return [null];
      hashes.push(hash);
    }
    return hashes;
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
