import type { Dirent, Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { type Timestamp, timestamp } from "../../core/time.ts";
import { compareKeys } from "../key.ts";
import type { ListOptions, ObjectVersion } from "../port.ts";
import { errnoOf, fileError } from "./errno.ts";
import { checkRoot, notFollowed, OWN_FOLDER, type Root, statInside } from "./root.ts";

const STAT_BATCH = 64;
const SLASH = Buffer.from("/");
const YEAR_0001 = Date.parse("0001-01-01T00:00:00.000Z");
const YEAR_9999 = Date.parse("9999-12-31T23:59:59.999Z");

interface Query {
  readonly root: Root;
  readonly prefix: string;
  readonly after: string | undefined;
  readonly batch: number;
  readonly signal: AbortSignal | undefined;
}

interface Item {
  /** A folder's ends in `/`: so it sorts among its neighbours as its keys do (`a-b`, `a.b`, `a/b`, `ab`). */
  readonly key: string;
  /** Bytes, since a name that is no UTF-8 could not be looked at otherwise; its key shows U+FFFD. */
  readonly path: Buffer;
}

/**
 * Every file below the root in key order, one folder in memory at a time for each level. The adapter's own folder is left
 * out. What is no plain file (symbolic link, pipe) is listed as an object, not followed: a stray must be seen.
 */
export async function* listObjects(root: Root, prefix: string, options: ListOptions): AsyncIterable<ObjectVersion> {
  options.signal?.throwIfAborted();
  await checkRoot(root);
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (folder !== "" && !(await isFolder(root, folder.slice(0, -1)))) return;
  const batch = Math.max(1, Math.min(STAT_BATCH, options.limit ?? STAT_BATCH));
  const query = { root, prefix, after: options.after, batch, signal: options.signal };
  yield* listFolder(query, { key: folder, path: Buffer.from(`${root.path}/${folder}`.slice(0, -1)) });
  // A disk unmounted meanwhile leaves empty folders to read: the listing would have seemed to end.
  await checkRoot(root);
}

async function* listFolder(query: Query, folder: Item): AsyncGenerator<ObjectVersion> {
  const items = await readFolder(query, folder);
  for (let i = 0; i < items.length;) {
    query.signal?.throwIfAborted();
    const item = items[i];
    if (item === undefined) return;
    if (item.key.endsWith("/")) {
      yield* listFolder(query, { key: item.key, path: item.path });
      i++;
      continue;
    }
    let end = i + 1;
    while (end < items.length && end - i < query.batch && items[end]?.key.endsWith("/") === false) end++;
    const stats = await Promise.all(items.slice(i, end).map(describe));
    for (const version of stats) if (version !== null) yield version;
    i = end;
  }
}

async function readFolder(query: Query, folder: Item): Promise<Item[]> {
  let entries: Dirent<Buffer>[];
  try {
    entries = await readdir(folder.path, { withFileTypes: true, encoding: "buffer" });
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw fileError(error, `listing the folder ${JSON.stringify(folder.key)}`);
    await checkRoot(query.root);
    return [];
  }
  const items: Item[] = [];
  for (const entry of entries) {
    const name = entry.name.toString("utf8");
    if (folder.key === "" && name === OWN_FOLDER) continue;
    const key = `${folder.key}${name}${entry.isDirectory() ? "/" : ""}`;
    if (isWanted(query, key)) items.push({ key, path: Buffer.concat([folder.path, SLASH, entry.name]) });
  }
  return items.sort((a, b) => compareKeys(a.key, b.key));
}

/** Whether `key`, or a key below it where it ends in `/`, belongs in the listing. */
function isWanted({ prefix, after }: Query, key: string): boolean {
  const below = key.endsWith("/");
  if (!key.startsWith(prefix) && !(below && prefix.startsWith(key))) return false;
  if (after === undefined || compareKeys(key, after) > 0) return true;
  return below && after.startsWith(key);
}

async function describe(item: Item): Promise<ObjectVersion | null> {
  let stats: Stats;
  try {
    stats = await lstat(item.path);
  } catch (error) {
    // Removed since the folder was read; then the listing that leaves it out is the true one.
    if (errnoOf(error) === "ENOENT") return null;
    throw fileError(error, `looking at ${item.key}`);
  }
  return {
    key: item.key,
    versionId: null,
    kind: "object",
    isLatest: true,
    size: stats.size,
    lastModified: modified(stats),
  };
}

/** A file's time is whatever its owner set; one beyond the years that a timestamp spells is moved to their edge. */
function modified(stats: Stats): Timestamp {
  return timestamp(Math.min(Math.max(Math.floor(stats.mtimeMs), YEAR_0001), YEAR_9999));
}

/** Whether keys can begin with `folder/`. One reached over a link may hold anything: refused, not taken for empty. */
async function isFolder(root: Root, folder: string): Promise<boolean> {
  const components = folder.split("/");
  if (components[0] === OWN_FOLDER || folder.includes("\0")) return false;
  if (components.some((component) => component === "" || component === "." || component === "..")) return false;
  const stats = await statInside(root, folder);
  if (stats?.isSymbolicLink()) throw notFollowed(folder);
  return stats?.isDirectory() ?? false;
}
