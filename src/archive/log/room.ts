import { SteleError } from "../../core/error.ts";
import { untilAborted } from "./waiting.ts";

/**
 * The bound on what a spool may hold. Whoever finds no room waits in line, so that the order of calls is kept, or is refused.
 */
export class Room {
  readonly #max: number;
  readonly #name: string;
  readonly #used: () => number;
  /** Admitted, and not written yet. */
  #admitted = 0;
  /** Let in, and not yet where they wanted to go. */
  #entering = 0;
  #closed = false;
  readonly #line: { readonly bytes: number; readonly enter: () => void; readonly turnAway: (error: Error) => void }[] = [];

  /** @param used bytes that the spool holds now */
  constructor(name: string, max: number, used: () => number) {
    this.#name = name;
    this.#max = max;
    this.#used = used;
  }

  /** Whether someone is waiting. */
  get isFull(): boolean {
    return this.#line.length > 0;
  }

  /** Takes room unless there is none, or others wait for it. {@link give} it back when the bytes are written or refused. */
  tryTake(bytes: number): boolean {
    if (this.#line.length > 0 || this.#entering > 0 || !this.#fits(bytes)) return false;
    this.#admitted += bytes;
    return true;
  }

  /** Takes room as soon as all who came before have theirs. Whoever was let in says so with {@link entered}. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const place = { bytes, enter: resolve, turnAway: reject };
    this.#line.push(place);
    try {
      await untilAborted(promise, signal);
    } catch (error) {
      const at = this.#line.indexOf(place);
      if (at >= 0) this.#line.splice(at, 1);
      else if (!this.#closed) {
        this.#admitted -= bytes;
        this.#entering--;
      }
      this.changed();
      throw error;
    }
  }

  /** Who was let in has its place: until then nobody may overtake it. */
  entered(): void {
    this.#entering--;
    this.changed();
  }

  /** Nothing will leave the spool any more: all who wait hear of it. */
  close(error: Error): void {
    this.#closed = true;
    for (const { turnAway } of this.#line.splice(0)) turnAway(error);
  }

  give(bytes: number): void {
    this.#admitted -= bytes;
    this.changed();
  }

  /** Something left the spool: lets in whom there is room for. */
  changed(): void {
    for (let next = this.#line[0]; next !== undefined && this.#fits(next.bytes); next = this.#line[0]) {
      this.#line.shift();
      this.#admitted += next.bytes;
      this.#entering++;
      next.enter();
    }
  }

  /** What is larger than all the room there is goes in when nothing else is there. */
  #fits(bytes: number): boolean {
    const used = this.#used() + this.#admitted;
    return used === 0 || used + bytes <= this.#max;
  }

  /** @returns SteleError `spool.full` */
  full(): SteleError {
    return new SteleError(
      "spool.full",
      `log ${this.#name}: its spool holds ${this.#used()} bytes that are not archived yet, of ${this.#max} allowed; ` +
        `nothing was taken. Try again when the store has caught up`,
    );
  }
}
