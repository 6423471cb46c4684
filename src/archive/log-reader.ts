import { equalBytes, fromBase64 } from "../core/bytes.ts";
import { chainStart } from "../core/chain.ts";
import type { SignedCheckpoint } from "../core/checkpoint.ts";
import type { Commit } from "../core/commit.ts";
import { verifyConsistency } from "../core/consistency.ts";
import { SteleError } from "../core/error.ts";
import { parseLogName } from "../core/layout.ts";
import { verifyNote } from "../core/note.ts";
import { type Archive, logKeys, type LogIdentity, logOf } from "./archive.ts";
import { chooseManifest } from "./candidates.ts";
import { History } from "./history.ts";
import { KeyRing } from "./key-ring.ts";
import { loadForReader } from "./load-segment.ts";
import { type LocatedHead, locateHead } from "./locate.ts";
import { orderedMap } from "./ordered-map.ts";
import { type EntryRange, isBeyond, type Span, spansWithin } from "./range.ts";
import type { OpenedSegment } from "./segment/open.ts";
import { SegmentPool } from "./segment/pool.ts";
import { checkContinuity } from "./verify/continuity.ts";
import { walkManifests } from "./walk.ts";

/** Entries that were verified: `count` from index `first`, each followed by a line feed. */
export interface VerifiedEntries {
  readonly first: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

export interface ReadOptions extends EntryRange {
  /** Checkpoints seen before: the log must still hold them. Those of other logs are passed over. */
  readonly checkpoints?: readonly SignedCheckpoint[] | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A log opened for reading: its head is signed by a key that the reader believes. */
export interface OpenLog {
  readonly log: LogIdentity;
  readonly head: Commit;
  readonly located: LocatedHead;
  readonly history: History;
}

/** @throws SteleError `log.not-found` when the log has no manifest, `log.key` when no key to believe is the log's, `store.*` */
export async function openLog(archive: Archive, name: string, signal?: AbortSignal): Promise<OpenLog> {
  const log = logOf(archive, parseLogName(name));
  const keys = logKeys(archive, log);
  if (keys.length === 0) throw new SteleError("log.key", `log ${name}: none of the given keys is of ${log.origin}`);
  const located = await locateHead(archive.store, log, keys, signal);
  const head = located.newest?.commit;
  if (head === undefined) {
    const unsigned =
      located.passedOver.length > 0
        ? `; ${located.passedOver.length} objects in its place are not signed by its key, run "stele verify"`
        : "";
    throw new SteleError("log.not-found", `${archive.store.url}: log ${name} has no entries${unsigned}`);
  }
  return { log, head, located, history: new History(archive.store, log, head, located.keys) };
}

/**
 * Reads entries of a log, in order. Nothing is given out before it was verified: the head's signature, the manifests' links,
 * their place in the head's tree, and of each segment its hash, its entries' root and the chain.
 *
 * @throws SteleError `log.unsound`, `proof.*`, `format.*` at the first thing that does not hold; what came before is sound;
 *   `input.invalid` when the range begins behind the last entry
 */
export async function* readEntries(
  archive: Archive,
  name: string,
  options: ReadOptions = {},
): AsyncGenerator<VerifiedEntries, void, undefined> {
  const { signal } = options;
  const opened = await openLog(archive, name, signal);
  requireWithin(opened, options);
  for (const remembered of options.checkpoints ?? []) await requireRemembered(opened, remembered);
  await using pool = new SegmentPool(options.threads);
  const load = async (item: RangeItem): Promise<RangeItem & { segment: OpenedSegment | null }> => {
    const { segment } = item.commit.manifest;
    if (segment === null || item.spans.length === 0) return { ...item, segment: null };
    return {
      ...item,
      segment: await loadForReader(archive.store, pool, opened.log, item.commit, segment, item.chainBefore, signal),
    };
  };
  // One more than there are threads: none waits for the slowest.
  for await (const { commit, spans, segment } of orderedMap(manifestsInRange(archive, opened, options), pool.width + 1, load)) {
    if (segment === null) continue;
    const { entries, index } = commit.manifest;
    if (segment.chain === null || !equalBytes(segment.chain, fromBase64(entries.chain, "entries.chain"))) {
      throw new SteleError(
        "log.unsound",
        `log ${name}: the entries of manifest ${index} do not lead to its chain value ${entries.chain}`,
      );
    }
    for (const span of spans) yield cutOut(span, entries.first, segment);
  }
}

/** A range that begins behind the log's end gives nothing: that must not look like an answer. */
function requireWithin({ log, head }: OpenLog, { from }: EntryRange): void {
  const total = head.manifest.entries.first + head.manifest.entries.count;
  if (from === undefined || !("index" in from) || from.index < Math.max(total, 1)) return;
  throw new SteleError("input.invalid", `log ${log.name}: it has the entries 0 to ${total - 1}; none from ${from.index} on`);
}

/** @throws SteleError `log.unsound` when the log no longer holds a checkpoint that was seen before */
export async function requireRemembered({ log, head, history, located }: OpenLog, remembered: SignedCheckpoint): Promise<void> {
  if (remembered.origin !== log.origin) return;
  verifyNote(remembered.note, located.keys);
  if (remembered.size > history.size) {
    throw new SteleError(
      "log.unsound",
      `log ${log.name} was seen with ${remembered.size} manifests before, and now ends after ${history.size}: its tail was cut off`,
    );
  }
  await proveInHistory(
    log,
    history,
    head,
    { size: remembered.size, root: remembered.root },
    `the remembered checkpoint of size ${remembered.size}`,
  );
}

interface RangeItem {
  readonly commit: Commit;
  readonly chainBefore: Uint8Array;
  readonly spans: readonly Span[];
}

/** How many manifests wait for one proof that they are of the head's history. */
const PROVEN_TOGETHER = 64;

/**
 * The manifests that a range needs, each linked to the one before. Before any of them comes out, the last of its batch is
 * proven to be a beginning of the head's tree, and through the links so are the others.
 */
async function* manifestsInRange(
  archive: Archive,
  opened: OpenLog,
  options: ReadOptions,
): AsyncGenerator<RangeItem, void, undefined> {
  const { log, head, history } = opened;
  const start = await firstManifest(history, options);
  let batch: RangeItem[] = [];
  for await (const item of linkedManifests(archive, opened, start, options)) {
    if (isBeyond(item.commit.manifest, options)) break;
    batch.push(item);
    if (batch.length < PROVEN_TOGETHER) continue;
    await proveInHistory(log, history, head, treeOf(item.commit), `manifest ${item.commit.manifest.index}`);
    yield* batch;
    batch = [];
  }
  const last = batch.at(-1);
  if (last !== undefined) await proveInHistory(log, history, head, treeOf(last.commit), `manifest ${last.commit.manifest.index}`);
  yield* batch;
}

/** The manifests from `start` to the head, none left out, each going on where the one before ended. */
async function* linkedManifests(
  archive: Archive,
  { log, head, history, located }: OpenLog,
  start: number,
  options: ReadOptions,
): AsyncGenerator<RangeItem, void, undefined> {
  let before = start === 0 ? null : await history.commit(start - 1);
  // Only from the beginning can rotations be followed one by one; the proof against the head covers the rest.
  const ring = start === 0 ? new KeyRing(logKeys(archive, log)) : null;
  let index = start;
  for await (const step of walkManifests(archive.store, log, start, options.signal)) {
    if (step.kind !== "manifest") continue;
    if (step.index > head.manifest.index) break;
    const { chosen } = await chooseManifest(step.claims, log, step.index, ring?.inForce ?? located.keys);
    if (chosen === null || step.index !== index) throw missing(log, index);
    const { commit } = chosen;
    const [broken] = checkContinuity(log, commit, before, before, chosen.version.key);
    if (broken !== undefined)
      throw new SteleError(
        "log.unsound",
        `log ${log.name}: ${broken.message}: expected ${broken.expected}, got ${broken.actual}`,
      );
    ring?.follow(commit);
    const chainBefore = before === null ? chainStart(log.origin) : fromBase64(before.manifest.entries.chain, "entries.chain");
    yield { commit, chainBefore, spans: spansWithin(commit.manifest, options) };
    before = commit;
    index++;
  }
  if (index <= head.manifest.index) throw missing(log, index);
}

/** The first manifest that may hold what a range asks for. Indexes and sealing times never decrease, so halving finds it. */
async function firstManifest(history: History, { from }: EntryRange): Promise<number> {
  if (from === undefined) return 0;
  let low = 0;
  let high = history.size - 1;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const { entries, sealed } = (await history.commit(middle)).manifest;
    const isBefore = "index" in from ? entries.first + entries.count <= from.index : sealed < from.time;
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A tree may be validly signed and yet be of another history than the head: it must be a beginning of the head's. */
async function proveInHistory(
  log: LogIdentity,
  history: History,
  head: Commit,
  tree: { readonly size: number; readonly root: Uint8Array },
  what: string,
): Promise<void> {
  const proof = await history.consistencyProof(tree.size);
  try {
    verifyConsistency(tree.size, history.size, proof, tree.root, head.after.root());
  } catch (cause) {
    throw new SteleError(
      "log.unsound",
      `log ${log.name}: ${what} is signed, but is of another history than the log's head; run "stele verify"`,
      { cause },
    );
  }
}

function treeOf({ after }: Commit): { size: number; root: Uint8Array } {
  return { size: after.size, root: after.root() };
}

function missing(log: LogIdentity, index: number): SteleError {
  return new SteleError(
    "log.unsound",
    `log ${log.name}: manifest ${index} is missing or not signed by the log's key; run "stele verify" for all that is wrong`,
  );
}

function cutOut({ first, end }: Span, segmentFirst: number, { raw, ends }: OpenedSegment): VerifiedEntries {
  const start = first === segmentFirst ? 0 : (ends[first - segmentFirst - 1] ?? 0) + 1;
  const stop = (ends[end - segmentFirst - 1] ?? 0) + 1;
  return { first, count: end - first, bytes: raw.subarray(start, stop) };
}
