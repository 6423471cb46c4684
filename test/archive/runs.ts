import { expect } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { archiveSources, type ArchiveSourcesOptions } from "../../src/archive/archive-sources.ts";
import { fileSource, type Source } from "../../src/archive/input/source.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { LOG, NOW, OWNER, readAll } from "./fixture.ts";

/** What one run of archiving came to. */
export interface Run {
  readonly entries: number;
  /** What was said of the sources, such as `resumed 12`. */
  readonly reports: readonly string[];
}

/** Archives in segments of two entries, unless told otherwise. */
export async function archiveAll(
  archive: Archive,
  sources: readonly Source[],
  options: Partial<ArchiveSourcesOptions> = {},
): Promise<Run> {
  const reports: string[] = [];
  const { entries } = await archiveSources(archive, LOG, sources, {
    signer: OWNER,
    writerId: "test",
    now: () => NOW,
    threads: 1,
    limits: { entries: 2 },
    onReport: ({ kind, end }) => reports.push(`${kind} ${end}`),
    ...options,
  });
  return { entries, reports };
}

export async function archiveFile(archive: Archive, path: string, options: Partial<ArchiveSourcesOptions> = {}): Promise<Run> {
  return archiveAll(archive, [await fileSource(path)], options);
}

/** A log's text. */
export async function content(archive: Archive): Promise<string> {
  const { bytes, error } = await readAll(archive);
  expect(error).toBeNull();
  return bytes.toString();
}

/** What is wrong with an archive; what is only worth knowing is left out. */
export async function wrongWith(
  { store }: Archive,
  now: number = NOW,
): Promise<{ readonly code: string; readonly object: string | null }[]> {
  const { findings } = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now, threads: 1 });
  return findings.filter(({ severity }) => severity !== "info").map(({ code, object }) => ({ code, object }));
}

/** A source, and what stops the run that reads it once its first chunk was taken. */
export function stoppedAfterOneChunk(source: Source): { readonly source: Source; readonly stop: AbortSignal } {
  const controller = new AbortController();
  return {
    stop: controller.signal,
    source: {
      ...source,
      async *open(signal) {
        for await (const chunk of source.open(signal)) {
          yield chunk;
          controller.abort();
        }
      },
    },
  };
}
