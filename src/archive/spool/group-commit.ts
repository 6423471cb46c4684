import { SteleError } from "../../core/error.ts";
import type { Timestamp } from "../../core/time.ts";
import type { ClosedFile, Spooled } from "./delivery.ts";
import { spoolFailed } from "./failure.ts";
import { FrameBuffer } from "./frame.ts";
import { GrowingFile, type Surroundings } from "./growing-file.ts";
import type { Arrival } from "./intake.ts";
import type { RecentIds } from "./recent-ids.ts";

interface Waiting extends Arrival {
  readonly settle: (spooled: Spooled) => void;
  readonly refuse: (error: unknown) => void;
}

interface Cut {
  readonly settle: (file: ClosedFile | null) => void;
  readonly refuse: (error: unknown) => void;
}

/** Where the files go, and who is told of them. */
export interface Place extends Surroundings {
  readonly recent: RecentIds;
  /** So many entries became durable. Comes before those who delivered them hear of it. */
  written(entries: number, group: readonly Arrival[]): void;
  /** A file is full, or was cut. */
  ended(file: GrowingFile, since: Timestamp): ClosedFile;
}

/**
 * Writes deliveries in the order in which they came: all that wait share one frame, one write and one `datasync`. Ends a file
 * and begins the next where one is full, where it was asked to, and where the disk failed.
 */
export class GroupCommit {
  readonly #place: Place;
  readonly #frames = new FrameBuffer();
  #next: number | null;
  #filling: GrowingFile | null = null;
  /** Appends and cuts that wait for their turn. */
  #queue: (Waiting | Cut)[] = [];
  #draining: Promise<void> | null = null;
  #broken: SteleError | null = null;

  /** @param next index of the next entry; null while that is not known */
  constructor(place: Place, next: number | null) {
    this.#place = place;
    this.#next = next;
  }

  /** Index of the next entry, after those that are durable. */
  get next(): number | null {
    return this.#next;
  }

  get filling(): GrowingFile | null {
    return this.#filling;
  }

  /** Set when what is on disk is not known any more: everything is refused from then on. */
  get broken(): SteleError | null {
    return this.#broken;
  }

  get isIdle(): boolean {
    return this.#filling === null && this.#queue.length === 0;
  }

  /** Says where an idle one goes on. */
  start(next: number): void {
    this.#next = next;
  }

  /** Resolves when the delivery is durable. */
  append(arrival: Arrival): Promise<Spooled> {
    return new Promise((settle, refuse) => {
      this.#queue.push({ ...arrival, settle, refuse });
      this.#draining ??= this.#drain();
    });
  }

  /** Ends the file that is being filled, after all appends until now; null when nothing was in it. */
  cut(): Promise<ClosedFile | null> {
    return new Promise((settle, refuse) => {
      this.#queue.push({ settle, refuse });
      this.#draining ??= this.#drain();
    });
  }

  /** Lets go of the file, after all appends and cuts until now. */
  async close(): Promise<void> {
    await this.#draining;
    await this.#filling?.close();
  }

  async #drain(): Promise<void> {
    for (;;) {
      // Whoever was answered calls again before this comes back: all of them share the next write.
      await new Promise<void>((go) => process.nextTick(go));
      const head = this.#queue[0];
      if (head === undefined) break;
      if (this.#broken !== null) {
        for (const waiting of this.#queue) {
          if ("bytes" in waiting && waiting.id !== undefined)
            this.#place.recent.remove(waiting.source, waiting.id, waiting.millis);
          waiting.refuse(this.#broken);
        }
        this.#queue = [];
      } else if ("bytes" in head) {
        await this.#writeGroup();
      } else {
        this.#queue.shift();
        head.settle(await this.#end());
      }
    }
    this.#draining = null;
  }

  /** Writes what the next frame of the file has room for; ends the file when that is nothing. */
  async #writeGroup(): Promise<void> {
    const file = (this.#filling ??= this.#newFile());
    const group: Waiting[] = [];
    for (const waiting of this.#queue) {
      if (!("bytes" in waiting) || !file.admits(waiting)) break;
      group.push(waiting);
    }
    if (group.length === 0) {
      await this.#end();
      return;
    }
    this.#queue = group.length === this.#queue.length ? [] : this.#queue.slice(group.length);
    let first = file.next;
    try {
      await file.write(group);
    } catch (error) {
      await this.#fail(file, group, error);
      return;
    }
    this.#next = file.next;
    this.#place.written(file.next - first, group);
    for (const { source, id, count, millis, settle } of group) {
      if (id !== undefined) file.ids.push({ source, id, first, count, millis });
      settle({ first, count, duplicate: false });
      first += count;
    }
    if (file.isFull) await this.#end();
  }

  #newFile(): GrowingFile {
    return new GrowingFile(this.#place, this.#next ?? 0, this.#frames);
  }

  /** Ends the file that is being filled. */
  async #end(): Promise<ClosedFile | null> {
    const file = this.#filling;
    if (file === null) return null;
    this.#filling = null;
    const ended = file.since === null ? null : this.#place.ended(file, file.since);
    await file.close();
    return ended;
  }

  /** Refuses a group whose write failed, and ends its file at what was synced before. */
  async #fail(file: GrowingFile, group: readonly Waiting[], cause: unknown): Promise<void> {
    let refusal = spoolFailed(cause, `writing to ${file.path}`);
    try {
      await file.abandon();
      await this.#end();
    } catch (error) {
      await file.close();
      // What is on disk behind the last synced frame is not known now: the file is not given out.
      refusal = new SteleError(
        "spool.failed",
        `${refusal.message}; and what was written of it could not be taken back: open the spool again, which finds out what is there. Nothing acknowledged is lost; what was refused now may be there as well`,
        { cause: error },
      );
      this.#broken = refusal;
    }
    for (const { source, id, millis, refuse } of group) {
      if (id !== undefined) this.#place.recent.remove(source, id, millis);
      refuse(refusal);
    }
  }
}
