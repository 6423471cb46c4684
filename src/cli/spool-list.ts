import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_LIMITS } from "../archive/input/segmenter.ts";
import { finishReindex, isSetAside } from "../archive/log/reindex.ts";
import { Spool } from "../archive/spool/spool.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import type { Timestamp } from "../core/time.ts";

/**
 * - `empty`: all is archived
 * - `waiting`: something is not archived yet, and no process is at it
 * - `in use`: another process has it open; how many entries wait is not known from here
 * - `damaged`: it can't be opened, in a way that no crash explains
 * - `unreadable`: it could not be looked at
 * - `set aside`: what reindexing moved elsewhere, kept
 */
export type SpoolState = "empty" | "waiting" | "in use" | "damaged" | "unreadable" | "set aside";

/** What a spool on this machine holds. null: not known. */
export interface SpoolStatus {
  /** The log's origin. */
  readonly origin: string;
  readonly folder: string;
  readonly state: SpoolState;
  readonly entries: number | null;
  /** Bytes on disk of the spool files. */
  readonly bytes: number;
  readonly files: number;
  /** When the oldest entry that waits arrived. */
  readonly oldest: Timestamp | null;
  /** Index of the newest manifest that archived something from here. */
  readonly manifest: number | null;
  /** Damaged files that were set aside. */
  readonly quarantined: number;
  /** Why it is damaged or unreadable. */
  readonly message: string | null;
}

const STATE_FILE = "state.db";
const SPOOL_FILE = /^\d{16}\.spool$/;

/**
 * Looks at the spools below the folder of all spools. For that each is opened for a moment, as by a writer: what a crash left
 * of an unfinished write is taken away.
 * @param wanted by the log's origin
 * @throws SteleError `input.unreadable` when the folder can't be read
 */
export async function listSpools(root: string, wanted: (origin: string) => boolean): Promise<SpoolStatus[]> {
  const found: SpoolStatus[] = [];
  for (const name of await foldersIn(root)) {
    const origin = originOf(name);
    if (!wanted(origin)) continue;
    const status = await look(join(root, name), origin);
    if (status !== null) found.push(status);
  }
  return found;
}

/** No `+` stands in an origin: the folder's name says whose it is, also where its files can't. */
function originOf(name: string): string {
  return name.replace(/\.(?:FENCED-\d{8}T\d{9}Z|REINDEXING|REINDEXED)$/, "").replaceAll("+", "/");
}

async function foldersIn(root: string): Promise<string[]> {
  try {
    const inside = await readdir(root, { withFileTypes: true });
    const names = inside.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    // Puts back what an interrupted reindexing took away.
    for (const name of names.filter(isSetAside)) {
      const folder = join(root, originOf(name).replaceAll("/", "+"));
      if (await finishReindex(folder)) return await foldersIn(root);
    }
    return names.sort();
  } catch (cause) {
    if (isMissing(cause)) return [];
    if (isSteleError(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("input.unreadable", `the folder of spools ${root} can't be read: ${reason}`, { cause });
  }
}

/** null for a folder that is no spool. */
async function look(folder: string, origin: string): Promise<SpoolStatus | null> {
  const unknown = { origin, folder, entries: null, oldest: null, manifest: null, message: null };
  let listed: { readonly files: number; readonly bytes: number; readonly quarantined: number };
  try {
    const names = await readdir(folder);
    const files = names.filter((name) => SPOOL_FILE.test(name));
    if (files.length === 0 && !names.includes(STATE_FILE)) return null;
    listed = { files: files.length, bytes: await bytesOf(folder, files), quarantined: await quarantinedIn(folder) };
  } catch (cause) {
    if (isMissing(cause)) return null;
    const message = cause instanceof Error ? cause.message : String(cause);
    return { ...unknown, files: 0, bytes: 0, quarantined: 0, state: "unreadable", message };
  }
  if (isSetAside(folder)) return { ...unknown, ...listed, state: "set aside" };
  try {
    await using spool = await Spool.open(folder, { origin, limits: DEFAULT_LIMITS, now: Date.now });
    return {
      ...unknown,
      ...listed,
      files: spool.pending.length,
      bytes: spool.bytes,
      entries: spool.entries,
      oldest: spool.pending[0]?.since ?? null,
      manifest: spool.remembered?.manifest ?? null,
      state: spool.entries === 0 ? "empty" : "waiting",
    };
  } catch (error) {
    if (!isSteleError(error)) throw error;
    if (error.code === "spool.locked") return { ...unknown, ...listed, state: "in use" };
    const state = error.code === "spool.failed" ? "unreadable" : "damaged";
    return { ...unknown, ...listed, state, message: error.message };
  }
}

async function bytesOf(folder: string, names: readonly string[]): Promise<number> {
  let bytes = 0;
  // One that was archived since it was listed is gone.
  for (const name of names) bytes += (await stat(join(folder, name)).catch(() => null))?.size ?? 0;
  return bytes;
}

async function quarantinedIn(folder: string): Promise<number> {
  return (await readdir(join(folder, "quarantine")).catch(() => [])).length;
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}
