import { join } from "node:path";
import type { SpoolFile, SpoolFiles } from "./files.ts";
import { interimName } from "./heading.ts";

/** An archived file to be filled once more: zeros from its beginning to its end, durably. */
export interface Spare {
  readonly path: string;
  readonly length: number;
  readonly file: SpoolFile;
}

/** A file that is not needed any more. */
interface Archived {
  readonly path: string;
  readonly first: number;
  /** How far it was filled, and how long it is: there are zeros from there on. */
  readonly fileBytes: number;
  readonly length: number;
}

const ZEROS = Buffer.alloc(1 << 20);

/**
 * Keeps one archived file for its place on the disk. Frames written over its zeros change neither a file's length nor where it
 * lies, so that to make them durable is to write them: it waits for no other change of the file system, of which archiving
 * makes many. And the disk is spared to free and to find the room.
 *
 * A spare has a name of its own, and nothing in it: a crash leaves it to the next open, which removes it.
 */
export class Spares {
  readonly #folder: string;
  readonly #files: SpoolFiles;
  readonly #least: number;
  #spare: Spare | null = null;
  #making: Promise<void> | null = null;
  #closed = false;

  /** @param least bytes of the shortest file that is worth it */
  constructor(folder: string, files: SpoolFiles, least: number) {
    this.#folder = folder;
    this.#files = files;
    this.#least = least;
  }

  /** Takes over a file; false when it is to be removed instead. What the disk refuses then costs no more than the spare. */
  offer(archived: Archived): boolean {
    if (this.#closed || this.#making !== null || this.#spare !== null || archived.fileBytes < this.#least) return false;
    this.#making = this.#make(archived).finally(() => {
      this.#making = null;
    });
    return true;
  }

  /** The spare, if there is one; it is the caller's from then on, under the name that it has. */
  take(): Spare | null {
    const spare = this.#spare;
    this.#spare = null;
    return spare;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#making;
    const spare = this.take();
    if (spare !== null) await this.#drop(spare.file, spare.path);
  }

  async #make({ path, first, fileBytes, length }: Archived): Promise<void> {
    const name = join(this.#folder, interimName(first, "spare"));
    let file: SpoolFile | null = null;
    try {
      file = await this.#files.open(path);
      for (let at = 0; at < fileBytes && !this.#closed; at += ZEROS.length) {
        await file.write(ZEROS.subarray(0, Math.min(ZEROS.length, fileBytes - at)), at);
      }
      // Before it gets another name: nothing of what was in it must ever be found under that.
      await file.datasync();
      await this.#files.rename(path, name);
    } catch {
      await this.#drop(file, path, name);
      return;
    }
    if (this.#closed) await this.#drop(file, name);
    else this.#spare = { path: name, length, file };
  }

  /** What can't be removed now is removed by the next open. */
  async #drop(file: SpoolFile | null, ...paths: readonly string[]): Promise<void> {
    await file?.close().catch(() => undefined);
    for (const path of paths) await this.#files.remove(path).catch(() => undefined);
  }
}
