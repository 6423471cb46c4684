import { equalBytes, toBase64 } from "../../core/bytes.ts";
import { type Commit, subtreeRoot } from "../../core/commit.ts";
import { isSteleError } from "../../core/error.ts";
import { logKey, manifestKey, tileKey } from "../../core/layout.ts";
import { type FullTile, TILE_WIDTH, TileEdge, tileRoot } from "../../core/tile.ts";
import type { LogIdentity } from "../archive.ts";
import { type Finding, finding } from "../finding.ts";
import type { History } from "../history.ts";

export interface WindowTilesOptions {
  readonly signal?: AbortSignal | undefined;
  readonly found: (finding: Finding) => void;
}

/** The hash tiles that a window's manifests fill. Those that began before the window are made up from the log's history. */
export class WindowTiles {
  readonly #log: LogIdentity;
  readonly #first: number;
  readonly #history: History | undefined;
  readonly #options: WindowTilesOptions;
  #edge: TileEdge | null;

  constructor(log: LogIdentity, first: number, history: History | undefined, options: WindowTilesOptions) {
    this.#log = log;
    this.#first = first;
    this.#history = history;
    this.#options = options;
    this.#edge = new TileEdge(first, (level, index) => this.#hashBefore(level, index));
  }

  /** Whether the tree could be followed so far. */
  get known(): boolean {
    return this.#edge !== null;
  }

  /** Takes in the next manifest, and gives the tiles that it fills. */
  async append(commit: Commit): Promise<{ tiles: FullTile[]; findings: Finding[] }> {
    const tiles: FullTile[] = [];
    const findings: Finding[] = [];
    for (const tile of (await this.#edge?.append(commit.leaf)) ?? []) {
      const otherHistory = this.#checkAgainstTree(tile, commit);
      if (otherHistory !== null) findings.push(otherHistory);
      tiles.push(otherHistory === null ? tile : { ...tile, bytes: null });
    }
    return { tiles, findings };
  }

  /** Goes on behind manifests that are missing; null: too many to count. */
  async skip(lost: number | null): Promise<void> {
    if (lost === null) this.#edge = null;
    for (let i = 0; i < (lost ?? 0); i++) await this.#edge?.append(null);
  }

  /** Hashes that were looked up must be those of this manifest's tree. */
  #checkAgainstTree({ id, bytes }: FullTile, commit: Commit): Finding | null {
    if (this.#first === 0 || bytes === null) return null;
    const expected = subtreeRoot(commit, 8 * (id.level + 1));
    const actual = tileRoot(bytes);
    if (equalBytes(expected, actual)) return null;
    const { index } = commit.manifest;
    const message = `the manifests before manifest ${index} are signed, but are not those of its tree`;
    return finding("checkpoint.inconsistent", this.#log.name, message, {
      object: logKey(this.#log.name, manifestKey(index)),
      index,
      expected: `root ${toBase64(expected)}`,
      actual: `root ${toBase64(actual)}`,
    });
  }

  async #hashBefore(level: number, index: number): Promise<Uint8Array | null> {
    if (this.#history === undefined) return null;
    try {
      return await this.#history.node(8 * level, index);
    } catch (error) {
      if (!isSteleError(error) || this.#options.signal?.aborted === true) throw error;
      // A manifest that is missing is named by the window that it is of.
      if (error.code === "log.unsound") return null;
      const object = logKey(this.#log.name, tileKey({ level, index: Math.floor(index / TILE_WIDTH) }));
      const message = `what it must hold can't be told: ${error.message}`;
      this.#options.found(finding("tile.unreadable", this.#log.name, message, { object }));
      return null;
    }
  }
}
