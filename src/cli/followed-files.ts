import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type Archive, logKeys } from "../archive/archive.ts";
import { formatCursor } from "../archive/follow/cursor.ts";
import { listNeighbours } from "../archive/follow/neighbours.ts";
import { identityOf, isCompressed, isSameFile, openPlain } from "../archive/follow/place.ts";
import type { FollowNotice } from "../archive/input/follow.ts";
import { continueAfter, findProgress } from "../archive/input/resume.ts";
import { fileSource } from "../archive/input/source.ts";
import { openLog } from "../archive/log-reader.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { isProvenance } from "../core/manifest.ts";
import { matchingFiles } from "./sources.ts";
import type { Remarks } from "./output.ts";
import { printable, size } from "./words.ts";

/** A file to follow. */
export interface FollowedFile {
  readonly path: string;
  /** Stands as `source` in manifests, the same as when the file is archived without following it. */
  readonly source: string;
}

/**
 * The files that a command line names to be followed. Those that are not there yet are waited for.
 * @throws SteleError `input.*`
 */
export async function followedFiles(files: readonly string[]): Promise<FollowedFile[]> {
  const found = new Map<string, FollowedFile>();
  for (const file of files) {
    if (file === "-") throw invalid("expected files; standard input is read to its end without it");
    for (const path of await matchingFiles(file)) {
      if (isCompressed(path)) throw invalid(`expected a file that is written to, got ${path}; archive it without --follow`);
      const source = `file:${resolve(path)}`;
      if (!isProvenance(source)) throw invalid(`${path.slice(0, 80)}: its path is too long to stand as a source in manifests`);
      found.set(source, { path, source });
    }
  }
  if (found.size === 0) throw invalid("expected a file to follow: stele archive STORE --log L --follow FILE");
  await refuseEarlierStates([...found.values()]);
  return [...found.values()];
}

/** What rotation left of one file would be read twice when it is followed by itself as well. */
async function refuseEarlierStates(files: readonly FollowedFile[]): Promise<void> {
  if (files.length < 2) return;
  const paths = new Map(files.map(({ path }) => [resolve(path), path]));
  for (const { path } of files) {
    const rotated = (await listNeighbours(path, false)).find((file) => file.role === "rotated" && paths.has(resolve(file.path)));
    if (rotated !== undefined) {
      throw invalid(`${rotated.path} is an earlier state of ${path}, which is looked for by itself: leave it out`);
    }
  }
}

/**
 * Where to go on in a file that this machine never followed into the log, but that was archived whole before, up to some
 * place: a cursor behind it. null where nothing of it was archived, or what was archived is not in it any more.
 * @throws SteleError `input.unreadable`; `store.*` when the log can't be read
 */
export async function archivedBefore(
  archive: Archive,
  log: string,
  files: readonly FollowedFile[],
  remarks: Remarks,
): Promise<Map<string, string>> {
  const cursors = new Map<string, string>();
  const there: FollowedFile[] = [];
  for (const file of files) if ((await stat(file.path).catch(() => null))?.isFile() === true) there.push(file);
  if (there.length === 0) return cursors;
  const opened = await openLog(archive, log).catch((error: unknown) => {
    if (isSteleError(error, "log.not-found")) return null;
    throw error;
  });
  if (opened === null) return cursors;
  const { head, located } = opened;
  const keys = [...logKeys(archive, opened.log), ...located.keys];
  const sources = there.map(({ source }) => source);
  const archived = await findProgress(archive.store, opened.log, head.after.size, keys, sources);
  for (const { path, source } of there) {
    const progress = archived.get(source);
    if (progress === undefined || progress.end === 0) continue;
    const cursor = await cursorBehind(path, progress);
    if (cursor === null) {
      remarks.note(
        `${printable(path)}: is not the file any more whose first ${size(progress.end)} are archived; followed from its beginning`,
      );
    } else cursors.set(source, cursor);
  }
  return cursors;
}

async function cursorBehind(path: string, progress: Parameters<typeof continueAfter>[0]): Promise<string | null> {
  for (;;) {
    const place = await openPlain(path, 1 << 16);
    try {
      const chunks = (await fileSource(path)).open();
      const goesOn = await continueAfter(progress, chunks);
      await chunks.return();
      const now = await stat(path, { bigint: true }).catch(() => null);
      // Rotated meanwhile: what was compared may be another file than the one that is open.
      if (now === null || !isSameFile(identityOf(now), place.identity)) continue;
      if (goesOn === null || goesOn.offset === 0) return null;
      const prefix = await place.seek(goesOn.offset);
      return prefix === null ? null : formatCursor(prefix.cursor(place.identity, place.written));
    } finally {
      await place.close();
    }
  }
}

/** Says what happened to a followed file. What was lost is said in any case. */
export function sayNotice({ kind, path, offset, reason }: FollowNotice, remarks: Remarks): void {
  const name = printable(path);
  switch (kind) {
    case "waiting":
      remarks.note(
        reason === undefined ? `${name}: nothing is there yet; waiting for it` : `${printable(reason)}; waiting until it can be`,
      );
      return;
    case "opened":
      remarks.note(offset === 0 ? `${name}: followed from its beginning` : `${name}: followed after its first ${size(offset)}`);
      return;
    case "resumed":
      remarks.note(`${name}: goes on after the ${size(offset)} that were read before`);
      return;
    case "rotated":
      remarks.note(`${name}: the file before was rotated and read to its end; goes on here`);
      return;
    case "truncated":
      remarks.note(`${name}: is shorter than the ${size(offset)} that were read of it: it was emptied; goes on at its beginning`);
      return;
    case "replaced":
      remarks.note(`${name}: holds something else than the ${size(offset)} that were read of it; goes on at its beginning`);
      return;
    case "lost-place":
      remarks.warn(
        `${name}: the file of which ${size(offset)} were read is gone: what was written to it after that is not archived. ` +
          `Goes on with what is there now`,
      );
  }
}

function invalid(message: string): SteleError {
  return new SteleError("input.invalid", `--follow: ${message}`);
}
