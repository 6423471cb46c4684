import { fromBase64 } from "../../core/bytes.ts";
import { chainStart } from "../../core/chain.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import type { FullTile } from "../../core/tile.ts";
import { compareKeys } from "../../store/key.ts";
import type { ObjectVersion, Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { type ChosenManifest, chooseManifest } from "../candidates.ts";
import { type Finding, finding } from "../finding.ts";
import type { History } from "../history.ts";
import { KeyRing } from "../key-ring.ts";
import { walkManifests, type WalkStep } from "../walk.ts";
import { checkContinuity } from "./continuity.ts";
import { ManifestGap } from "./manifest-gap.ts";
import { manifestFindings } from "./manifest-findings.ts";
import { WindowTiles } from "./window-tiles.ts";

/** Where a walk begins and ends, and what is known from before. */
export interface WalkWindow {
  readonly first: number;
  readonly end: number | null;
  readonly before: Commit | null;
  readonly keys: readonly VerifierKey[];
  readonly history?: History | undefined;
}

export interface WalkOptions {
  /** Whether the tiles that manifests fill are wanted. */
  readonly tiles: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Sizes at which the log's root is to be kept. */
  readonly sizes: ReadonlySet<number>;
  readonly pause: (index: number) => boolean;
  readonly found: (finding: Finding) => void;
}

/** A manifest on its way through the checks. */
export interface WalkedManifest {
  readonly commit: Commit;
  readonly chosen: ChosenManifest;
  /** Chain value before its entries; null where the manifest before it is missing. */
  readonly chainBefore: Uint8Array | null;
  readonly tiles: readonly FullTile[];
  /** Of the manifest itself, and of its links. */
  readonly findings: readonly Finding[];
}

type ManifestStep = Extract<WalkStep, { kind: "manifest" }>;

/** How often the log's end is looked for again: while it is walked, its writer goes on. */
const LOOKS_FOR_END = 16;

/** The manifests of a window in order, each checked against the one before. */
export class ManifestWalk {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #window: WalkWindow;
  readonly #options: WalkOptions;
  readonly #ring: KeyRing;
  readonly #everInForce: VerifierKey[];
  readonly #gap: ManifestGap;
  readonly #tiles: WindowTiles | null;
  readonly #rootsAt = new Map<number, Uint8Array>();

  /** The last manifest accepted, or the one before the window. */
  #newest: Commit | null;
  #last: Commit | null = null;
  /** The last object met that is no manifest. */
  #stray: { readonly key: string; readonly versions: Set<string | null> } | null = null;
  #endUnknown = false;
  #anyUnreadable = false;
  #paused = false;

  constructor(store: Store, log: LogIdentity, window: WalkWindow, options: WalkOptions) {
    this.#store = store;
    this.#log = log;
    this.#window = window;
    this.#options = options;
    this.#ring = new KeyRing(window.keys);
    this.#everInForce = [...window.keys];
    this.#gap = new ManifestGap(store, log, window.first, options);
    this.#newest = window.before;
    if (window.before !== null) this.#noteRoots(window.before);
    this.#tiles = options.tiles ? new WindowTiles(log, window.first, window.history, options) : null;
  }

  /** Where the window begins. */
  get from(): number {
    return this.#window.first;
  }

  /** The last manifest that was accepted. */
  get last(): Commit | null {
    return this.#last;
  }

  /** The same, or for want of one, the manifest before the window. */
  get newest(): Commit | null {
    return this.#newest;
  }

  /** Whether something behind the last accepted manifest could not be read: then a shorter log is not a shortened one. */
  get endUnknown(): boolean {
    return this.#endUnknown || this.#gap.unread;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether all that manifests name is known, as far as there are manifests. */
  get allRead(): boolean {
    return !this.#anyUnreadable && !this.#gap.unread;
  }

  get anyGap(): boolean {
    return this.#gap.any;
  }

  /** Whether the tiles that the window fills could be followed. */
  get tilesKnown(): boolean {
    return this.#tiles?.known === true && this.allRead;
  }

  get everInForce(): readonly VerifierKey[] {
    return this.#everInForce;
  }

  /** The log's root at one of the sizes asked for, where the walk came by. */
  rootAt(size: number): Uint8Array | undefined {
    return this.#rootsAt.get(size);
  }

  /** Whether an object that is no manifest was seen at `index`, behind the last one. */
  isOccupied(index: number): boolean {
    return this.#gap.isOccupied(index);
  }

  async *items(): AsyncGenerator<WalkedManifest, void, undefined> {
    const { first, end, history } = this.#window;
    yield* this.#listed(first, end);
    // What the head's tree holds must be here as well, as far as this window goes.
    const known = Math.min(end ?? Infinity, history?.size ?? end ?? 0);
    if (!this.#paused) yield* this.#missing(known);
    if (this.#paused) return;
    this.#gap.close(known);
    if (end === null) yield* this.#end();
  }

  async *#listed(first: number, end: number | null): AsyncGenerator<WalkedManifest, void, undefined> {
    for await (const step of walkManifests(this.#store, this.#log, first, this.#options.signal, end)) {
      if (step.kind === "stray") {
        this.#reportStray(step.version);
        continue;
      }
      if (step.index < this.#gap.expected || this.#gap.isOccupied(step.index)) continue;
      yield* this.#missingBefore(step);
      if (!this.#paused) yield* this.#take(step);
      if (this.#paused) return;
    }
  }

  /** Behind junk the log need not go on: then one question at a time, as long as it does. */
  async *#missingBefore(step: ManifestStep): AsyncGenerator<WalkedManifest, void, undefined> {
    for (let next = -1; next !== this.#gap.expected && !this.#paused;) {
      next = this.#gap.expected;
      yield* this.#missing((await this.#isSigned(step)) ? step.index : Math.min(next + 1, step.index));
    }
  }

  /** Manifests before `end` that the listing left out, and that are there when they are asked for. */
  async *#missing(end: number): AsyncGenerator<WalkedManifest, void, undefined> {
    for await (const step of this.#gap.ask(end)) {
      yield* this.#take(step);
      if (this.#paused) return;
    }
  }

  /** The log's end, asked for once more: the listing may have stopped early, or the writer gone on. */
  async *#end(): AsyncGenerator<WalkedManifest, void, undefined> {
    for (let look = 0; look < LOOKS_FOR_END && !this.#paused; look++) {
      const next = this.#gap.expected;
      if (!(await this.#gap.isThere(next))) return;
      yield* this.#listed(next, null);
      if (this.#paused || this.#gap.expected > next) continue;
      // Not listed now either: it was left out, and with it maybe more.
      yield* this.#leftOut(next);
      return;
    }
  }

  async *#leftOut(from: number): AsyncGenerator<WalkedManifest, void, undefined> {
    for (let next = from; !this.#paused; next = this.#gap.expected) {
      yield* this.#missing(next + 1);
      if (this.#gap.expected === next || !(await this.#gap.isThere(this.#gap.expected))) return;
    }
  }

  async #isSigned({ claims, index }: ManifestStep): Promise<boolean> {
    if (index <= this.#gap.expected) return true;
    try {
      return (await chooseManifest(claims, this.#log, index, this.#ring.inForce)).chosen !== null;
    } catch (error) {
      if (!isSteleError(error)) throw error;
      return false;
    }
  }

  async *#take(step: ManifestStep): AsyncGenerator<WalkedManifest, void, undefined> {
    const { index, claims } = step;
    if (this.#options.pause(index)) {
      this.#paused = true;
      return;
    }
    try {
      const candidates = await chooseManifest(claims, this.#log, index, this.#ring.inForce, { others: true });
      const findings = manifestFindings(this.#log, candidates);
      if (candidates.chosen === null) {
        findings.map((one) => this.#unlessUnread(one)).forEach(this.#options.found);
        this.#gap.refused(index, candidates.others.length > 0);
        return;
      }
      yield await this.#accept(candidates.chosen, findings);
    } catch (error) {
      if (!isSteleError(error) || this.#options.signal?.aborted === true) throw error;
      const object = claims[0]?.version.key ?? null;
      this.#options.found(finding("manifest.unreadable", this.#log.name, error.message, { object, index }));
      this.#gap.refused(index, true);
      this.#endUnknown = true;
      this.#anyUnreadable = true;
    }
  }

  async #accept(chosen: ChosenManifest, findings: Finding[]): Promise<WalkedManifest> {
    const { commit, version } = chosen;
    const { index } = commit.manifest;
    const lost = this.#gap.close(index);
    await this.#tiles?.skip(lost);
    const before = this.#newest?.manifest.index === index - 1 ? this.#newest : null;
    findings.push(...checkContinuity(this.#log, commit, before, this.#newest, version.key));
    this.#noteRoots(commit);
    const chainBefore =
      index === 0
        ? chainStart(this.#log.origin)
        : before === null
          ? null
          : fromBase64(before.manifest.entries.chain, "entries.chain");
    this.#newest = commit;
    this.#last = commit;
    this.#endUnknown = false;
    this.#gap.accepted(index);
    this.#ring.follow(commit);
    this.#everInForce.push(...this.#ring.inForce.filter(({ vkey }) => !this.#everInForce.some((key) => key.vkey === vkey)));
    const filled = await this.#tiles?.append(commit);
    findings.push(...(filled?.findings ?? []));
    return { commit, chosen, chainBefore, tiles: filled?.tiles ?? [], findings };
  }

  /** A manifest that could not be read may have changed the keys: then nothing is known against a signature. */
  #unlessUnread(found: Finding): Finding {
    if (found.code !== "checkpoint.bad-signature" || this.allRead) return found;
    const message = `whether its key is the log's can't be told, as manifests before it can't be read: ${found.message}`;
    return { ...found, code: "manifest.unreadable", message };
  }

  /** Once, also where the end is listed again. */
  #reportStray({ key, versionId }: ObjectVersion): void {
    if (this.#stray !== null && compareKeys(key, this.#stray.key) < 0) return;
    if (this.#stray?.key !== key) this.#stray = { key, versions: new Set() };
    if (this.#stray.versions.has(versionId)) return;
    this.#stray.versions.add(versionId);
    const message = "it lies among the manifests, but is none";
    this.#options.found(finding("object.stray", this.#log.name, message, { object: key, versionId }));
  }

  /** Keeps the log's roots at the sizes asked for. Behind a gap the later manifest tells the earlier size. */
  #noteRoots({ before, after }: Commit): void {
    const { sizes } = this.#options;
    if (sizes.has(after.size)) this.#rootsAt.set(after.size, after.root());
    if (sizes.has(before.size) && !this.#rootsAt.has(before.size)) this.#rootsAt.set(before.size, before.root());
  }
}
