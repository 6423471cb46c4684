import { equalBytes, fromBase64, fromUtf8, toBase64 } from "../../core/bytes.ts";
import { chainStart } from "../../core/chain.ts";
import { encodeCheckpoint, type SignedCheckpoint } from "../../core/checkpoint.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError, type SteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { verifyNote } from "../../core/note.ts";
import { type FullTile, TileEdge } from "../../core/tile.ts";
import type { Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { type ChosenManifest, chooseManifest } from "../candidates.ts";
import { type Finding, type FindingCode, finding } from "../finding.ts";
import { KeyRing } from "../key-ring.ts";
import { loadSegment } from "../load-segment.ts";
import { orderedMap } from "../ordered-map.ts";
import { type EntryRange, spansWithin } from "../range.ts";
import type { OpenedSegment } from "../segment/open.ts";
import type { SegmentPool } from "../segment/pool.ts";
import { walkManifests } from "../walk.ts";
import { checkContinuity } from "./continuity.ts";
import { LogObjects } from "./log-objects.ts";
import { manifestFindings } from "./manifest-findings.ts";

/** `manifests`: signatures, tree and links. `locks`: and every object's versions and lock. `content`: and every byte. */
export type VerifyLevel = "manifests" | "locks" | "content";

export interface VerifyLogOptions extends EntryRange {
  readonly level: VerifyLevel;
  /** Checkpoints seen before: the log must still hold them. */
  readonly checkpoints: readonly SignedCheckpoint[];
  /** Milliseconds since 1970: what has expired by then. */
  readonly now: number;
  readonly pool: SegmentPool;
  readonly signal?: AbortSignal | undefined;
  readonly found: (finding: Finding) => void;
  readonly onProgress?: (progress: LogTotals) => void;
}

export interface LogTotals {
  manifests: number;
  /** Entries whose bytes, or at lower levels whose manifests, were checked and found sound. */
  entries: number;
  /** Bytes of entries before compression, likewise. */
  bytes: number;
}

export interface LogOutcome extends LogTotals {
  readonly head: Commit | null;
  /** What lies behind the head could not be read. */
  readonly endUnknown: boolean;
}

/** A manifest on its way through the checks. */
interface Item {
  readonly commit: Commit;
  readonly chosen: ChosenManifest;
  /** Chain value before its entries; null where the manifest before it is missing. */
  readonly chainBefore: Uint8Array | null;
  readonly tiles: readonly FullTile[];
  readonly inRange: boolean;
}

const REQUESTS_AHEAD = 16;
/** More than there are threads: none waits for the slowest, nor for what the main thread does with each. */
const SEGMENTS_AHEAD = 2;
/** Above this, a gap is one finding instead of one for each manifest. */
const NAMED_GAP = 1000;

/** Verifies one log from its first manifest to its last; everything that is wrong goes to `found`, and the rest is still looked at. */
export class LogVerification {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #options: VerifyLogOptions;
  readonly #ring: KeyRing;
  readonly #everInForce: VerifierKey[];
  readonly #totals: LogTotals = { manifests: 0, entries: 0, bytes: 0 };
  #edge: TileEdge | null = new TileEdge();
  /** Indexes behind the last accepted manifest where something lies that is not the manifest. */
  readonly #occupied = new Set<number>();
  #last: Commit | null = null;
  /** Whether something behind the last accepted manifest could not be read: then a shorter log is not a shortened one. */
  #endUnknown = false;
  #anyUnreadable = false;
  #anyGap = false;
  #expectedIndex = 0;
  readonly #rootsAt = new Map<number, Uint8Array>();

  constructor(store: Store, log: LogIdentity, keys: readonly VerifierKey[], options: VerifyLogOptions) {
    this.#store = store;
    this.#log = log;
    this.#options = options;
    this.#ring = new KeyRing(keys);
    this.#everInForce = [...keys];
  }

  async run(): Promise<LogOutcome> {
    const { pool, signal, level } = this.#options;
    const objects = level === "manifests" ? null : new LogObjects(this.#store, this.#log, this.#options);
    try {
      // What is read ahead bounds memory where segments are read, and only requests where they are not.
      const ahead = level === "content" ? pool.width + SEGMENTS_AHEAD : REQUESTS_AHEAD;
      const checked = orderedMap(this.#items(), ahead, async (item) => {
        const locks = item.inRange ? await objects?.checkLocks(item.commit, item.chosen.version) : [];
        return { item, locks: locks ?? [], segment: await this.#load(item) };
      });
      for await (const { item, locks, segment } of checked) {
        locks.forEach(this.#options.found);
        await objects?.claim(item.commit, item.tiles, item.inRange, segment);
        this.#account(item, segment);
      }
      // What a manifest names that could not be read is no stray.
      await objects?.finish(this.#last, {
        segments: !this.#anyUnreadable,
        tiles: this.#edge !== null && !this.#anyUnreadable,
        gaps: this.#anyGap,
      });
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      this.#options.found(finding("log.unreadable", this.#log.name, `the log can't be read to its end: ${error.message}`));
      this.#endUnknown = true;
    } finally {
      await objects?.close();
    }
    this.#checkRemembered();
    return { ...this.#totals, head: this.#last, endUnknown: this.#endUnknown };
  }

  /** The manifests in order, each checked against the one before. */
  async *#items(): AsyncGenerator<Item, void, undefined> {
    for await (const step of walkManifests(this.#store, this.#log, 0, this.#options.signal)) {
      if (step.kind === "stray") {
        const { key, versionId } = step.version;
        this.#options.found(
          finding("object.stray", this.#log.name, "it lies among the manifests, but is none", { object: key, versionId }),
        );
        continue;
      }
      try {
        const candidates = await chooseManifest(step.claims, this.#log, step.index, this.#ring.inForce, { others: true });
        manifestFindings(this.#log, candidates).forEach(this.#options.found);
        if (candidates.chosen === null && candidates.others.length > 0) this.#occupied.add(step.index);
        if (candidates.chosen === null) this.#anyGap = true;
        if (candidates.chosen !== null) yield this.#accept(candidates.chosen);
      } catch (error) {
        if (!isSteleError(error)) throw error;
        const object = step.claims[0]?.version.key ?? null;
        this.#options.found(finding("manifest.unreadable", this.#log.name, error.message, { object, index: step.index }));
        this.#occupied.add(step.index);
        this.#endUnknown = true;
        this.#anyUnreadable = true;
      }
    }
  }

  #accept(chosen: ChosenManifest): Item {
    const { commit, version } = chosen;
    const { index, entries } = commit.manifest;
    this.#nameMissing(index);
    const before = this.#last?.manifest.index === index - 1 ? this.#last : null;
    checkContinuity(this.#log, commit, before, this.#last, version.key).forEach(this.#options.found);
    this.#noteRoots(commit);
    const chainBefore =
      index === 0
        ? chainStart(this.#log.origin)
        : before === null
          ? null
          : fromBase64(before.manifest.entries.chain, "entries.chain");
    this.#last = commit;
    this.#endUnknown = false;
    this.#ring.follow(commit);
    this.#everInForce.push(...this.#ring.inForce.filter(({ vkey }) => !this.#everInForce.some((key) => key.vkey === vkey)));
    const inRange = entries.count === 0 || spansWithin(commit.manifest, this.#options).length > 0;
    return { commit, chosen, chainBefore, tiles: this.#edge?.append(commit.leaf) ?? [], inRange };
  }

  /** Manifests before `index` that no object stands for are named, one by one. */
  #nameMissing(index: number): void {
    const from = this.#expectedIndex;
    const report = (first: number, end: number): void => {
      const message = end - first === 1 ? `manifest ${first} is missing` : `manifests ${first} to ${end - 1} are missing`;
      this.#options.found(finding("manifest.missing", this.#log.name, message, { index: first }));
    };
    if (index > from) this.#anyGap = true;
    if (index - from > NAMED_GAP) {
      report(from, index);
      // The tiles from here on can't be told any more, and the gap may be as long as whoever has the key wants it.
      this.#edge = null;
    } else {
      for (let missing = from; missing < index; missing++) {
        if (!this.#occupied.has(missing)) report(missing, missing + 1);
        this.#edge?.append(null);
      }
    }
    this.#occupied.clear();
    this.#expectedIndex = index + 1;
  }

  async #load({ commit, chainBefore, inRange }: Item): Promise<OpenedSegment | SteleError | null> {
    const { level, pool, signal } = this.#options;
    const { segment } = commit.manifest;
    if (level !== "content" || segment === null || !inRange) return null;
    try {
      return await loadSegment(this.#store, pool, this.#log, commit, segment, { chainBefore, keepRaw: false, signal });
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      return error;
    }
  }

  #account({ commit, inRange, chosen }: Item, segment: OpenedSegment | SteleError | null): void {
    const { entries, index } = commit.manifest;
    this.#totals.manifests++;
    if (inRange && !isSteleError(segment)) {
      this.#totals.entries += entries.count;
      this.#totals.bytes += commit.manifest.segment?.rawBytes ?? 0;
    }
    if (segment !== null && !isSteleError(segment) && segment.chain !== null) {
      const chain = toBase64(segment.chain);
      if (chain !== entries.chain) {
        const message = `the entries of manifest ${index} do not lead to its chain value`;
        this.#options.found(
          finding("chain.broken", this.#log.name, message, {
            object: chosen.version.key,
            index,
            expected: entries.chain,
            actual: chain,
          }),
        );
      }
    }
    this.#options.onProgress?.(this.#totals);
  }

  /** Keeps the log's roots at the sizes of the checkpoints seen before. Behind a gap the later manifest tells the earlier size. */
  #noteRoots({ before, after }: Commit): void {
    for (const { size } of this.#options.checkpoints) {
      if (size === after.size) this.#rootsAt.set(size, after.root());
      else if (size === before.size && !this.#rootsAt.has(size)) this.#rootsAt.set(size, before.root());
    }
  }

  /** Each checkpoint seen before must be signed by the log's key, and be the log's own at that size. */
  #checkRemembered(): void {
    const size = this.#last?.after.size ?? 0;
    for (const remembered of this.#options.checkpoints) {
      const found = (code: FindingCode, message: string, told: Partial<Finding>): void =>
        this.#options.found(finding(code, this.#log.name, message, told));
      const what = `the remembered checkpoint of size ${remembered.size}`;
      try {
        verifyNote(remembered.note, this.#everInForce);
      } catch (error) {
        if (!isSteleError(error)) throw error;
        const note = fromUtf8(encodeCheckpoint(remembered));
        found("checkpoint.bad-signature", `${what} is not signed by a key of this log: ${error.message}`, { actual: note });
        continue;
      }
      const root = this.#rootsAt.get(remembered.size);
      if (root !== undefined && !equalBytes(root, remembered.root)) {
        const message = `the log is not the one that ${what} was made of`;
        found("checkpoint.inconsistent", message, {
          index: remembered.size - 1,
          expected: `root ${toBase64(remembered.root)}`,
          actual: `root ${toBase64(root)}`,
        });
      }
      if (remembered.size <= size || this.#endUnknown) continue;
      const message = `the log was seen with ${remembered.size} manifests before, and now ends after ${size}: its tail was cut off`;
      found("log.truncated", message, { expected: `${remembered.size} manifests`, actual: `${size} manifests` });
    }
  }
}
