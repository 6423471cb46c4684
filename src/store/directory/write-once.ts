import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, mkdir, open, readdir, unlink } from "node:fs/promises";
import { SteleError } from "../../core/error.ts";
import { errnoOf, fileError } from "./errno.ts";
import { checkRoot, notFollowed, OWN_FOLDER, pathInside, type Root, statAt, statInside } from "./root.ts";

const TEMPORARY = `${OWN_FOLDER}/tmp`;
const ABANDONED_AFTER_MS = 86_400_000;

/** File systems that know no hard links say so in one of these ways (FAT says EPERM). */
const NO_HARD_LINKS = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EXDEV", "EMLINK"]);

/** Bytes that are durable under a temporary name, and not yet under their own. */
export interface Staged {
  readonly path: string;
}

/**
 * Writes files that are there whole and durably, or not at all, and never replaces one.
 *
 * Bytes go to a temporary file and to the disk (fsync) before link(2) gives them their name, which fails when the name
 * is taken. A crash leaves: before the link, a temporary file, removed a day later by the next writer; after the link and
 * before the folder's fsync, the whole file or nothing under the name.
 */
export class WriteOnce {
  readonly #root: Root;
  readonly #now: () => number;
  /** Folders whose own names were synced by this process: one made by another that crashed may still vanish. */
  readonly #durable = new Set<string>([""]);
  #swept = false;

  constructor(root: Root, now: () => number) {
    this.#root = root;
    this.#now = now;
  }

  /** @throws SteleError `store.altered` when the file system gives other bytes back than it took. */
  async stage(body: Uint8Array): Promise<Staged> {
    await this.makeFolder(TEMPORARY);
    await this.#removeAbandoned();
    const path = pathInside(this.#root, `${TEMPORARY}/${this.#now()}-${randomUUID()}`);
    try {
      const file = await open(path, "wx+", 0o600);
      try {
        await file.writeFile(body);
        await file.chmod(0o444);
        await file.sync();
        await checkWritten(file, body);
      } finally {
        await file.close();
      }
      return { path };
    } catch (error) {
      await this.discard({ path });
      throw fileError(error, `writing to ${this.#root.path}`);
    }
  }

  /**
   * Gives staged bytes their name, durably; false when the name is taken, and then what has it is durable too.
   * @throws SteleError `store.unsupported` when a folder or a link has the name, or the file system has no hard links.
   */
  async publish(staged: Staged, name: string): Promise<boolean> {
    const folder = parentOf(name);
    await this.makeFolder(folder);
    let created = true;
    try {
      await link(staged.path, pathInside(this.#root, name));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "ENOENT") this.#forget();
      if (errno !== null && NO_HARD_LINKS.has(errno)) throw noHardLinks(this.#root.path, errno, error);
      if (errno !== "EEXIST") throw fileError(error, `creating ${name}`);
      created = false;
    }
    if (!created && !(await this.isTaken(name))) {
      throw new SteleError(
        "store.unreachable",
        `${name} was there and is gone again: something else changes this folder; try again`,
      );
    }
    await syncFolder(this.#root, folder);
    return created;
  }

  /** Removes a temporary file. Failing to is no failure of the write: the next writer removes it. */
  async discard(staged: Staged): Promise<void> {
    await unlink(staged.path).catch(() => undefined);
  }

  /**
   * Whether a file has this name, durably: a retry after a crash may find a name that was linked and never synced, and
   * must not be told that it is there for good before it is.
   * @throws SteleError `store.unsupported` when a folder or a link has it: a folder can't hold both `a` and `a/b`.
   */
  async isTaken(name: string): Promise<boolean> {
    const stats = await statInside(this.#root, name);
    if (stats === null) return false;
    if (stats.isSymbolicLink()) throw notFollowed(name);
    if (!stats.isFile()) {
      throw new SteleError("store.unsupported", `${name}: a folder store cannot hold an object where a folder of this name is`);
    }
    await this.makeFolder(parentOf(name));
    await syncFolder(this.#root, parentOf(name));
    return true;
  }

  /** Makes a folder and those above it, each durable in the one above. */
  async makeFolder(folder: string): Promise<void> {
    let reached = "";
    for (const component of folder === "" ? [] : folder.split("/")) {
      const parent = reached;
      reached = parent === "" ? component : `${parent}/${component}`;
      await this.#makeOne(reached);
      if (this.#durable.has(reached)) continue;
      await syncFolder(this.#root, parent);
      this.#durable.add(reached);
    }
  }

  /** Those above it were just made or looked at. */
  async #makeOne(folder: string): Promise<void> {
    const found = await statAt(this.#root, folder);
    if (found === null) {
      this.#durable.delete(folder);
      try {
        await mkdir(pathInside(this.#root, folder));
      } catch (error) {
        if (errnoOf(error) !== "EEXIST") throw fileError(error, `creating the folder ${folder}`);
      }
      return;
    }
    if (found.isSymbolicLink()) throw notFollowed(folder);
    if (!found.isDirectory()) {
      throw new SteleError("store.unsupported", `${folder}: a folder store cannot hold objects below an object`);
    }
  }

  #forget(): void {
    this.#durable.clear();
    this.#durable.add("");
  }

  /** Removes what crashed writers left. A day old, by the time in its name, it belongs to nobody any more. */
  async #removeAbandoned(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    const folder = pathInside(this.#root, TEMPORARY);
    const names = await readdir(folder).catch((error: unknown) => {
      throw fileError(error, `listing ${folder}`);
    });
    for (const name of names) {
      const written = /^(\d+)-[0-9a-f-]{36}$/.exec(name)?.[1];
      if (written !== undefined && this.#now() - Number(written) > ABANDONED_AFTER_MS) {
        await this.discard({ path: `${folder}/${name}` });
      }
    }
  }
}

/**
 * Makes the names in a folder durable.
 * @throws SteleError `store.unsupported` where the file system can't: an object that a power cut can take back is not archived.
 */
export async function syncFolder(root: Root, folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(pathInside(root, folder), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") await checkRoot(root);
    throw fileError(error, `opening the folder ${folder} to sync it`);
  }
  try {
    await handle.sync();
  } catch (error) {
    if (errnoOf(error) === "EINVAL") {
      throw new SteleError(
        "store.unsupported",
        `the file system of ${root.path} cannot make names durable (fsync of a folder fails); use a local file system`,
        { cause: error },
      );
    }
    throw fileError(error, `syncing the folder ${folder}`);
  } finally {
    await handle.close();
  }
}

function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("/")));
}

async function checkWritten(file: FileHandle, body: Uint8Array): Promise<void> {
  const block = new Uint8Array(Math.min(body.length + 1, 1 << 20));
  let offset = 0;
  for (;;) {
    const { bytesRead } = await file.read(block, 0, block.length, offset);
    if (bytesRead === 0) break;
    if (Buffer.compare(block.subarray(0, bytesRead), body.subarray(offset, offset + bytesRead)) !== 0) break;
    offset += bytesRead;
  }
  if (offset !== body.length) {
    throw new SteleError(
      "store.altered",
      `the file system gave back other bytes than were written, from byte ${offset} of ${body.length}`,
    );
  }
}

function noHardLinks(path: string, errno: string, cause: unknown): SteleError {
  return new SteleError(
    "store.unsupported",
    `a hard link in ${path} was refused (${errno}), and without one an object can't be created only if absent; use a file system that has hard links (ext4, XFS, Btrfs, ZFS, APFS), and a folder that is not write-protected`,
    { cause },
  );
}
