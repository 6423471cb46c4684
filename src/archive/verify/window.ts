import { toBase64 } from "../../core/bytes.ts";
import type { SignedCheckpoint } from "../../core/checkpoint.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import type { Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { type Finding, finding } from "../finding.ts";
import type { History } from "../history.ts";
import { loadSegment } from "../load-segment.ts";
import { keysAt } from "../locate.ts";
import type { OpenLog } from "../log-reader.ts";
import { orderedMap } from "../ordered-map.ts";
import { type EntryRange, spansWithin } from "../range.ts";
import type { OpenedSegment } from "../segment/open.ts";
import type { SegmentPool } from "../segment/pool.ts";
import { LogObjects } from "./log-objects.ts";
import { ManifestWalk, type WalkedManifest } from "./manifest-walk.ts";
import { checkInHistory, checkRemembered } from "./remembered.ts";
import type { SegmentReading } from "./segment-check.ts";

/** A run of manifests that is verified by itself. Windows that follow each other find together what the whole log's would. */
export interface LogWindow {
  /** First manifest index. From a multiple of 256 on no hash tile costs more than one request. */
  readonly first: number;
  /** Exclusive; null: to the log's end, whatever lies there. */
  readonly end: number | null;
  /** Manifest `first - 1`, verified; null where `first` is 0 or it can't be had. */
  readonly before: Commit | null;
  /** Keys that may have signed from here on: those in force where they are known, else all that ever were. */
  readonly keys: readonly VerifierKey[];
  /** Of the log's head: the window's end must be proven to be in its tree. Needed where objects are looked at, unless the window is the whole log. */
  readonly history?: History | undefined;
}

/** How much was checked. */
export interface LogTotals {
  readonly manifests: number;
  /** Entries whose bytes, or at lower levels whose manifests, were checked and found sound. */
  readonly entries: number;
  /** Bytes of entries before compression, likewise. */
  readonly bytes: number;
}

/** A manifest of a window, and what was found there. */
export interface CheckedManifest extends Pick<LogTotals, "entries" | "bytes"> {
  readonly commit: Commit;
  readonly findings: readonly Finding[];
}

export interface WindowOptions {
  /** Every version and lock of the objects. */
  readonly locks: boolean;
  /** Every byte of segments and tiles. */
  readonly content: boolean;
  /** Milliseconds since 1970: what has expired by then. */
  readonly now: number;
  readonly pool: SegmentPool;
  readonly signal?: AbortSignal | undefined;
  /** Manifests whose objects are asked for at a time. */
  readonly connections?: number | undefined;
  /** Checkpoints seen before: they must still hold. Only looked at where the window goes to the log's end. */
  readonly checkpoints: readonly SignedCheckpoint[];
  /** Locks and content are only looked at where manifests hold entries of this range. Default: everywhere. */
  readonly range?: EntryRange | undefined;
  /** A segment behind the log's end that is younger than this is a writer's at work, and not reported. Default 0. */
  readonly freshMillis?: number | undefined;
  /** Already checked in an earlier part of this window: only claimed, without any request for its lock or content. */
  readonly skip?: ((index: number) => boolean) | undefined;
  /** Asked before each manifest is taken up; true ends the walk, after what is in flight. */
  readonly pause?: (() => boolean) | undefined;
  /**
   * After one manifest and all that it names were checked, in order of index, with what was found there. Not called for
   * skipped ones. Without it, those findings go to `found`, too.
   */
  readonly onChecked?: ((checked: CheckedManifest) => void | Promise<void>) | undefined;
  /** Findings that belong to no checked manifest: strays, gaps, the log as a whole. */
  readonly found: (finding: Finding) => void;
  /** Whether opened segments keep their entries, for {@link onSegment}. */
  readonly keepRaw?: boolean | undefined;
  /** Gets each segment that was read, before `onChecked`; null where there is none, or it is not what was archived. */
  readonly onSegment?: ((commit: Commit, segment: OpenedSegment | null) => void | Promise<void>) | undefined;
}

