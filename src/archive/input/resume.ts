import { Sha256 } from "#sha256";
import { concatBytes, toBase64 } from "../../core/bytes.ts";
import { entryEnds, entryLeaves } from "../../core/entries.ts";
import { HASH_SIZE, leafHash } from "../../core/hash.ts";
import type { VerifierKey } from "../../core/key.ts";
import type { Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { chooseManifest } from "../candidates.ts";
import type { NewAppend } from "../provenance.ts";
import { walkManifests } from "../walk.ts";

/**
 * How far into a source a log has come: the first `end` bytes of its content. `sha256` is the SHA-256, in base64, of the leaf
 * hashes of the lines in them, one after the other; where the last has no line feed yet, `end` tells. Two contents of one
 * length with the same lines are one, so it stands for every byte; and the leaves are hashed anyway, the content is not hashed
 * again for it. It is the idempotency key of the append that ends there, so the log itself says where to go on, from any
 * machine.
 */
export interface Progress {
  readonly end: number;
  readonly sha256: string;
}

export function formatProgress({ end, sha256 }: Progress): string {
  return `prefix:${end}:${sha256}`;
}

export function parseProgress(id: string | undefined): Progress | null {
  const match = /^prefix:(0|[1-9]\d{0,15}):([A-Za-z0-9+/]{43}=)$/.exec(id ?? "");
  return match?.[2] === undefined ? null : { end: Number(match[1]), sha256: match[2] };
}

/** Entries that one source gave to a segment, one after the other. */
export interface Run extends Omit<NewAppend, "id"> {
  /** null where the source can't be read again. */
  readonly prefix: {
    /** Bytes of the source's content up to the run's end. */
    readonly end: number;
    /** Over the leaf hashes of the source's lines before the run; all its runs share it, each continuing it. */
    readonly hash: Sha256;
  } | null;
}

/**
 * The runs of a sealed segment with their ids.
 * @param leaves the segment's leaf hashes, packed. Segments must come in the order in which they were cut.
 */
export function withResumeIds(runs: readonly Run[], leaves: Uint8Array): NewAppend[] {
  let first = 0;
  return runs.map(({ prefix, ...append }) => {
    const ofRun = leaves.subarray(first * HASH_SIZE, (first + append.count) * HASH_SIZE);
    first += append.count;
    if (prefix === null) return append;
    const sha256 = toBase64(prefix.hash.update(ofRun).digest());
    return { ...append, id: formatProgress({ end: prefix.end, sha256 }) };
  });
}

const LF = 0x0a;
/** Manifests read at a time, from the head backwards. */
const WINDOW = 256;

/**
 * Finds, for each source, how far the log has come with it, going back from the head until all are found. A source that the
 * log never had costs a reading of all its manifests.
 */
export async function findProgress(
  store: Store,
  log: LogIdentity,
  size: number,
  keys: readonly VerifierKey[],
  sources: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, Progress>> {
  const wanted = new Set(sources);
  const found = new Map<string, Progress>();
  for (let end = size; end > 0 && wanted.size > 0; end -= WINDOW) {
    const from = Math.max(0, end - WINDOW);
    for await (const step of walkManifests(store, log, from, signal)) {
      // What lies among the manifests and is none may come before the last of them.
      if (step.kind !== "manifest") continue;
      if (step.index >= end) break;
      const { chosen } = await chooseManifest(step.claims, log, step.index, keys);
      for (const { source, id } of chosen?.commit.manifest.appends ?? []) {
        const progress = parseProgress(id);
        // Within a window later manifests overwrite earlier ones.
        if (progress !== null && wanted.has(source)) found.set(source, progress);
      }
    }
    for (const source of found.keys()) wanted.delete(source);
  }
  return found;
}

/** Where to go on in a source whose beginning is archived. */
export interface Continuation {
  /** `torn-line`: its last line was archived before it was finished, and is archived again, whole. */
  readonly kind: "complete" | "resumed" | "torn-line";
  /** Over the leaf hashes of the whole lines that are archived, to be continued. */
  readonly hash: Sha256;
  /** Bytes in them. */
  readonly offset: number;
  readonly lines: number;
  /** What follows them, as far as it was read. */
  readonly rest: Uint8Array;
}

/**
 * Reads a source's beginning again, compares it with what was archived, and finds where to go on.
 * @returns null when the content is another: the source was replaced or cut
 */
export async function continueAfter(
  progress: Progress,
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
): Promise<Continuation | null> {
  const prefix = await checkPrefix(progress, chunks);
  if (prefix === null) return null;
  const { hash, lines, torn } = prefix;
  const offset = progress.end - torn.length;
  const beyond = prefix.beyond.length > 0 ? prefix.beyond : (await chunks.next()).value?.slice();
  if (beyond === undefined) return { kind: "complete", hash, offset, lines, rest: new Uint8Array(0) };
  if (torn.length > 0 && beyond[0] !== LF) return { kind: "torn-line", hash, offset, lines, rest: concatBytes(torn, beyond) };
  if (torn.length === 0) return { kind: "resumed", hash, offset, lines, rest: beyond };
  // The last line is archived; all that is new of it is its line feed.
  hash.update(leafHash(torn));
  return { kind: "resumed", hash, offset: progress.end + 1, lines: lines + 1, rest: beyond.subarray(1) };
}

interface CheckedPrefix {
  /** Over the leaf hashes of its whole lines. */
  readonly hash: Sha256;
  readonly lines: number;
  /** What had no line feed yet when it was archived. */
  readonly torn: Uint8Array;
  /** What was read behind it. */
  readonly beyond: Uint8Array;
}

async function checkPrefix(
  progress: Progress,
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
): Promise<CheckedPrefix | null> {
  const whole = new Sha256();
  const inLines = new Sha256();
  let left = progress.end;
  let lines = 0;
  let torn: Uint8Array = new Uint8Array(0);
  let beyond: Uint8Array = new Uint8Array(0);
  while (left > 0) {
    const next = await chunks.next();
    if (next.done === true) return null;
    const part = next.value.subarray(0, left);
    const lineStart = part.lastIndexOf(LF) + 1;
    if (lineStart > 0) {
      const content = Buffer.concat([torn, part.subarray(0, lineStart)]);
      const ends = entryEnds(content);
      const leaves = entryLeaves(content, ends);
      whole.update(leaves);
      inLines.update(leaves);
      torn = new Uint8Array(0);
      lines += ends.length;
    }
    torn = concatBytes(torn, part.subarray(lineStart));
    left -= part.length;
    beyond = next.value.slice(part.length);
  }
  if (torn.length > 0) whole.update(leafHash(torn));
  return toBase64(whole.digest()) === progress.sha256 ? { hash: inLines, lines, torn, beyond } : null;
}
