import { join } from "node:path";
import type { Timestamp } from "../../core/time.ts";
import { errnoOf } from "../../store/directory/errno.ts";
import type { SegmentLimits } from "../input/segmenter.ts";
import type { SpoolFile, SpoolFiles } from "./files.ts";
import type { FrameBuffer } from "./frame.ts";
import { drawMark, fileName, heading, type Mark } from "./heading.ts";
import type { Arrival } from "./intake.ts";
import { joinDeliveries } from "./pieces.ts";
import { RunCount } from "./runs.ts";
import type { Spare } from "./spares.ts";
import type { IdRecord } from "./state.ts";

/** A frame holds no more than this, unless one delivery does: what is read back needs memory for a whole frame. */
const FRAME_BYTES = 4 << 20;
/** A file keeps zeros at its end up to this share of what is in it. */
const KEPT_ZEROS = 1 / 8;

/** Where a file is, and what it is made of. */
export interface Surroundings {
  readonly folder: string;
  readonly origin: string;
  readonly limits: SegmentLimits;
  readonly files: SpoolFiles;
  /** A file to write over; null: make a new one. */
  readonly takeSpare: () => Spare | null;
}

/**
 * The file that is being filled. Only what was synced counts; nothing is on disk before its first frame.
 */
export class GrowingFile {
  readonly path: string;
  readonly first: number;
  readonly cursors: Map<string, string> = new Map<string, string>();
  ids: IdRecord[] = [];
  count = 0;
  rawBytes = 0;
  /** Bytes on disk. */
  bytes = 0;
  since: Timestamp | null = null;
  readonly #folder: string;
  readonly #files: SpoolFiles;
  readonly #limits: SegmentLimits;
  readonly #origin: string;
  readonly #frames: FrameBuffer;
  readonly #mark: Mark = drawMark();
  readonly #runs = new RunCount();
  readonly #takeSpare: () => Spare | null;
  #file: SpoolFile | null = null;
  /** Where the zeros end that were there before. */
  #zerosEnd = 0;
  /** The frame being put together. */
  #groupCount = 0;
  #groupBytes = 0;

  constructor({ folder, origin, limits, files, takeSpare }: Surroundings, first: number, frames: FrameBuffer) {
    this.path = join(folder, fileName(first));
    this.first = first;
    this.#folder = folder;
    this.#files = files;
    this.#limits = limits;
    this.#origin = origin;
    this.#frames = frames;
    this.#takeSpare = takeSpare;
  }

  /** Index after the last entry. */
  get next(): number {
    return this.first + this.count;
  }

  /** Bytes of the file when it is closed, with the zeros that stay at its end. */
  get length(): number {
    return this.#keepsZeros ? this.#zerosEnd : this.bytes;
  }

  get #keepsZeros(): boolean {
    const zeros = this.#zerosEnd - this.bytes;
    return zeros > 0 && zeros <= this.bytes * KEPT_ZEROS;
  }

  get isFull(): boolean {
    return this.count >= this.#limits.entries || this.rawBytes >= this.#limits.bytes;
  }

  /** Whether there is room for a delivery in the frame that is written next; it then has its place there. */
  admits({ bytes, count, source, sourceBytes, millis }: Arrival): boolean {
    if (this.#groupBytes > 0 && this.#groupBytes + bytes.length > FRAME_BYTES) return false;
    if (this.count + this.#groupCount + count > this.#limits.entries) return false;
    if (this.rawBytes + this.#groupBytes + bytes.length > this.#limits.bytes) return false;
    if (!this.#runs.add(source, sourceBytes, millis)) return false;
    this.#groupCount += count;
    this.#groupBytes += bytes.length;
    return true;
  }

  /** Makes durable the deliveries that were admitted. After an error the file is to be {@link abandon}ed. */
  async write(group: readonly Arrival[]): Promise<void> {
    const lead = this.bytes === 0 ? heading(this.#origin, this.first, this.#mark) : "";
    const place = { lead, position: this.bytes, mark: this.#mark, first: this.next, count: this.#groupCount };
    const frame = this.#frames.assemble(place, joinDeliveries(group));
    const file = this.#file ?? (await this.#begin());
    await file.write(frame, this.bytes);
    if (this.bytes > 0) await file.datasync();
    else await this.#syncNew(file);

    this.since ??= group[0]?.time ?? null;
    this.bytes += frame.length;
    this.count += this.#groupCount;
    this.rawBytes += this.#groupBytes;
    this.#groupCount = 0;
    this.#groupBytes = 0;
    for (const { source, cursor } of group) if (cursor !== undefined) this.cursors.set(source, cursor);
  }

  async #begin(): Promise<SpoolFile> {
    const spare = this.#takeSpare();
    if (spare === null) {
      this.#file = await this.#files.create(this.path);
      return this.#file;
    }
    this.#file = spare.file;
    this.#zerosEnd = spare.length;
    try {
      await this.#files.rename(spare.path, this.path);
    } catch (error) {
      // Under one name or the other; abandon() removes the other.
      await this.#files.remove(spare.path).catch(() => undefined);
      throw error;
    }
    return spare.file;
  }

  /** Content and name, which wait for the disk together. */
  async #syncNew(file: SpoolFile): Promise<void> {
    const synced = await Promise.allSettled([file.datasync(), this.#files.syncFolder(this.#folder)]);
    for (const one of synced) if (one.status === "rejected") throw one.reason;
  }

  /**
   * Takes back what a failed write may have left behind the last synced frame, so that the file can be ended there.
   * A file without any is removed: another of its name will follow.
   */
  async abandon(): Promise<void> {
    if (this.bytes > 0) {
      this.#zerosEnd = 0;
      await this.#file?.truncate(this.bytes);
      await this.#file?.datasync();
      return;
    }
    await this.close();
    try {
      await this.#files.remove(this.path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    await this.#files.syncFolder(this.#folder);
  }

  /** Lets go of the file. Its content is safe: what close(2) could still report belongs to no synced frame. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (this.#zerosEnd > this.bytes && !this.#keepsZeros) await file?.truncate(this.bytes).catch(() => undefined);
    await file?.close().catch(() => undefined);
  }
}
