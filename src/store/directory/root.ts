import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, realpath, stat } from "node:fs/promises";
import { SteleError } from "../../core/error.ts";
import { errnoOf, fileError } from "./errno.ts";

/** The adapter's own folder within a root: `locks/` and `tmp/`. Nothing in it is an object. */
export const OWN_FOLDER = ".stele";

/** A store's folder, remembered by identity: an unmounted disk must not pass for an archive that lost its objects. */
export interface Root {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/** @throws SteleError `store.not-found` when there is no such folder; `input.invalid` when it is a file. */
export async function openRoot(path: string): Promise<Root> {
  try {
    // The root itself may be reached over links: that is its user's choice. Below it, none is followed.
    const resolved = await realpath(path);
    const stats = await stat(resolved, { bigint: true });
    if (!stats.isDirectory()) {
      throw new SteleError("input.invalid", `store: expected a folder, got a file at ${path}`);
    }
    return { path: resolved, device: stats.dev, inode: stats.ino };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") {
      throw new SteleError(
        "store.not-found",
        `there is no folder ${path}; check the path and that its disk is mounted, or create an archive there with "stele init"`,
        { cause: error },
      );
    }
    throw fileError(error, `opening the folder ${path}`);
  }
}

/** The path of a file or folder of the store; `name` is `/`-separated and was checked to stay inside. */
export function pathInside(root: Root, name: string): string {
  return name === "" ? root.path : `${root.path}/${name}`;
}

/**
 * What lies at `name`, itself never followed when it is a symbolic link; null when nothing does.
 *
 * @throws SteleError `store.unsupported` when the way there leads over a symbolic link. Whoever can plant one could pass
 *   foreign files off as the archive's, or have the archive written elsewhere.
 */
export async function statInside(root: Root, name: string): Promise<Stats | null> {
  const components = name.split("/");
  let reached = "";
  for (const [i, component] of components.entries()) {
    reached = i === 0 ? component : `${reached}/${component}`;
    const stats = await statAt(root, reached);
    if (stats === null || i === components.length - 1) return stats;
    if (stats.isSymbolicLink()) throw notFollowed(reached);
    if (!stats.isDirectory()) return null;
  }
  return null;
}

/** Like {@link statInside}, where the way to `name` was just looked at. */
export async function statAt(root: Root, name: string): Promise<Stats | null> {
  try {
    return await lstat(pathInside(root, name));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return absent(root);
    throw fileError(error, `looking for ${name}`);
  }
}

/** Like {@link statInside}, for an object: null for a folder too, which is no object. */
export async function statObject(root: Root, key: string): Promise<Stats | null> {
  const stats = await statInside(root, key);
  if (stats === null || stats.isFile()) return stats;
  if (stats.isDirectory()) return null;
  throw stats.isSymbolicLink() ? notFollowed(key) : notAFile(key);
}

/** Opens a file to read; null when there is none. The caller closes it. */
export async function openInside(root: Root, name: string): Promise<{ file: FileHandle; size: number } | null> {
  if ((await statObject(root, name)) === null) return null;
  let file: FileHandle;
  try {
    // O_NONBLOCK: a pipe put there since the check would block for ever.
    file = await open(pathInside(root, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return absent(root);
    throw fileError(error, `opening ${name}`);
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw notAFile(name);
    return { file, size: stats.size };
  } catch (error) {
    await file.close();
    throw fileError(error, `opening ${name}`);
  }
}

/** The answer "not there", given only while the root is: otherwise everything would seem to be missing. */
export async function absent(root: Root): Promise<null> {
  await checkRoot(root);
  return null;
}

/** @throws SteleError `store.unreachable` when the root is gone, or another folder is in its place (an unmounted disk). */
export async function checkRoot(root: Root): Promise<void> {
  try {
    const stats = await stat(root.path, { bigint: true });
    if (stats.dev === root.device && stats.ino === root.inode) return;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw fileError(error, `looking for the folder ${root.path}`);
  }
  throw new SteleError(
    "store.unreachable",
    `the folder ${root.path} is gone, or another one is in its place since it was opened; is its disk still mounted?`,
  );
}

/** The refusal to go over the symbolic link `name`. */
export function notFollowed(name: string): SteleError {
  return new SteleError(
    "store.unsupported",
    `${name} is a symbolic link, and links inside an archive are never followed; replace it by what it points to if that belongs there`,
  );
}

function notAFile(name: string): SteleError {
  return new SteleError(
    "store.unsupported",
    `${name} is neither a file nor a folder (a pipe, socket or device), and is not read`,
  );
}