/** What was checked now: skipped manifests are not counted. */
export interface WindowOutcome extends LogTotals {
  /** The last manifest that a key has signed. */
  readonly last: Commit | null;
  /** What lies behind it could not be read. */
  readonly endUnknown: boolean;
  /** Ended by `pause`: the window is not done, and what lies unnamed in its folders was not looked at. */
  readonly paused: boolean;
}

/**
 * Verifies a window of a log; everything that is wrong goes to `found` and `onChecked`, and the rest is still looked at.
 * @throws SteleError when cut short by the signal; `input.invalid` for a window that can't be verified by itself
 */
export async function verifyWindow(
  store: Store,
  log: LogIdentity,
  window: LogWindow,
  options: WindowOptions,
): Promise<WindowOutcome> {
  const { first, end, history } = window;
  if (!Number.isSafeInteger(first) || first < 0 || (end !== null && (!Number.isSafeInteger(end) || end <= first))) {
    throw new SteleError("input.invalid", `log ${log.name}: expected a window with 0 <= first < end, got ${first} to ${end}`);
  }
  if ((options.locks || options.content) && (first > 0 || end !== null) && history === undefined) {
    throw new SteleError("input.invalid", `log ${log.name}: a window whose objects are looked at needs the log's history`);
  }
  return new WindowVerification(store, log, window, options).run();
}

/** A manifest with what was read for it ahead of its turn. */
interface ReadAhead {
  readonly item: WalkedManifest;
  readonly skipped: boolean;
  readonly inRange: boolean;
  readonly locks: readonly Finding[];
  readonly segment: SegmentReading;
}

const REQUESTS_AHEAD = 16;
/** More than there are threads: none waits for the slowest, nor for what the main thread does with each. */
const SEGMENTS_AHEAD = 2;

class WindowVerification {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #window: LogWindow;
  readonly #options: WindowOptions;
  readonly #walk: ManifestWalk;
  readonly #totals = { manifests: 0, entries: 0, bytes: 0 };
  #callbackFailed = false;

