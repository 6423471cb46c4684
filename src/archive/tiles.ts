import { equalBytes } from "../core/bytes.ts";
import type { Commit } from "../core/commit.ts";
import { HASH_SIZE } from "../core/hash.ts";
import { logKey, tileKey } from "../core/layout.ts";
import type { Retention } from "../core/retention.ts";
import { TILE_BYTES, TILE_WIDTH, type TileId, tileRoot } from "../core/tile.ts";
import type { Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";
import type { History } from "./history.ts";
import { ensureLock, lockedPut } from "./locked-put.ts";

/**
 * Writes the hash tiles that a log's manifests fill. Hashes that this process has not seen come from the manifests before.
 * Tiles are derived: a crash between a manifest and its tile leaves the tile to the next writer, before its first commit.
 */
export class TileWriter {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #seen = new Map<string, Uint8Array>();

  constructor(store: Store, log: LogIdentity) {
    this.#store = store;
    this.#log = log;
  }

  /** Takes in the newest manifest and writes the tiles that it filled. `history` is of that manifest. */
  async committed(commit: Commit, history: History, retention: Retention, signal?: AbortSignal): Promise<void> {
    this.#seen.set(place(0, commit.manifest.index), commit.leaf);
    for (const id of filledTiles(commit.after.size)) {
      const bytes = await this.#assemble(id, history);
      await lockedPut(this.#store, logKey(this.#log.name, tileKey(id)), bytes, retention, {
        contentType: "application/octet-stream",
        signal,
      });
      for (let i = 0; i < TILE_WIDTH; i++) this.#seen.delete(place(id.level, id.index * TILE_WIDTH + i));
      this.#seen.set(place(id.level + 1, id.index), tileRoot(bytes));
    }
  }

  /** Writes the tiles that the head filled, where a crash left them out. */
  async repair(head: Commit, history: History, retention: Retention, signal?: AbortSignal): Promise<void> {
    for (const id of filledTiles(head.after.size)) {
      const key = logKey(this.#log.name, tileKey(id));
      const there = await this.#store.head(key, { signal });
      const bytes = await this.#assemble(id, history);
      if (there?.size === TILE_BYTES) {
        const { body, versionId } = await this.#store.get(key, { maxBytes: TILE_BYTES, signal });
        if (equalBytes(body, bytes)) {
          await ensureLock(this.#store, key, versionId, retention, signal);
          continue;
        }
      }
      await lockedPut(this.#store, key, bytes, retention, { contentType: "application/octet-stream", signal });
    }
  }

  async #assemble({ level, index }: TileId, history: History): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(TILE_BYTES);
    for (let i = 0; i < TILE_WIDTH; i++) {
      const node = index * TILE_WIDTH + i;
      const hash = this.#seen.get(place(level, node)) ?? (await history.node(8 * level, node));
      bytes.set(hash, i * HASH_SIZE);
    }
    return bytes;
  }
}

/** The tiles that a tree's last leaf filled, lowest level first. */
export function filledTiles(size: number): TileId[] {
  const ids: TileId[] = [];
  for (let level = 0; size > 0 && size % TILE_WIDTH ** (level + 1) === 0; level++) {
    ids.push({ level, index: size / TILE_WIDTH ** (level + 1) - 1 });
  }
  return ids;
}

function place(level: number, index: number): string {
  return `${level}/${index}`;
}
