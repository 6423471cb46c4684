import { nodeFiles, type SpoolFile, type SpoolFiles } from "../../../src/archive/spool/files.ts";

/** What the disk does at a call. */
export interface Fault {
  readonly errno: "EIO" | "ENOSPC" | "EROFS";
  /** Whether the call did its work all the same. */
  readonly when: "before" | "after";
}

/** The real file system, watched: it counts calls, and what `plan` gives a fault for fails. */
export class FaultyFiles implements SpoolFiles {
  readonly calls: string[] = [];
  /** Descriptors that are open. */
  descriptors = 0;
  plan: (call: number, operation: string) => Fault | null = () => null;

  makeFolder(path: string): Promise<void> {
    return this.watch("makeFolder", () => nodeFiles.makeFolder(path));
  }

  list(path: string): Promise<readonly { readonly name: string; readonly bytes: number }[]> {
    return this.watch("list", () => nodeFiles.list(path));
  }

  create(path: string): Promise<SpoolFile> {
    return this.#opened("create", () => nodeFiles.create(path));
  }

  open(path: string): Promise<SpoolFile> {
    return this.#opened("open", () => nodeFiles.open(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.watch("rename", () => nodeFiles.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.watch("remove", () => nodeFiles.remove(path));
  }

  syncFolder(path: string): Promise<void> {
    return this.watch("syncFolder", () => nodeFiles.syncFolder(path));
  }

  async #opened(operation: string, open: () => Promise<SpoolFile>): Promise<SpoolFile> {
    let file: SpoolFile | null = null;
    try {
      file = await this.watch(operation, open, (opened) => {
        file = opened;
      });
    } catch (error) {
      // What failed gave nobody a descriptor.
      await file?.close();
      throw error;
    }
    this.descriptors++;
    return new FaultyFile(this, file);
  }

  async watch<T>(operation: string, work: () => Promise<T>, done?: (result: T) => void): Promise<T> {
    const fault = this.plan(this.calls.length, operation);
    this.calls.push(operation);
    if (fault?.when === "before") throw errorOf(fault, operation);
    const result = await work();
    done?.(result);
    if (fault !== null) throw errorOf(fault, operation);
    return result;
  }
}

class FaultyFile implements SpoolFile {
  readonly #files: FaultyFiles;
  readonly #file: SpoolFile;

  constructor(files: FaultyFiles, file: SpoolFile) {
    this.#files = files;
    this.#file = file;
  }

  /** What fails before may have got half-way. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    const fault = this.#files.plan(this.#files.calls.length, "write");
    if (fault?.when === "before") await this.#file.write(bytes.subarray(0, bytes.length >> 1), position);
    await this.#files.watch("write", () => this.#file.write(bytes, position));
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#files.watch("read", () => this.#file.read(into, position));
  }

  datasync(): Promise<void> {
    return this.#files.watch("datasync", () => this.#file.datasync());
  }

  truncate(length: number): Promise<void> {
    return this.#files.watch("truncate", () => this.#file.truncate(length));
  }

  /** close(2) lets go of the descriptor even when it reports an error. */
  async close(): Promise<void> {
    this.#files.descriptors--;
    await this.#file.close();
    await this.#files.watch("close", () => Promise.resolve());
  }
}

function errorOf({ errno }: Fault, syscall: string): Error {
  return Object.assign(new Error(`${errno}: made up, ${syscall}`), { code: errno, syscall });
}
