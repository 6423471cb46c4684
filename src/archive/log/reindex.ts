import { rm, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { SteleError } from "../../core/error.ts";
import { timestamp, toMillis } from "../../core/time.ts";
import { DEFAULT_LIMITS } from "../input/segmenter.ts";
import { MAX_RAW_BYTES } from "../segment/open.ts";
import { HeldState } from "../spool/copy-state.ts";
import { nodeFiles, type SpoolFiles } from "../spool/files.ts";
import { parseName } from "../spool/heading.ts";
import type { FoundDelivery } from "../spool/payload.ts";
import { scanFile } from "../spool/scan.ts";
import type { ClosedFile, Spooled } from "../spool/delivery.ts";
import { Spool, type SpoolOptions } from "../spool/spool.ts";
import { SpoolState } from "../spool/state.ts";

export interface ReindexOptions {
  /** The log's. */
  readonly origin: string;
  /** Index that the log's next entry gets. */
  readonly next: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly files?: SpoolFiles;
  readonly window?: SpoolOptions["window"];
}

/** What was moved. */
export interface Reindexed {
  readonly entries: number;
  /** Index of the first entry before and after. */
  readonly from: number;
  readonly to: number;
  /** Where the old spool is now. */
  readonly keptAs: string;
}

// Upper case stands in no log's name, and so in no other spool's.
/** Being made: of no meaning after a crash. */
const BUILDING = ".REINDEXING";
/** Made whole, on its way to the place of the old one. */
const BUILT = ".REINDEXED";
const SET_ASIDE = /\.FENCED-\d{8}T\d{9}Z$|\.REINDEXING$|\.REINDEXED$/;

/** Whether a folder of this name is no spool in use, but one that reindexing made or set aside. */
export function isSetAside(folder: string): boolean {
  return SET_ASIDE.test(folder);
}

/**
 * Moves what waits in a spool behind entries that another writer archived in its place: makes a new spool with the same
 * deliveries, sources, ids, cursors and times of arrival, which begins at entry `next`, and puts it where the old one was. The
 * old one is kept under another name. Receipts that were given for these entries name indexes that are another writer's.
 *
 * A crash leaves the old spool as it was, or two whole ones of which {@link finishReindex} puts the new one in its place.
 *
 * @returns null when nothing waits there, or it begins at `next` already
 * @throws SteleError `spool.locked`, `spool.damaged`, `spool.failed`
 */
export async function reindexSpool(folder: string, options: ReindexOptions): Promise<Reindexed | null> {
  const { next, now, files = nodeFiles } = options;
  await finishReindex(folder, files);
  const building = folder + BUILDING;
  const built = folder + BUILT;
  const pending = await waiting(folder, options);
  const from = pending[0]?.first;
  if (from === undefined || from === next) return null;
  // Until the new one is in its place: what came into the old one meanwhile would be set aside with it.
  using held = HeldState.open(folder);
  await requireUnchanged(folder, pending, files);
  // Copies of what the old spool still holds: it goes only when one of them is whole.
  await rm(building, { recursive: true, force: true });
  await rm(built, { recursive: true, force: true });
  await copyState(held, building, from, options);
  const entries = await copyDeliveries(pending, building, options);
  const keptAs = `${folder}.FENCED-${timestamp(now()).replace(/[-:.]/g, "")}`;
  const parent = dirname(folder);
  const move = async (folderNow: string, to: string): Promise<void> => {
    await files.rename(folderNow, to);
    await files.syncFolder(parent);
  };
  try {
    await move(building, built);
    // A crash before this leaves the old spool in its place, one after it a place for the new one.
    await move(folder, keptAs);
    await putInPlace(folder, files);
  } catch (cause) {
    // A process that looked for the old spool just before it was taken away.
    const isTaken = (await isFolder(keptAs)) && (await isFolder(folder)) && (await isFolder(built));
    throw isTaken ? placeTaken(folder, keptAs, cause) : moveFailed(folder, cause);
  }
  return { entries, from, to: next, keptAs };
}

/**
 * Ends a reindexing that a crash interrupted between taking the old spool away and putting the new one in its place. To be
 * called before a spool is opened: else a new, empty one would take that place.
 * @returns whether there was something to end
 * @throws SteleError `spool.failed`
 */
export async function finishReindex(folder: string, files: SpoolFiles = nodeFiles): Promise<boolean> {
  if ((await isFolder(folder)) || !(await isFolder(folder + BUILT))) return false;
  try {
    return await putInPlace(folder, files);
  } catch (cause) {
    throw moveFailed(folder, cause);
  }
}

/** @returns false when another process, which found the new spool on its way, was quicker */
async function putInPlace(folder: string, files: SpoolFiles): Promise<boolean> {
  let isMine = true;
  try {
    await files.rename(folder + BUILT, folder);
  } catch (cause) {
    if (!(await isFolder(folder)) || (await isFolder(folder + BUILT))) throw cause;
    isMine = false;
  }
  await files.syncFolder(dirname(folder));
  return isMine;
}

/** What waits in the old spool, once opening it has put it in order. */
async function waiting(folder: string, { origin, now, files = nodeFiles }: ReindexOptions): Promise<readonly ClosedFile[]> {
  await using old = await Spool.open(folder, { origin, limits: DEFAULT_LIMITS, now, files });
  return old.pending;
}

/**
 * Nobody held the spool for a moment after it was put in order.
 * @throws SteleError `spool.locked` when another process wrote to it
 */
async function requireUnchanged(folder: string, pending: readonly ClosedFile[], files: SpoolFiles): Promise<void> {
  const told = pending.map(({ path, fileBytes }) => `${basename(path)} ${fileBytes}`);
  const found = (await files.list(folder)).filter(({ name }) => parseName(name, "spool") !== null);
  const isSame = found.length === told.length && found.every(({ name, bytes }) => told.includes(`${name} ${bytes}`));
  if (isSame) return;
  throw new SteleError("spool.locked", `the spool ${folder} was just used by another process; end it, and run the command again`);
}

/**
 * Takes over which ids, cursors and commits the old spool knows, but not the ids of what is to be moved: by those it would
 * pass for delivered.
 */
async function copyState(held: HeldState, building: string, first: number, options: ReindexOptions): Promise<void> {
  const { files = nodeFiles, now, window = { ids: Number.MAX_SAFE_INTEGER, millis: Number.MAX_SAFE_INTEGER } } = options;
  await files.makeFolder(building);
  await held.copyInto(building);
  const state = SpoolState.open(building, window);
  try {
    state.forgetLost(first, Number.MAX_SAFE_INTEGER);
    await state.storeIds([], first, now());
  } finally {
    state.close();
  }
}

async function copyDeliveries(pending: readonly ClosedFile[], building: string, options: ReindexOptions): Promise<number> {
  const { origin, next, now, files = nodeFiles, window } = options;
  // Files keep their sizes, whatever was asked for when they were filled.
  const limits = { ...DEFAULT_LIMITS, bytes: MAX_RAW_BYTES, entries: Number.MAX_SAFE_INTEGER };
  let arrival = now();
  const spool = await Spool.open(building, {
    origin,
    limits,
    now: () => arrival,
    files,
    ...(window === undefined ? {} : { window }),
  });
  try {
    spool.start(next);
    let expected = next;
    for (const file of pending) {
      const written: Promise<Spooled>[] = [];
      for await (const { delivery, bytes } of deliveries(file, origin, files)) {
        arrival = toMillis(delivery.time);
        const { source, id, cursor, count } = delivery;
        written.push(spool.append({ source, id, cursor, count, bytes }));
      }
      for (const { first, count, duplicate } of await Promise.all(written)) {
        if (duplicate || first !== expected) throw new RangeError(`reindex: expected entry ${expected}, got ${first}`);
        expected += count;
      }
      await spool.cut();
    }
    return spool.entries;
  } finally {
    await spool.close();
  }
}

/** A file's deliveries, their bytes to be kept. */
async function* deliveries(
  { path, first, count, fileBytes }: ClosedFile,
  origin: string,
  files: SpoolFiles,
): AsyncGenerator<{ readonly delivery: FoundDelivery; readonly bytes: Uint8Array }, void, undefined> {
  const file = await files.open(path);
  try {
    for await (const found of scanFile({ file, bytes: fileBytes, origin, first, next: first + count })) {
      if (found.kind !== "frame") {
        throw new SteleError("spool.damaged", `${path} is damaged at byte ${found.offset}, since it was opened`);
      }
      const payload = new Uint8Array(found.payload);
      for (const delivery of found.deliveries) {
        yield { delivery, bytes: payload.subarray(delivery.at, delivery.at + delivery.bytes) };
      }
    }
  } finally {
    await file.close();
  }
}

async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info?.isDirectory() === true;
}

function moveFailed(folder: string, cause: unknown): SteleError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SteleError(
    "spool.failed",
    `spool ${folder}: the new one could not be put in its place: ${reason}. Nothing is lost; run the command again`,
    { cause },
  );
}

function placeTaken(folder: string, keptAs: string, cause: unknown): SteleError {
  return new SteleError(
    "spool.failed",
    `spool ${folder}: another process made a new one in its place meanwhile. What waited is in ${keptAs}, and moved in ${folder}${BUILT}: ` +
      `end the other and archive what it left, then move ${folder} away, and run the command again`,
    { cause },
  );
}