  constructor(store: Store, log: LogIdentity, window: LogWindow, options: WindowOptions) {
    const { locks, content, checkpoints, signal, found, skip, pause } = options;
    this.#store = store;
    this.#log = log;
    this.#window = window;
    this.#options = options;
    const sizes = new Set(checkpoints.map(({ size }) => size));
    if (window.history !== undefined) sizes.add(window.history.size);
    this.#walk = new ManifestWalk(store, log, window, {
      tiles: locks || content,
      signal,
      sizes,
      pause: (index) => skip?.(index) !== true && pause?.() === true,
      found,
    });
  }

  async run(): Promise<WindowOutcome> {
    const { pool, signal, locks, content, connections, found } = this.#options;
    const { first, before } = this.#window;
    const walk = this.#walk;
    let failed = false;
    let objects: LogObjects | null = null;
    try {
      if (first > 0 && before === null) found(this.#unlinked());
      const context = { ...this.#options, store: this.#store, log: this.#log };
      objects = locks || content ? await LogObjects.open(context, this.#window) : null;
      // What is read ahead bounds memory where segments are read, and only requests where they are not.
      const ahead = connections ?? (content ? pool.width + SEGMENTS_AHEAD : REQUESTS_AHEAD);
      for await (const read of orderedMap(walk.items(), ahead, (item) => this.#readAhead(item, objects)))
        await this.#check(read, objects);
      await this.#finish(objects);
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true || this.#callbackFailed) throw error;
      found(finding("log.unreadable", this.#log.name, `the log can't be read to its end: ${error.message}`));
      failed = true;
    } finally {
      await objects?.close();
    }
    const endUnknown = await this.#checkEnd(failed);
    return { ...this.#totals, last: walk.last, endUnknown, paused: walk.paused };
  }

  async #readAhead(item: WalkedManifest, objects: LogObjects | null): Promise<ReadAhead> {
    const { commit, chosen } = item;
    const { entries, index } = commit.manifest;
    const skipped = this.#options.skip?.(index) === true;
    const inRange = !skipped && (entries.count === 0 || spansWithin(commit.manifest, this.#options.range ?? {}).length > 0);
    const locks = inRange ? await objects?.checkLocks(commit, chosen.version) : [];
    return { item, skipped, inRange, locks: locks ?? [], segment: inRange ? await this.#load(item) : null };
  }

  async #load({ commit, chainBefore }: WalkedManifest): Promise<SegmentReading> {
    const { content, pool, signal, keepRaw = false } = this.#options;
    const { segment } = commit.manifest;
    if (!content || segment === null) return null;
    try {
      return await loadSegment(this.#store, pool, this.#log, commit, segment, { chainBefore, keepRaw, signal });
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      return error;
    }
  }

  async #check({ item, skipped, inRange, locks, segment }: ReadAhead, objects: LogObjects | null): Promise<void> {
    const { commit, tiles } = item;
    if (skipped) {
      await objects?.pass(commit, tiles);
      return;
    }
    const opened = isSteleError(segment) ? null : segment;
    const findings = [...item.findings, ...locks];
    findings.push(...((await objects?.check(commit, tiles, inRange, segment)) ?? []));
    const broken = opened === null ? null : this.#checkChain(item, opened);
    if (broken !== null) findings.push(broken);
    const sound = inRange && !isSteleError(segment);
    const entries = sound ? commit.manifest.entries.count : 0;
    const bytes = sound ? (commit.manifest.segment?.rawBytes ?? 0) : 0;
    this.#totals.manifests++;
    this.#totals.entries += entries;
    this.#totals.bytes += bytes;
    const { onChecked, onSegment, content, found } = this.#options;
    if (onChecked === undefined) findings.forEach(found);
    try {
      if (content) await onSegment?.(commit, opened);
      await onChecked?.({ commit, findings, entries, bytes });
    } catch (error) {
      // It is the caller's, and says nothing of the log.
      this.#callbackFailed = true;
      throw error;
    }
  }

  #checkChain({ commit, chosen }: WalkedManifest, { chain }: OpenedSegment): Finding | null {
    const { entries, index } = commit.manifest;
    if (chain === null || toBase64(chain) === entries.chain) return null;
    return finding("chain.broken", this.#log.name, `the entries of manifest ${index} do not lead to its chain value`, {
      object: chosen.version.key,
      index,
      expected: entries.chain,
      actual: toBase64(chain),
    });
  }

  /** What can only be told once all manifests were seen. */
  async #finish(objects: LogObjects | null): Promise<void> {
    const { found, signal, freshMillis = 0 } = this.#options;
    const { history } = this.#window;
    for (const one of objects?.pending(this.#walk.last) ?? []) found(one);
    if (this.#walk.paused) return;
    for await (const one of objects?.strays(this.#walk, freshMillis) ?? []) found(one);
    const elsewhere = history === undefined ? null : await checkInHistory(this.#log, this.#walk, history, signal);
    if (elsewhere !== null) found(elsewhere);
  }

  /** @returns whether it is not known where the log ends */
  async #checkEnd(failed: boolean): Promise<boolean> {
    const { checkpoints, found, signal } = this.#options;
    const unknown = failed || this.#walk.endUnknown;
    if (this.#window.end !== null || this.#walk.paused) return unknown;
    const end = await checkRemembered(this.#store, this.#log, this.#walk, checkpoints, this.#window.history, unknown, signal);
    end.findings.forEach(found);
    return end.endUnknown;
  }

  #unlinked(): Finding {
    const { first } = this.#window;
    const message = `manifest ${first - 1} can't be had: whether manifest ${first} goes on where it ended can't be told`;
    return finding("log.unreadable", this.#log.name, message, { index: first });
  }
}

/**
 * The window `[first, end)` of an opened log, with the keys in force there and the manifest before it.
 * Where the manifest before it can't be had, the window says so. A window that is to reach the log's end has `end` null: one
 * that ends behind the head's tree would leave what lies there to nobody.
 */
export async function windowAt(opened: OpenLog, first: number, end: number | null): Promise<LogWindow> {
  const { history, located } = opened;
  return { first, end, before: await commitBefore(history, first), keys: keysAt(located, first), history };
}

async function commitBefore(history: History, first: number): Promise<Commit | null> {
  if (first === 0) return null;
  try {
    return await history.commit(first - 1);
  } catch (error) {
    if (!isSteleError(error)) throw error;
    return null;
  }
}
