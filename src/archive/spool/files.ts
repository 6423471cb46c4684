import fs from "node:fs";
import { dirname, join } from "node:path";
import { makeFolders } from "../../store/directory/make-folders.ts";

/** The file operations of the spool: the real file system, or in tests one that fails, or forgets what was not synced. */
export interface SpoolFiles {
  /** Makes a folder and those above it, each durable in the one above. */
  makeFolder(path: string): Promise<void>;
  /** The files in a folder, without its folders, sorted by name. */
  list(path: string): Promise<readonly { readonly name: string; readonly bytes: number }[]>;
  /** A new file, to read and write. One of this name must not exist. */
  create(path: string): Promise<SpoolFile>;
  /** A file that exists, to read and write. */
  open(path: string): Promise<SpoolFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>;
}

export interface SpoolFile {
  /** Writes all of `bytes`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Fills `into` as far as the file goes; gives the number of bytes read. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Makes the content durable, with the length that is needed to read it back. */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = fs.constants;

/** The real file system. What it refuses is thrown as Node gives it. */
export const nodeFiles: SpoolFiles = {
  async makeFolder(path) {
    for (const made of await makeFolders(path, 0o700)) await syncFolder(dirname(made));
  },

  async list(path) {
    const found: { name: string; bytes: number }[] = [];
    for (const entry of await fs.promises.readdir(path, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      found.push({ name: entry.name, bytes: (await fs.promises.stat(join(path, entry.name))).size });
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  },

  create: (path) => openFile(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW),
  open: (path) => openFile(path, O_RDWR | O_NOFOLLOW),
  rename: (from, to) => fs.promises.rename(from, to),
  remove: (path) => fs.promises.unlink(path),
  syncFolder,
};

// The calls with a callback: a FileHandle adds a promise and a lookup to each, on the way of every append.
function openFile(path: string, flags: number): Promise<SpoolFile> {
  return new Promise((done, fail) => {
    fs.open(path, flags, 0o600, (error, fd) => {
      if (error === null) done(new NodeFile(fd));
      else fail(error);
    });
  });
}

class NodeFile implements SpoolFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((done, fail) => {
      const from = (offset: number): void => {
        fs.write(this.#fd, bytes, offset, bytes.length - offset, position + offset, (error, written) => {
          if (error !== null) fail(error);
          else if (offset + written < bytes.length) from(offset + written);
          else done();
        });
      };
      from(0);
    });
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((done, fail) => {
      const from = (offset: number): void => {
        fs.read(this.#fd, into, offset, into.length - offset, position + offset, (error, read) => {
          if (error !== null) fail(error);
          else if (read > 0 && offset + read < into.length) from(offset + read);
          else done(offset + read);
        });
      };
      from(0);
    });
  }

  datasync(): Promise<void> {
    return new Promise((done, fail) => {
      fs.fdatasync(this.#fd, (error) => (error === null ? done() : fail(error)));
    });
  }

  truncate(length: number): Promise<void> {
    return new Promise((done, fail) => {
      fs.ftruncate(this.#fd, length, (error) => (error === null ? done() : fail(error)));
    });
  }

  close(): Promise<void> {
    return new Promise((done, fail) => {
      fs.close(this.#fd, (error) => (error == null ? done() : fail(error)));
    });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await fs.promises.open(path, O_RDONLY | O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
