import type { Commit } from "../core/commit.ts";
import { SteleError } from "../core/error.ts";
import { isProvenance } from "../core/manifest.ts";
import type { Archive } from "./archive.ts";
import { findProgress, withResumeIds } from "./input/resume.ts";
import { DEFAULT_LIMITS, type FilledSegment, type SegmentLimits, Segmenter, type SourceReport } from "./input/segmenter.ts";
import type { Source } from "./input/source.ts";
import { LogWriter, type UploadedSegment, type WriterOptions } from "./log-writer.ts";
import { orderedMap } from "./ordered-map.ts";
import { SegmentPool } from "./segment/pool.ts";
import type { SealedSegment } from "./segment/seal.ts";

export interface ArchiveSourcesOptions extends WriterOptions {
  readonly limits?: Partial<SegmentLimits>;
  /** Look for what an earlier run archived of the same sources, and go on from there. Default true. */
  readonly resume?: boolean;
  /** Ends the reading early; what was read is still archived. */
  readonly stop?: AbortSignal | undefined;
  readonly onReport?: (report: SourceReport) => void;
  /** After every commit. `rawBytes` are those of its segment. */
  readonly onCommit?: (commit: Commit) => void;
  readonly threads?: number;
}

/** What a run added to a log. */
export interface ArchiveResult {
  readonly entries: number;
  readonly segments: number;
  /** Bytes of the entries, each with its line feed. */
  readonly rawBytes: number;
  /** Bytes of the segments as stored. */
  readonly storedBytes: number;
  /** null when the log is still empty. */
  readonly head: Commit | null;
}

/** Segments put at a time: while one waits for the disk or the network, so may the next. */
const UPLOADS = 2;

interface Sealed extends Pick<FilledSegment, "runs"> {
  readonly sealed: SealedSegment;
}

/**
 * Archives sources into a log: reads ahead, seals in threads, uploads several segments at a time, commits in order. Each segment that was committed stays,
 * whatever happens after it; running it again with the same files goes on behind the last. A source given twice is archived
 * twice.
 */
export async function archiveSources(
  archive: Archive,
  log: string,
  sources: readonly Source[],
  options: ArchiveSourcesOptions,
): Promise<ArchiveResult> {
  for (const { name, label } of sources) {
    if (!isProvenance(name))
      throw new SteleError(
        "input.invalid",
        `${label.slice(0, 80)}: its path is too long, or not Unicode, to stand as a source in manifests; archive it from a shorter path`,
      );
  }
  const writer = await LogWriter.open(archive, log, options);
  const names = options.resume === false ? [] : sources.filter(({ rereadable }) => rereadable).map(({ name }) => name);
  const progress = await findProgress(
    archive.store,
    writer.log,
    writer.head?.after.size ?? 0,
    writer.keys,
    names,
    options.signal,
  );
  const halt = new AbortController();
  const segmenter = new Segmenter({
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    now: options.now,
    stop: AbortSignal.any([halt.signal, ...(options.stop === undefined ? [] : [options.stop])]),
    progress,
    report: options.onReport ?? (() => undefined),
  });
  // A quiet stream would keep an error waiting, and whatever it gave next would be lost.
  const orHalt = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      halt.abort();
      throw error;
    }
  };
  await using pool = new SegmentPool(options.threads);
  const seal = async ({ buffer, length, runs }: FilledSegment): Promise<Sealed> => {
    const done = await pool.seal(buffer, length);
    segmenter.recycle(done.buffer);
    return { sealed: done.sealed, runs };
  };
  let next = writer.nextEntry;
  const upload = async ({ sealed, runs }: Sealed): Promise<UploadedSegment> => {
    const first = next;
    next += sealed.count;
    const uploaded = await writer.upload(sealed, withResumeIds(runs, sealed.leaves), first);
    // Freed now: megabytes that wait for a garbage collection would pile up.
    sealed.stored.buffer.transfer(0);
    return uploaded;
  };
  let entries = 0;
  let segments = 0;
  let rawBytes = 0;
  let storedBytes = 0;
  // One more than there are threads: none waits for the slowest.
  const sealed = orderedMap(segmenter.segments(sources), pool.width + 1, (filled) => orHalt(seal(filled)));
  for await (const uploaded of orderedMap(sealed, UPLOADS, (one) => orHalt(upload(one)))) {
    const commit = await orHalt(writer.commitUploaded(uploaded));
    const { manifest } = commit;
    entries += manifest.entries.count;
    segments += 1;
    rawBytes += manifest.segment?.rawBytes ?? 0;
    storedBytes += manifest.segment?.bytes ?? 0;
    options.onCommit?.(commit);
  }
  return { entries, segments, rawBytes, storedBytes, head: writer.head };
}
