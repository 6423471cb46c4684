import type { Commit } from "../core/commit.ts";
import { SteleError } from "../core/error.ts";
import { isProvenance } from "../core/manifest.ts";
import type { Archive } from "./archive.ts";
import { findProgress } from "./input/resume.ts";
import { DEFAULT_LIMITS, type FilledSegment, type SegmentLimits, Segmenter, type SourceReport } from "./input/segmenter.ts";
import type { Source } from "./input/source.ts";
import { LogWriter, type WriterOptions } from "./log-writer.ts";
import { orderedMap } from "./ordered-map.ts";
import { SegmentPool } from "./segment/pool.ts";

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

/**
 * Archives sources into a log: reads ahead, seals in threads, commits in order. Each segment that was committed stays,
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
  await using pool = new SegmentPool(options.threads);
  const seal = async (
    filled: FilledSegment,
  ): Promise<{ sealed: Awaited<ReturnType<SegmentPool["seal"]>>["sealed"]; appends: FilledSegment["appends"] }> => {
    const { sealed, buffer } = await pool.seal(filled.buffer, filled.length);
    segmenter.recycle(buffer);
    return { sealed, appends: filled.appends };
  };
  let entries = 0;
  let segments = 0;
  let rawBytes = 0;
  let storedBytes = 0;
  for await (const { sealed, appends } of orderedMap(segmenter.segments(sources), pool.width, seal)) {
    const commit = await writer.commit(sealed, appends).catch((error: unknown) => {
      // A quiet stream would keep the error waiting, and whatever it gave next would be lost.
      halt.abort();
      throw error;
    });
    entries += sealed.count;
    segments += 1;
    rawBytes += sealed.rawBytes;
    storedBytes += sealed.stored.length;
    // Freed now: megabytes that wait for a garbage collection would pile up.
    sealed.stored.buffer.transfer(0);
    options.onCommit?.(commit);
  }
  return { entries, segments, rawBytes, storedBytes, head: writer.head };
}
