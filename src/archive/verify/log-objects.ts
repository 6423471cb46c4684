import { sha256 } from "#sha256";
import { equalBytes, fromBase64, toBase64 } from "../../core/bytes.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError, type SteleError } from "../../core/error.ts";
import {
  logKey,
  parseSegmentKey,
  rotationKey,
  ROTATIONS_PREFIX,
  SEGMENTS_PREFIX,
  tileKey,
  TILES_PREFIX,
} from "../../core/layout.ts";
import type { Retention } from "../../core/retention.ts";
import { type FullTile, TILE_BYTES } from "../../core/tile.ts";
import { timestamp } from "../../core/time.ts";
import type { ObjectVersion, Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { type Finding, finding, isReadFailure } from "../finding.ts";
import { rotationMark } from "../rotations.ts";
import type { OpenedSegment } from "../segment/open.ts";
import { checkLock } from "./lock-check.ts";
import { ObjectScan } from "./object-scan.ts";
import { examinePlace } from "./place.ts";

export interface LogObjectsOptions {
  readonly level: "manifests" | "locks" | "content";
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
  readonly found: (finding: Finding) => void;
}

/** The objects that a log's manifests name, held against what the store lists and shows of locks. */
export class LogObjects {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #options: LogObjectsOptions;
  readonly #segments: ObjectScan;
  readonly #tiles: ObjectScan;
  readonly #rotations: ObjectScan;
  readonly #pendingTiles: { readonly relative: string; readonly index: number; readonly retention: Retention }[] = [];

  constructor(store: Store, log: LogIdentity, options: LogObjectsOptions) {
    this.#store = store;
    this.#log = log;
    this.#options = options;
    this.#segments = new ObjectScan(store, log, SEGMENTS_PREFIX, options.signal);
    this.#tiles = new ObjectScan(store, log, TILES_PREFIX, options.signal);
    this.#rotations = new ObjectScan(store, log, ROTATIONS_PREFIX, options.signal);
  }

  /**
   * Checks what one manifest names. Objects out of range are only claimed, so that they do not count as strays.
   * @param segment what reading the segment gave; null where it was not asked for
   */
  async claim(
    commit: Commit,
    tiles: readonly FullTile[],
    inRange: boolean,
    segment: OpenedSegment | SteleError | null,
  ): Promise<void> {
    const { index, retention } = commit.manifest;
    await this.#claimSegment(commit, inRange, segment);
    for (const tile of tiles) await this.#claimTile(tile, index, retention, inRange);
    if (commit.manifest.keys !== undefined) await this.#claimRotation(index, retention);
  }

  /** The locks on a manifest and its segment. May run ahead of {@link claim}, for many manifests at a time. */
  async checkLocks({ manifest }: Commit, version: ObjectVersion): Promise<Finding[]> {
    const { index, retention, segment } = manifest;
    const findings = await this.#checkLock(version.key, version.versionId, index, retention);
    if (segment === null) return findings;
    return [...findings, ...(await this.#checkLock(logKey(this.#log.name, segment.key), segment.versionId, index, retention))];
  }

  /** Names what lies in the log's folders and belongs to no manifest. @param head tiles that it filled may not be written yet */
  async finish(
    head: Commit | null,
    known: { readonly segments: boolean; readonly tiles: boolean; readonly gaps: boolean },
  ): Promise<void> {
    const { found } = this.#options;
    this.#reportPendingTiles(head);
    for await (const { key, versionId, kind } of known.segments ? this.#segments.unclaimed() : []) {
      const parsed = parseSegmentKey(key.slice(this.#log.name.length + 1));
      const message =
        kind === "delete-marker"
          ? "a delete marker on an object that no manifest names"
          : parsed === null
            ? "it lies among the segments, but no manifest names it, and its name is none of a segment"
            : `no manifest names it: ${known.gaps ? "it may be of one that is missing or altered, " : ""}left behind by an interrupted writer, or forged`;
      found(
        finding(kind === "delete-marker" ? "object.delete-marker" : "object.stray", this.#log.name, message, {
          object: key,
          versionId,
        }),
      );
    }
    for await (const { key, versionId } of this.#rotations.unclaimed()) {
      const message =
        "it marks a key rotation that is none: left behind by an interrupted writer, or forged. It only costs readers time";
      found(finding("object.stray", this.#log.name, message, { object: key, versionId, severity: "info" }));
    }
    if (!known.tiles) return;
    for await (const { key, versionId, kind } of this.#tiles.unclaimed()) {
      const code = kind === "delete-marker" ? "object.delete-marker" : "object.stray";
      found(
        finding(code, this.#log.name, "it lies among the hash tiles, but the log's tree has not filled it", {
          object: key,
          versionId,
        }),
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#segments.close(), this.#tiles.close(), this.#rotations.close()]);
  }

  async #claimSegment(commit: Commit, inRange: boolean, read: OpenedSegment | SteleError | null): Promise<void> {
    const { segment, index, retention } = commit.manifest;
    if (segment === null) return;
    const key = logKey(this.#log.name, segment.key);
    const { found, signal } = this.#options;
    const versions = await this.#segments.claim(segment.key);
    const named = {
      log: this.#log.name,
      index,
      versionId: segment.versionId,
      size: segment.bytes,
      sha256: fromBase64(segment.sha256, "segment.sha256"),
      unreadable: "segment.unreadable",
    } as const;
    const { present, findings } = await examinePlace(this.#store, named, versions, signal);
    // Once is enough where the segment itself can't be read either.
    const unread = isSteleError(read) && isReadFailure(read.code);
    for (const one of findings) if (!unread || one.code !== "segment.unreadable") found(one);
    if (!inRange) return;
    const where = { object: key, versionId: segment.versionId, index };
    if (present === null || (read !== null && isSteleError(read, "store.not-found"))) {
      this.#missing(
        "segment.missing",
        where,
        retention,
        `the segment of manifest ${index} is missing: ${describeEntries(commit)} are lost`,
      );
      return;
    }
    if (this.#store.capabilities.versions && present.versionId !== segment.versionId) {
      const message = `the segment of manifest ${index} is there with the same bytes, but as another version: this is a copy, or the original was removed`;
      found(
        finding("object.copied", this.#log.name, message, { ...where, expected: segment.versionId, actual: present.versionId }),
      );
      (await this.#checkLock(key, present.versionId, index, retention)).forEach(found);
    }
    if (read === null && present.size !== segment.bytes) {
      found(
        finding("segment.altered", this.#log.name, `the segment of manifest ${index} has another length`, {
          ...where,
          expected: `${segment.bytes} bytes`,
          actual: `${present.size} bytes`,
        }),
      );
    }
    if (read !== null && isSteleError(read)) {
      const altered = `the segment of manifest ${index}, with ${describeEntries(commit)}, is not what was archived: ${read.message}`;
      found(finding(unread ? "segment.unreadable" : "segment.altered", this.#log.name, unread ? read.message : altered, where));
    }
  }

  /** A rotation without its mark is not followed by those who read a part of the log. */
  async #claimRotation(index: number, retention: Retention): Promise<void> {
    const { found, signal } = this.#options;
    const key = logKey(this.#log.name, rotationKey(index));
    const mark = rotationMark(this.#log, index);
    const versions = await this.#rotations.claim(rotationKey(index));
    const named = {
      log: this.#log.name,
      index,
      versionId: null,
      size: mark.length,
      sha256: sha256(mark),
      unreadable: "log.unreadable",
    } as const;
    const { present, findings } = await examinePlace(this.#store, named, versions, signal);
    findings.forEach(found);
    if (present === null) {
      const message = `manifest ${index} rotates keys, and nothing in ${ROTATIONS_PREFIX} says so: who reads a part of the log may believe a retired key`;
      found(finding("rotation.unmarked", this.#log.name, message, { object: key, index }));
      return;
    }
    (await this.#checkLock(key, present.versionId, index, retention)).forEach(found);
  }

  async #claimTile(tile: FullTile, index: number, retention: Retention, inRange: boolean): Promise<void> {
    const relative = tileKey(tile.id);
    const key = logKey(this.#log.name, relative);
    const { found, signal, level } = this.#options;
    const versions = await this.#tiles.claim(relative);
    if (tile.bytes === null) return;
    const named = {
      log: this.#log.name,
      index,
      versionId: null,
      size: TILE_BYTES,
      sha256: sha256(tile.bytes),
      unreadable: "tile.unreadable",
    } as const;
    const { present, findings } = await examinePlace(this.#store, named, versions, signal);
    findings.forEach(found);
    if (!inRange) return;
    if (present === null) {
      this.#pendingTiles.push({ relative, index, retention });
      return;
    }
    const where = { object: key, versionId: present.versionId, index };
    if (level === "content") await this.#compareTile(tile.bytes, key, present, where);
    (await this.#checkLock(key, present.versionId, index, retention)).forEach(found);
  }

  async #compareTile(expected: Uint8Array, key: string, { versionId }: ObjectVersion, where: Partial<Finding>): Promise<void> {
    const { found, signal } = this.#options;
    try {
      const { body } = await this.#store.get(key, { versionId, maxBytes: TILE_BYTES, signal });
      if (equalBytes(body, expected)) return;
      const hashes = { expected: `SHA-256 ${toBase64(sha256(expected))}`, actual: `SHA-256 ${toBase64(sha256(body))}` };
      found(
        finding("tile.altered", this.#log.name, "a hash tile does not hold the hashes of the manifests", { ...where, ...hashes }),
      );
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      if (error.code === "store.too-large")
        found(finding("tile.altered", this.#log.name, `a hash tile is longer than ${TILE_BYTES} bytes`, where));
      else if (error.code === "store.not-found") found(finding("tile.missing", this.#log.name, "a hash tile is missing", where));
      else found(finding("tile.unreadable", this.#log.name, error.message, where));
    }
  }

  /** A tile that the very last manifest filled may be missing: the next writer writes it, before its first commit. */
  #reportPendingTiles(head: Commit | null): void {
    for (const { relative, index, retention } of this.#pendingTiles) {
      const where = { object: logKey(this.#log.name, relative), index };
      if (index === head?.manifest.index) {
        this.#options.found(
          finding(
            "tile.missing",
            this.#log.name,
            "a hash tile that the newest manifest filled is not written yet; the next writer will",
            { ...where, severity: "info" },
          ),
        );
      } else {
        this.#missing("tile.missing", where, retention, "a hash tile is missing; it can be computed again from the manifests");
      }
    }
  }

  #missing(code: "segment.missing" | "tile.missing", where: Partial<Finding>, retention: Retention, message: string): void {
    if (retention.until <= timestamp(this.#options.now)) {
      const expired = `it is gone, after its lock had ended on ${retention.until}`;
      this.#options.found(finding("object.expired", this.#log.name, expired, where));
    } else {
      this.#options.found(finding(code, this.#log.name, message, where));
    }
  }

  async #checkLock(key: string, versionId: string | null, index: number, promised: Retention): Promise<Finding[]> {
    if (this.#store.capabilities.locks === "none") return [];
    const { now, signal } = this.#options;
    return checkLock(this.#store, { log: this.#log.name, key, versionId, index, promised }, now, signal);
  }
}

function describeEntries({ manifest }: Commit): string {
  const { first, count } = manifest.entries;
  return count === 1 ? `entry ${first}` : `entries ${first} to ${first + count - 1}`;
}
