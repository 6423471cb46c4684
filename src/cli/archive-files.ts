import { hostname } from "node:os";
import type { Archive } from "../archive/archive.ts";
import { archiveSources } from "../archive/archive-sources.ts";
import type { SegmentLimits, SourceReport } from "../archive/input/segmenter.ts";
import type { Source } from "../archive/input/source.ts";
import type { Signer } from "../core/key.ts";
import type { Archived } from "./archive-result.ts";
import type { Interruption } from "./interrupt.ts";
import type { Remarks } from "./output.ts";
import { showProgress } from "./progress.ts";
import { counted, printable, size } from "./words.ts";

export interface ArchiveFilesOptions {
  readonly log: string;
  readonly signer: Signer;
  readonly interruption: Interruption;
  readonly limits: SegmentLimits;
  readonly threads: number | undefined;
  readonly resume: boolean;
  readonly quiet: true | undefined;
  readonly remarks: Remarks;
}

/** Archives files to their end, and shows how far it has come. They can be read again, and so need no spool. */
export async function archiveFiles(
  archive: Archive,
  sources: readonly Source[],
  options: ArchiveFilesOptions,
): Promise<Archived> {
  const { log, interruption, remarks } = options;
  const total = sources.reduce<number | null>((sum, { bytes }) => (sum === null || bytes === null ? null : sum + bytes), 0);
  const started = performance.now();
  const progress = showProgress(options);
  const reports: SourceReport[] = [];
  let done = 0;
  let entries = 0;
  try {
    const result = await archiveSources(archive, log, sources, {
      signer: options.signer,
      writerId: `${hostname()}/${process.pid}`,
      now: Date.now,
      limits: options.limits,
      resume: options.resume,
      stop: interruption.stop,
      signal: interruption.abort,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      onReport: (report) => {
        reports.push(report);
        if (report.kind !== "replaced") done += report.end;
      },
      onCommit: ({ manifest }) => {
        done += manifest.segment?.rawBytes ?? 0;
        entries += manifest.entries.count;
        const of = total === null ? "" : ` of ${size(total)}`;
        progress.update(
          total === null || total === 0 ? null : done / total,
          `${size(done)}${of}, ${counted(entries, "entry", "entries")}`,
        );
      },
    });
    const millis = performance.now() - started;
    return { ...result, log, origin: archive.origin, spooled: { entries: 0, bytes: 0 }, millis };
  } catch (error) {
    // What is thrown on the way out of an abort may be anything.
    interruption.abort.throwIfAborted();
    throw error;
  } finally {
    progress.stop();
    for (const report of reports) remarks.note(inWords(report));
  }
}

function inWords({ source, kind, end }: SourceReport): string {
  const name = printable(source.label);
  switch (kind) {
    case "complete":
      return `${name}: nothing new, all ${size(end)} are archived already`;
    case "resumed":
      return `${name}: went on after the ${size(end)} that are archived already`;
    case "torn-line":
      return `${name}: went on after ${size(end)}; its last line then had no end yet, and is archived again, whole`;
    case "replaced":
      return `${name}: is not the file any more whose first ${size(end)} are archived; archived from its beginning`;
  }
}
