import { sha256 } from "#sha256";
import { equalBytes, toBase64 } from "../../core/bytes.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError } from "../../core/error.ts";
import { logKey, tileKey, TILES_PREFIX } from "../../core/layout.ts";
import type { Retention } from "../../core/retention.ts";
import { type FullTile, parseTilePath, TILE_BYTES, TILE_WIDTH } from "../../core/tile.ts";
import type { ObjectVersion } from "../../store/port.ts";
import { type Finding, finding } from "../finding.ts";
import { type CheckContext, checkPlaceLock, claimPlace, missingObject } from "./claim-place.ts";
import type { ObjectScan } from "./object-scan.ts";

interface PendingTile {
  readonly relative: string;
  readonly index: number;
  readonly retention: Retention;
}

/** The hash tiles that manifests fill. */
export class TileCheck {
  readonly #context: CheckContext;
  readonly #scan: ObjectScan | null;
  readonly #newest: number | null;
  readonly #pending: PendingTile[] = [];

  /**
   * @param scan null where other versions and strays are not looked at
   * @param newest index of the log's newest manifest; null: not known before all were met
   */
  constructor(context: CheckContext, scan: ObjectScan | null, newest: number | null) {
    this.#context = context;
    this.#scan = scan;
    this.#newest = newest;
  }

  async pass(tile: FullTile): Promise<void> {
    await this.#scan?.pass(tileKey(tile.id));
  }

  async check(tile: FullTile, { manifest }: Commit, inRange: boolean): Promise<Finding[]> {
    const { log } = this.#context;
    const { index, retention } = manifest;
    if (tile.bytes === null) {
      await this.pass(tile);
      return [];
    }
    const relative = tileKey(tile.id);
    const { present, findings, missing } = await claimPlace(this.#context, this.#scan, relative, {
      log: log.name,
      index,
      versionId: null,
      size: TILE_BYTES,
      sha256: sha256(tile.bytes),
      unreadable: "tile.unreadable",
    });
    // What lies over it is for those who look at versions.
    const others = this.#scan === null ? findings.filter(({ code }) => code.endsWith(".unreadable")) : findings;
    if (!inRange) return others;
    if (missing && this.#newest === null) this.#pending.push({ relative, index, retention });
    else if (missing) return [...others, this.#missing({ relative, index, retention }, index >= (this.#newest ?? 0))];
    if (present === null) return others;
    const key = logKey(log.name, relative);
    if (this.#context.content) others.push(...(await this.#compare(tile.bytes, present, index)));
    return [...others, ...(await checkPlaceLock(this.#context, key, present.versionId, index, retention))];
  }

  /** What was put off until the newest manifest was known. */
  *pending(last: Commit | null): Generator<Finding, void, undefined> {
    for (const tile of this.#pending) yield this.#missing(tile, tile.index === last?.manifest.index);
  }

  /** @param upTo relative key; null: to the end. @param size of the log's tree: what it has filled is looked at by the window that filled it */
  async *strays(upTo: string | null, size: number): AsyncGenerator<Finding, void, undefined> {
    const { log } = this.#context;
    if (this.#scan === null) return;
    for await (const { key, versionId, kind } of this.#scan.unclaimed(upTo)) {
      if (isFilled(key.slice(logKey(log.name, TILES_PREFIX).length), size)) continue;
      const code = kind === "delete-marker" ? "object.delete-marker" : "object.stray";
      const message = "it lies among the hash tiles, but the log's tree has not filled it";
      yield finding(code, log.name, message, { object: key, versionId });
    }
  }

  async close(): Promise<void> {
    await this.#scan?.close();
  }

  async #compare(expected: Uint8Array, { key, versionId }: ObjectVersion, index: number): Promise<Finding[]> {
    const { store, log, signal } = this.#context;
    const where = { object: key, versionId, index };
    try {
      const { body } = await store.get(key, { versionId, maxBytes: TILE_BYTES, signal });
      if (equalBytes(body, expected)) return [];
      const hashes = { expected: `SHA-256 ${toBase64(sha256(expected))}`, actual: `SHA-256 ${toBase64(sha256(body))}` };
      return [
        finding("tile.altered", log.name, "a hash tile does not hold the hashes of the manifests", { ...where, ...hashes }),
      ];
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      if (error.code === "store.too-large")
        return [finding("tile.altered", log.name, `a hash tile is longer than ${TILE_BYTES} bytes`, where)];
      const message =
        error.code === "store.not-found" ? `it is listed, and not there when it is read: ${error.message}` : error.message;
      return [finding("tile.unreadable", log.name, message, where)];
    }
  }

  /** A tile that the very last manifest filled may be missing: the next writer writes it, before its first commit. */
  #missing({ relative, index, retention }: PendingTile, byNewest: boolean): Finding {
    const { log } = this.#context;
    const where = { object: logKey(log.name, relative), index };
    if (byNewest) {
      const message = "a hash tile that the newest manifest filled is not written yet; the next writer will";
      return finding("tile.missing", log.name, message, { ...where, severity: "info" });
    }
    const message = "a hash tile is missing; it can be computed again from the manifests";
    return missingObject(this.#context, "tile.missing", where, retention, message);
  }
}

/** Whether a tree of `size` manifests has a full tile under this path. */
function isFilled(path: string, size: number): boolean {
  try {
    const { level, index } = parseTilePath(path);
    return (index + 1) * TILE_WIDTH ** (level + 1) <= size;
  } catch {
    return false;
  }
}
