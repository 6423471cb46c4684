import { fromBase64 } from "../../core/bytes.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError, type SteleError } from "../../core/error.ts";
import { logKey, parseSegmentKey } from "../../core/layout.ts";
import type { SegmentReference } from "../../core/manifest.ts";
import { toMillis } from "../../core/time.ts";
import type { ObjectVersion } from "../../store/port.ts";
import { askFor } from "../ask-for.ts";
import { type Finding, finding, isReadFailure } from "../finding.ts";
import type { OpenedSegment } from "../segment/open.ts";
import { type CheckContext, checkPlaceLock, claimPlace, missingObject } from "./claim-place.ts";
import type { ObjectScan } from "./object-scan.ts";
import type { SegmentOwners } from "./segment-owners.ts";

/** What reading a segment gave; null where it was not asked for. */
export type SegmentReading = OpenedSegment | SteleError | null;

/** The segments that manifests name. */
export class SegmentCheck {
  readonly #context: CheckContext;
  readonly #scan: ObjectScan | null;

  /** @param scan null where other versions and strays are not looked at */
  constructor(context: CheckContext, scan: ObjectScan | null) {
    this.#context = context;
    this.#scan = scan;
  }

  /** A segment that was checked before: so that it does not count as a stray. */
  async pass({ manifest }: Commit): Promise<void> {
    if (manifest.segment !== null) await this.#scan?.pass(manifest.segment.key);
  }

  /** @param inRange whether more is wanted than what lies over it */
  async check(commit: Commit, inRange: boolean, read: SegmentReading): Promise<Finding[]> {
    const { segment } = commit.manifest;
    if (segment === null) return [];
    if (this.#scan === null) return inRange ? this.#checkReading(commit, segment, read) : [];
    return this.#checkPlace(commit, segment, inRange, read, this.#scan);
  }

  /** Names what no manifest does. */
  async *strays(options: {
    /** Relative key; null: to the end. */
    readonly upTo: string | null;
    /** Asked for the segments of other windows; null: there are none. */
    readonly owners: SegmentOwners | null;
    /** Whether manifests are missing. */
    readonly gaps: boolean;
    /** The log's own end, when the window goes there: entries from here on are still to come. */
    readonly entriesEnd: number | null;
    readonly freshMillis: number;
  }): AsyncGenerator<Finding, void, undefined> {
    const { log, now, signal } = this.#context;
    if (this.#scan === null) return;
    for await (const version of this.#scan.unclaimed(options.upTo)) {
      const parsed = parseSegmentKey(version.key.slice(log.name.length + 1));
      const isToCome = parsed !== null && options.entriesEnd !== null && parsed.first >= options.entriesEnd;
      if (isToCome && Math.abs(now - toMillis(version.lastModified)) < options.freshMillis) continue;
      const named = parsed === null || isToCome ? false : await options.owners?.isNamed(version.key, parsed.first, signal);
      if (named === true) continue;
      if (isSteleError(named)) {
        const message = `whether the log names it can't be told: ${named.message}`;
        yield finding("log.unreadable", log.name, message, { object: version.key, versionId: version.versionId });
        continue;
      }
      yield this.#stray(version, parsed !== null, options.gaps);
    }
  }

  async close(): Promise<void> {
    await this.#scan?.close();
  }

  #stray({ key, versionId, kind }: ObjectVersion, isSegment: boolean, gaps: boolean): Finding {
    const { log } = this.#context;
    const where = { object: key, versionId };
    if (kind === "delete-marker")
      return finding("object.delete-marker", log.name, "a delete marker on an object that no manifest names", where);
    const message = isSegment
      ? `no manifest names it: ${gaps ? "it may be of one that is missing or altered, " : ""}left behind by an interrupted writer, or forged`
      : "it lies among the segments, but no manifest names it, and its name is none of a segment";
    return finding("object.stray", log.name, message, where);
  }

  async #checkPlace(
    commit: Commit,
    segment: SegmentReference,
    inRange: boolean,
    read: SegmentReading,
    scan: ObjectScan,
  ): Promise<Finding[]> {
    const { store, log } = this.#context;
    const { index, retention } = commit.manifest;
    const key = logKey(log.name, segment.key);
    const { present, findings, missing } = await claimPlace(this.#context, scan, segment.key, {
      log: log.name,
      index,
      versionId: segment.versionId,
      size: segment.bytes,
      sha256: fromBase64(segment.sha256, "segment.sha256"),
      unreadable: "segment.unreadable",
    });
    // Once is enough where the segment itself can't be read either.
    const unread = isSteleError(read) && isReadFailure(read.code);
    const others = findings.filter(({ code }) => !unread || code !== "segment.unreadable");
    if (!inRange) return others;
    if (missing) return [...others, this.#missing(commit, segment)];
    const where = { object: key, versionId: segment.versionId, index };
    if (present !== null && store.capabilities.versions && present.versionId !== segment.versionId) {
      const message = `the segment of manifest ${index} is there with the same bytes, but as another version: this is a copy, or the original was removed`;
      others.push(
        finding("object.copied", log.name, message, { ...where, expected: segment.versionId, actual: present.versionId }),
        ...(await checkPlaceLock(this.#context, key, present.versionId, index, retention)),
      );
    }
    if (read === null && present !== null && present.size !== segment.bytes) {
      others.push(
        finding("segment.altered", log.name, `the segment of manifest ${index} has another length`, {
          ...where,
          expected: `${segment.bytes} bytes`,
          actual: `${present.size} bytes`,
        }),
      );
    }
    return [...others, ...(await this.#checkReading(commit, segment, read))];
  }

  /** What its bytes say. Where reading says that it is not there, it is asked for once more. */
  async #checkReading(commit: Commit, segment: SegmentReference, read: SegmentReading): Promise<Finding[]> {
    if (!isSteleError(read)) return [];
    const { store, log, signal } = this.#context;
    const { index } = commit.manifest;
    const key = logKey(log.name, segment.key);
    const where = { object: key, versionId: segment.versionId, index };
    if (read.code === "store.not-found") {
      const direct = await askFor(store, key, segment.versionId, signal);
      const isOther = direct !== null && !isSteleError(direct) && direct.versionId !== segment.versionId;
      if (direct === null || (isOther && store.capabilities.versions)) return [this.#missing(commit, segment)];
      const message = isSteleError(direct)
        ? direct.message
        : `the store says both that it is there and that it is not: ${read.message}`;
      return [finding("segment.unreadable", log.name, message, where)];
    }
    if (isReadFailure(read.code)) return [finding("segment.unreadable", log.name, read.message, where)];
    const message = `the segment of manifest ${index}, with ${describeEntries(commit)}, is not what was archived: ${read.message}`;
    return [finding("segment.altered", log.name, message, where)];
  }

  #missing(commit: Commit, { key, versionId }: SegmentReference): Finding {
    const { index, retention } = commit.manifest;
    const where = { object: logKey(this.#context.log.name, key), versionId, index };
    const message = `the segment of manifest ${index} is missing: ${describeEntries(commit)} are lost`;
    return missingObject(this.#context, "segment.missing", where, retention, message);
  }
}

function describeEntries({ manifest }: Commit): string {
  const { first, count } = manifest.entries;
  return count === 1 ? `entry ${first}` : `entries ${first} to ${first + count - 1}`;
}
