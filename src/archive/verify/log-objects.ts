import type { Commit } from "../../core/commit.ts";
import { logKey, rotationKey, ROTATIONS_PREFIX, SEGMENTS_PREFIX, tileKey, TILES_PREFIX } from "../../core/layout.ts";
import { type FullTile, TILE_WIDTH } from "../../core/tile.ts";
import type { ObjectVersion } from "../../store/port.ts";
import type { Finding } from "../finding.ts";
import type { History } from "../history.ts";
import { type CheckContext, checkPlaceLock } from "./claim-place.ts";
import type { WalkWindow } from "./manifest-walk.ts";
import { ObjectScan, type ScanRange } from "./object-scan.ts";
import { RotationCheck } from "./rotation-check.ts";
import { SegmentCheck, type SegmentReading } from "./segment-check.ts";
import { lastSegmentBefore, SegmentOwners } from "./segment-owners.ts";
import { TileCheck } from "./tile-check.ts";

/** Claims of a window are hardly out of order; only a log's clock that was set back or ahead makes them so. */
const HELD = 2000;

/** What the walk over a window's manifests has shown. */
export interface WalkedWindow {
  /** The last manifest, or for want of one, the one before the window. */
  readonly newest: Commit | null;
  /** Whether all manifests could be read: what one names that could not is no stray. */
  readonly allRead: boolean;
  readonly tilesKnown: boolean;
  readonly anyGap: boolean;
}

/** The objects that a window's manifests name, held against what the store lists and shows of locks. */
export class LogObjects {
  readonly #context: CheckContext;
  readonly #window: WalkWindow;
  readonly #segments: SegmentCheck;
  readonly #tiles: TileCheck;
  readonly #rotations: RotationCheck;

  private constructor(context: CheckContext, window: WalkWindow, scans: (ObjectScan | null)[]) {
    const [segments = null, tiles = null, rotations = null] = scans;
    this.#context = context;
    this.#window = window;
    this.#segments = new SegmentCheck(context, segments);
    this.#tiles = new TileCheck(context, tiles, window.history === undefined ? null : window.history.size - 1);
    this.#rotations = new RotationCheck(context, rotations);
  }

  /** @throws SteleError `store.*` when it can't be told where the window's segments begin */
  static async open(context: CheckContext, window: WalkWindow): Promise<LogObjects> {
    if (!context.locks) return new LogObjects(context, window, []);
    const { store, log, signal } = context;
    const { first, end, before, history } = window;
    const held = first === 0 && end === null ? Infinity : HELD;
    const scan = (prefix: string, range: Omit<ScanRange, "held">): ObjectScan =>
      new ObjectScan(store, log, prefix, { ...range, held }, signal);
    const segmentsAfter = history === undefined ? null : await lastSegmentBefore(store, log, history, first, before, signal);
    return new LogObjects(context, window, [
      scan(SEGMENTS_PREFIX, { after: segmentsAfter, upTo: null }),
      scan(TILES_PREFIX, { after: lastTileBefore(first), upTo: end === null ? null : (lastTileBefore(end) ?? TILES_PREFIX) }),
      scan(ROTATIONS_PREFIX, {
        after: first === 0 ? null : rotationKey(first - 1),
        upTo: end === null ? null : rotationKey(end - 1),
      }),
    ]);
  }

  /** What one manifest names. Objects out of range are only looked at for what lies over them. */
  async check(commit: Commit, tiles: readonly FullTile[], inRange: boolean, read: SegmentReading): Promise<Finding[]> {
    const findings = await this.#segments.check(commit, inRange, read);
    for (const tile of tiles) findings.push(...(await this.#tiles.check(tile, commit, inRange)));
    return [...findings, ...(await this.#rotations.check(commit))];
  }

  /** What was checked before: so that it does not count as a stray. */
  async pass(commit: Commit, tiles: readonly FullTile[]): Promise<void> {
    await this.#segments.pass(commit);
    for (const tile of tiles) await this.#tiles.pass(tile);
    await this.#rotations.pass(commit);
  }

  /** The locks on a manifest and its segment. May run ahead of {@link check}, for many manifests at a time. */
  async checkLocks({ manifest }: Commit, version: ObjectVersion): Promise<Finding[]> {
    const { index, retention, segment } = manifest;
    const findings = await checkPlaceLock(this.#context, version.key, version.versionId, index, retention);
    if (segment === null) return findings;
    const key = logKey(this.#context.log.name, segment.key);
    return [...findings, ...(await checkPlaceLock(this.#context, key, segment.versionId, index, retention))];
  }

  /** What was put off until the log's end was known. @param last the last manifest of the window */
  pending(last: Commit | null): Iterable<Finding> {
    return this.#tiles.pending(last);
  }

  /** Names what lies in the window's part of the log's folders and belongs to no manifest. */
  async *strays(walked: WalkedWindow, freshMillis: number): AsyncGenerator<Finding, void, undefined> {
    const { end, history } = this.#window;
    if (!this.#context.locks) return;
    if (walked.allRead) yield* this.#straySegments(walked, history, freshMillis);
    if (walked.allRead) yield* this.#rotations.strays(end === null ? null : rotationKey(end - 1));
    const tilesUpTo = end === null ? null : lastTileBefore(end);
    if (!walked.tilesKnown || (end !== null && tilesUpTo === null)) return;
    yield* this.#tiles.strays(tilesUpTo, Math.max(walked.newest?.after.size ?? 0, history?.size ?? 0));
  }

  async close(): Promise<void> {
    await Promise.all([this.#segments.close(), this.#tiles.close(), this.#rotations.close()]);
  }

  async *#straySegments(
    { newest, anyGap }: WalkedWindow,
    history: History | undefined,
    freshMillis: number,
  ): AsyncGenerator<Finding, void, undefined> {
    const { first, end, before } = this.#window;
    let upTo: string | null = null;
    if (end !== null) {
      if (history === undefined) return;
      const { store, log, signal } = this.#context;
      const known = newest?.manifest.index === end - 1 ? newest : null;
      upTo = await lastSegmentBefore(store, log, history, end, known, signal);
      // No segment before its end: then none is the window's.
      if (upTo === null) return;
    }
    const whole = first === 0 && end === null;
    const entries = newest?.manifest.entries ?? { first: 0, count: 0 };
    yield* this.#segments.strays({
      upTo,
      owners: whole || history === undefined ? null : new SegmentOwners(this.#context.log, history),
      gaps: anyGap || (first > 0 && before === null),
      entriesEnd: end === null ? entries.first + entries.count : null,
      freshMillis,
    });
  }
}

/** The last tile of level 0 that manifests before `index` fill, relative to the log. */
function lastTileBefore(index: number): string | null {
  const filled = Math.floor(index / TILE_WIDTH);
  return filled === 0 ? null : tileKey({ level: 0, index: filled - 1 });
}
