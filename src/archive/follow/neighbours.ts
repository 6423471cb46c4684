import type { BigIntStats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { FileIdentity } from "./cursor.ts";
import { COMPRESSED, identityOf, isCompressed, isMissing, unreadable } from "./place.ts";

/** A file in the folder of the one that is followed. */
export interface Neighbour {
  readonly path: string;
  readonly identity: FileIdentity;
  readonly size: bigint;
  /** Last write, in nanoseconds since 1970. Renaming and compressing keep it. */
  readonly written: bigint;
  readonly compressed: boolean;
  /** `current`: the followed path itself; `rotated`: named like an earlier state of it; `other`: neither. */
  readonly role: "current" | "rotated" | "other";
  /** What rotation put into its name, such as `.1` or `-20260101`. */
  readonly mark: string;
}

/**
 * A number or a date, as logrotate, newsyslog, savelog, Log4j, Logback, lumberjack and Python's handlers set them, or `.old`.
 * Anything looser would take the log of another program (`app.error.log`, `app-error.log`) for an earlier `app.log`.
 */
const MARK = /^[.\-_](?:\d[\dTZ:+.\-_]*|old)$/;
const ORDINAL = /^[.\-_]\d{1,5}$/;

/**
 * The followed file, by the name under which it really lies: where the path is a link, rotated files are where it leads.
 * @throws SteleError `input.unreadable`, but not for a file that is not there
 */
async function resolvePath(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (!isMissing(cause)) throw unreadable(path, cause);
  }
  try {
    return join(await realpath(dirname(path)), basename(path));
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw unreadable(path, cause);
  }
}

/**
 * What lies at the followed path; null when nothing does.
 * @throws SteleError `input.unreadable` when it can't be looked at
 */
export async function statCurrent(path: string): Promise<BigIntStats | null> {
  try {
    return await stat(path, { bigint: true });
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw unreadable(path, cause);
  }
}

/**
 * The regular files around the followed one, oldest first; it itself comes last.
 * @param everything also those whose name says nothing
 * @throws SteleError `input.unreadable`, also when something else than a regular file lies at `path`
 */
export async function listNeighbours(path: string, everything: boolean): Promise<Neighbour[]> {
  // Files are renamed while a folder is read, and one may be missed so: only two looks that agree count.
  let files = await look(path, everything);
  for (;;) {
    const again = await look(path, everything);
    if (areSame(files, again)) return again;
    files = again;
  }
}

/** Whether two lists name the same followed and rotated files; the others come and go as they like. */
export function areSame(a: readonly Neighbour[], b: readonly Neighbour[]): boolean {
  const names = (files: readonly Neighbour[]): string =>
    JSON.stringify(files.filter(({ role }) => role !== "other").map((file) => [file.path, file.identity.dev, file.identity.ino]));
  return names(a) === names(b);
}

async function look(path: string, everything: boolean): Promise<Neighbour[]> {
  const current = await statCurrent(path);
  if (current?.isFile() === false) throw unreadable(path, new Error("it is no regular file"));
  const resolved = await resolvePath(path);
  const found: Neighbour[] = [];
  const seen = new Set(current === null ? [] : [identityKey(identityOf(current))]);
  for (const name of resolved === null ? [] : await namesIn(dirname(resolved))) {
    if (resolved === null || name === basename(resolved)) continue;
    const mark = rotationMark(basename(resolved), name);
    if (mark === null && !everything) continue;
    const at = join(dirname(resolved), name);
    const info = await lstat(at, { bigint: true }).catch((cause: unknown) => {
      if (isMissing(cause)) return null;
      throw unreadable(at, cause);
    });
    if (info?.isFile() !== true || seen.has(identityKey(identityOf(info)))) continue;
    if (mark !== null) seen.add(identityKey(identityOf(info)));
    found.push({
      ...describe(at, info),
      compressed: isCompressed(name),
      role: mark === null ? "other" : "rotated",
      mark: mark ?? "",
    });
  }
  const plain = new Set(found.map(({ path: at }) => at));
  // While a file is compressed, both are there, and the compressed one is not whole yet.
  const whole = found.filter(({ path: at, compressed }) => !compressed || !plain.has(at.replace(COMPRESSED, "")));
  whole.sort(byAge);
  if (current !== null) whole.push({ ...describe(path, current), compressed: false, role: "current", mark: "" });
  return whole;
}

function identityKey({ dev, ino }: FileIdentity): string {
  return `${dev} ${ino}`;
}

function describe(path: string, info: BigIntStats): Pick<Neighbour, "path" | "identity" | "size" | "written"> {
  return { path, identity: identityOf(info), size: info.size, written: info.mtimeNs };
}

/** By the last write; files of one tick of the clock by their names, where a higher number is older and a higher date newer. */
function byAge(a: Neighbour, b: Neighbour): number {
  if (a.written !== b.written) return a.written < b.written ? -1 : 1;
  if (ORDINAL.test(a.mark) && ORDINAL.test(b.mark)) return Number(b.mark.slice(1)) - Number(a.mark.slice(1));
  return a.mark.localeCompare(b.mark, "en", { numeric: true });
}

/** `.1` of `app.log.1` or `app.log.1.gz`, `-2026-01-01` of `app-2026-01-01.log`; null for a name that is not of rotation. */
export function rotationMark(current: string, name: string): string | null {
  const plain = name.replace(COMPRESSED, "");
  const ending = extname(current);
  const stem = current.slice(0, current.length - ending.length);
  const marks: string[] = [];
  if (plain.startsWith(current)) marks.push(plain.slice(current.length));
  if (ending !== "" && plain.startsWith(stem) && plain.endsWith(ending)) marks.push(plain.slice(stem.length, -ending.length));
  return marks.find((mark) => MARK.test(mark)) ?? null;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw unreadable(folder, cause);
  }
}
