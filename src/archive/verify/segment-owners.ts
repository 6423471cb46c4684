import type { Commit } from "../../core/commit.ts";
import { isSteleError, type SteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { logKey } from "../../core/layout.ts";
import type { Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { chooseManifest } from "../candidates.ts";
import type { History } from "../history.ts";
import { manifestOfEntry } from "../prove.ts";
import { walkManifests, type WalkStep } from "../walk.ts";

/** Segments are listed in about the order of their manifests: the next one's owner is mostly one of the next manifests. */
const NEXT_TRIED = 4;

/** Finds the manifests that hold entries, for segments that no manifest of a window names. */
export class SegmentOwners {
  readonly #log: LogIdentity;
  readonly #history: History;
  #newest: Commit | null = null;

  constructor(log: LogIdentity, history: History) {
    this.#log = log;
    this.#history = history;
  }

  /** Whether the manifest that holds entry `first` names exactly this object; or why that can't be told. */
  async isNamed(key: string, first: number, signal?: AbortSignal): Promise<boolean | SteleError> {
    try {
      const owner = await this.#owner(first);
      const segment = owner?.manifest.segment ?? null;
      return segment !== null && logKey(this.#log.name, segment.key) === key;
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      // Where the manifest that should hold it is missing, nothing names it.
      return error.code === "log.unsound" ? false : error;
    }
  }

  async #owner(entry: number): Promise<Commit | null> {
    for (let tried = 0; tried < NEXT_TRIED; tried++) {
      if (this.#newest === null || entry < this.#newest.manifest.entries.first) break;
      if (isHeldBy(this.#newest, entry)) return this.#newest;
      const next = this.#newest.manifest.index + 1;
      if (next >= this.#history.size) return null;
      this.#newest = await this.#history.commit(next);
    }
    const found = await this.#history.commit(await manifestOfEntry(this.#history, entry));
    this.#newest = found;
    return isHeldBy(found, entry) ? found : null;
  }
}

function isHeldBy({ manifest }: Commit, entry: number): boolean {
  const { first, count } = manifest.entries;
  return first <= entry && entry < first + count;
}

const BLOCK = 256;
const BLOCKS_BACK = 16;

/**
 * The key of the last segment that a manifest before `index` names, relative to the log: where the listing of a window that
 * begins there begins, and that of the window before ends. null: there is none, or too much is missing there to tell it.
 *
 * @param before manifest `index - 1`, where it is known
 * @throws SteleError `store.*` when the manifests can't be listed
 */
export async function lastSegmentBefore(
  store: Store,
  log: LogIdentity,
  history: History,
  index: number,
  before: Commit | null,
  signal?: AbortSignal,
): Promise<string | null> {
  if (index <= 0) return null;
  try {
    const { segment, entries } = (before ?? (await history.commit(index - 1))).manifest;
    if (segment !== null) return segment.key;
    const total = entries.first + entries.count;
    if (total === 0) return null;
    const owner = await history.commit(await manifestOfEntry(history, total - 1));
    if (owner.manifest.segment !== null && owner.manifest.index < index) return owner.manifest.segment.key;
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
  }
  // A manifest on the way is missing or can't be read: the last that can.
  for (let end = index, tried = 0; end > 0 && tried < BLOCKS_BACK; end -= BLOCK, tried++) {
    let found: string | null = null;
    for await (const step of walkManifests(store, log, Math.max(0, end - BLOCK), signal, end)) {
      if (step.kind === "manifest") found = (await segmentNamed(step, log, history.keys)) ?? found;
    }
    if (found !== null) return found;
  }
  return null;
}

async function segmentNamed(
  { claims, index }: Extract<WalkStep, { kind: "manifest" }>,
  log: LogIdentity,
  keys: readonly VerifierKey[],
): Promise<string | null> {
  try {
    const { chosen } = await chooseManifest(claims, log, index, keys);
    return chosen?.commit.manifest.segment?.key ?? null;
  } catch (error) {
    if (!isSteleError(error)) throw error;
    // The window that it is of says so.
    return null;
  }
}
