import { Sha256 } from "#sha256";
import { concatBytes, toBase64 } from "../../core/bytes.ts";
import type { VerifierKey } from "../../core/key.ts";
import type { Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { chooseManifest } from "../candidates.ts";
import { walkManifests } from "../walk.ts";

/**
 * How far into a source a log has come: the first `end` bytes of its content, whose SHA-256 in base64 is `sha256`. It stands
 * as the idempotency key of the append that ends there, so the log itself says where to go on, from any machine.
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
      if (step.kind !== "manifest" || step.index >= end) break;
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
  /** Over the whole lines that are archived, to be continued. */
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
  hash.update(torn).update(Uint8Array.of(LF));
  return { kind: "resumed", hash, offset: progress.end + 1, lines: lines + 1, rest: beyond.subarray(1) };
}

interface CheckedPrefix {
  /** Over its whole lines. */
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
    whole.update(part);
    const lineStart = part.lastIndexOf(LF) + 1;
    if (lineStart > 0) {
      inLines.update(torn).update(part.subarray(0, lineStart));
      torn = new Uint8Array(0);
      lines += countLines(part);
    }
    torn = concatBytes(torn, part.subarray(lineStart));
    left -= part.length;
    beyond = next.value.slice(part.length);
  }
  return toBase64(whole.digest()) === progress.sha256 ? { hash: inLines, lines, torn, beyond } : null;
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, end + 1)) count++;
  return count;
}
