import { isSteleError } from "../../core/error.ts";
import type { Cursor, FileIdentity } from "./cursor.ts";
import { areSame, listNeighbours, type Neighbour } from "./neighbours.ts";
import { isMissing, isSameFile, openPlace, type Place, type Recognised, recognise } from "./place.ts";

/** What the search for a cursor's place came to. */
export type Found = Recognised | "truncated" | "replaced" | "lost-place";

/** Clocks and file systems that round times put a copy's time a little before the original's. */
const ROUNDING = 2_000_000_000n;

/** Which file is read, or was read last; files that were written to later come after it. */
export interface Stand {
  readonly identity: FileIdentity;
  readonly written: bigint;
  /** null while nothing of it was handed out. */
  readonly cursor: Cursor | null;
}

/** The files that a followed path was and is, in the order in which they were written. */
export class Trail {
  readonly #path: string;
  readonly #chunkBytes: number;
  readonly #stop: AbortSignal;
  /** Compressed files that were compared with the file that is read, by what would change with their content. */
  readonly #compared = new Map<string, boolean>();

  constructor(path: string, chunkBytes: number, stop: AbortSignal) {
    this.#path = path;
    this.#chunkBytes = chunkBytes;
    this.#stop = stop;
  }

  /**
   * Looks for the file that `cursor` stands in: by its identity, which rotation keeps, then by its content, which copying
   * and compressing keep. What was last written to before the cursor was made can't be a later state of its file.
   * @throws SteleError `input.unreadable`
   */
  async find(cursor: Cursor): Promise<Found> {
    for (;;) {
      const files = await listNeighbours(this.#path, true);
      const found = await this.#findIn(files, cursor);
      // What was renamed under our eyes was looked for in vain, but is not gone.
      if (typeof found !== "string" || areSame(files, await listNeighbours(this.#path, true))) return found;
    }
  }

  async #findIn(files: readonly Neighbour[], cursor: Cursor): Promise<Found> {
    const same = files.find(({ identity }) => isSameFile(identity, cursor));
    if (same !== undefined) {
      const recognised = await this.#recognise(same, cursor);
      if (recognised !== null) return recognised;
    }
    const newest = files
      .filter((file) => file !== same && file.role !== "other" && file.written + ROUNDING >= BigInt(cursor.written))
      .reverse();
    for (const file of [...newest.filter((f) => !f.compressed), ...newest.filter((f) => f.compressed)]) {
      const recognised = await this.#recogniseCopy(file, cursor);
      if (recognised !== null) return recognised;
    }
    if (same?.role !== "current") return "lost-place";
    return same.size < BigInt(cursor.offset) ? "truncated" : "replaced";
  }

  /**
   * The oldest file with content that was begun after the one at `stand`: null when there is none yet.
   * @param open whether the file at `stand` is still being read, and so is not its own successor
   * @throws SteleError `input.unreadable`
   */
  async after(stand: Stand, open: boolean): Promise<Neighbour | null> {
    const files = await listNeighbours(this.#path, false);
    const at = open ? files.findIndex(({ identity }) => isSameFile(identity, stand.identity)) : -1;
    const later =
      at >= 0 ? files.slice(at + 1) : files.filter(({ role, written }) => role === "current" || written > stand.written);
    for (const file of later) {
      if (file.size === 0n) continue;
      // Some compress without keeping the time: what was just read would look like something newer.
      if (at < 0 && file.compressed && stand.cursor !== null && (await this.#isSame(file, stand.cursor))) continue;
      return file;
    }
    return null;
  }

  /** Opens what {@link after} gave; null when its name leads elsewhere by now. @throws SteleError `input.unreadable` */
  async open({ path, compressed, identity }: Neighbour): Promise<Place | null> {
    const place = await unlessMissing(openPlace(path, compressed, this.#chunkBytes, this.#stop));
    if (place === null || isSameFile(place.identity, identity)) return place;
    await place.close();
    return null;
  }

  async #isSame(file: Neighbour, cursor: Cursor): Promise<boolean> {
    const key = [cursor.offset, cursor.tail.sha256, file.identity.dev, file.identity.ino, file.size, file.written].join(" ");
    const known = this.#compared.get(key);
    if (known !== undefined) return known;
    const recognised = await this.#recogniseCopy(file, cursor);
    await recognised?.place.close();
    if (this.#compared.size >= 1000) this.#compared.clear();
    this.#compared.set(key, recognised !== null);
    return recognised !== null;
  }

  /** A file that has the cursor's identity and can't be read must not be taken for lost: it would be read twice. */
  async #recognise({ path, compressed }: Neighbour, cursor: Cursor): Promise<Recognised | null> {
    return unlessMissing(recognise(path, compressed, cursor, this.#chunkBytes, this.#stop));
  }

  /** A file that can't be read can't be shown to be a copy of the one sought; that none was found is then said. */
  async #recogniseCopy(file: Neighbour, cursor: Cursor): Promise<Recognised | null> {
    try {
      return await this.#recognise(file, cursor);
    } catch (error) {
      if (isSteleError(error, "input.unreadable")) return null;
      throw error;
    }
  }
}

async function unlessMissing<T>(opening: Promise<T>): Promise<T | null> {
  try {
    return await opening;
  } catch (error) {
    if (isSteleError(error) && isMissing(error.cause)) return null;
    throw error;
  }
}
