import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SpoolFile, SpoolFiles } from "../../../src/archive/spool/files.ts";

const SECTOR = 512;

interface Inode {
  content: Buffer;
  /** What a power cut leaves. */
  synced: Buffer;
}

/**
 * Files in memory that keep only what was synced: content after `datasync`, names after `syncFolder`. A call number may be
 * named at which the power goes; after {@link crash} the files are as the disk would have them.
 */
export class ForgetfulFiles implements SpoolFiles {
  calls = 0;
  powerCut: { readonly call: number; readonly when: "before" | "after" } | null = null;
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  #off = false;

  get isOff(): boolean {
    return this.#off;
  }

  /** The power comes back. `draw` chooses what got to the disk without having been synced; without it, nothing did. */
  crash(draw: ((bound: number) => number) | null): void {
    const names = new Map(this.#syncedNames);
    for (const folder of new Set([...this.#names.keys(), ...names.keys()].map((path) => dirname(path)))) {
      if (draw !== null && draw(2) === 0) this.#copyNames(folder, names);
    }
    for (const inode of new Set([...names.values(), ...this.#names.values()])) {
      inode.content = draw === null ? Buffer.from(inode.synced) : partly(inode, draw);
      inode.synced = Buffer.from(inode.content);
    }
    this.#names = names;
    this.#syncedNames = new Map(names);
    this.#off = false;
    this.powerCut = null;
  }

  /** Lets the power go before or after `work`, when its turn has come. */
  async call<T>(work: () => T): Promise<T> {
    const call = this.calls++;
    // Others get their turn, as at a real disk.
    await Promise.resolve();
    const cut = this.powerCut?.call === call ? this.powerCut.when : null;
    if (cut === "before") this.#off = true;
    if (this.#off) throw Object.assign(new Error("EIO: the power is off"), { code: "EIO", syscall: "power" });
    const result = work();
    if (cut === "after") {
      this.#off = true;
      throw Object.assign(new Error("EIO: the power is off"), { code: "EIO", syscall: "power" });
    }
    return result;
  }

  async makeFolder(path: string): Promise<void> {
    await this.call(() => undefined);
    // The state's database is a real file.
    await mkdir(path, { recursive: true });
  }

  list(path: string): Promise<readonly { readonly name: string; readonly bytes: number }[]> {
    return this.call(() => {
      const found: { name: string; bytes: number }[] = [];
      for (const [name, { content }] of this.#names) {
        if (dirname(name) === path) found.push({ name: name.slice(path.length + 1), bytes: content.length });
      }
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  create(path: string): Promise<SpoolFile> {
    return this.call(() => {
      if (this.#names.has(path)) throw missing("EEXIST", path);
      const inode = { content: Buffer.alloc(0), synced: Buffer.alloc(0) };
      this.#names.set(path, inode);
      return new ForgetfulFile(this, inode);
    });
  }

  open(path: string): Promise<SpoolFile> {
    return this.call(() => new ForgetfulFile(this, this.#find(path)));
  }

  rename(from: string, to: string): Promise<void> {
    return this.call(() => {
      this.#names.set(to, this.#find(from));
      this.#names.delete(from);
    });
  }

  remove(path: string): Promise<void> {
    return this.call(() => {
      this.#find(path);
      this.#names.delete(path);
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.call(() => this.#copyNames(path, this.#syncedNames));
  }

  /** Damages what is on the disk. */
  damage(path: string, change: (content: Buffer) => Buffer): void {
    const inode = this.#find(path);
    inode.content = change(inode.content);
    inode.synced = Buffer.from(inode.content);
  }

  paths(): readonly string[] {
    return [...this.#names.keys()].map((path) => join(path)).sort();
  }

  #find(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw missing("ENOENT", path);
    return inode;
  }

  #copyNames(folder: string, into: Map<string, Inode>): void {
    for (const path of into.keys()) if (dirname(path) === folder) into.delete(path);
    for (const [path, inode] of this.#names) if (dirname(path) === folder) into.set(path, inode);
  }
}

class ForgetfulFile implements SpoolFile {
  readonly #files: ForgetfulFiles;
  readonly #inode: Inode;

  constructor(files: ForgetfulFiles, inode: Inode) {
    this.#files = files;
    this.#inode = inode;
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.#files.call(() => {
      const grown = Buffer.alloc(Math.max(this.#inode.content.length, position + bytes.length));
      this.#inode.content.copy(grown);
      grown.set(bytes, position);
      this.#inode.content = grown;
    });
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#files.call(() => this.#inode.content.copy(into, 0, position));
  }

  datasync(): Promise<void> {
    return this.#files.call(() => {
      this.#inode.synced = Buffer.from(this.#inode.content);
    });
  }

  truncate(length: number): Promise<void> {
    return this.#files.call(() => {
      this.#inode.content = Buffer.from(this.#inode.content.subarray(0, length));
    });
  }

  close(): Promise<void> {
    return this.#files.call(() => undefined);
  }
}

/** Each sector as it was synced or as it was written last; the length likewise. What never got there is zeros. */
function partly({ content, synced }: Inode, draw: (bound: number) => number): Buffer {
  const left = Buffer.alloc(draw(2) === 0 ? synced.length : content.length);
  for (let at = 0; at < left.length; at += SECTOR) {
    const from = draw(2) === 0 ? synced : content;
    left.set(from.subarray(at, Math.min(at + SECTOR, left.length)), at);
  }
  return left;
}

function missing(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, syscall: "open" });
}
