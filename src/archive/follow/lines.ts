import { concatBytes } from "../../core/bytes.ts";
import { SteleError } from "../../core/error.ts";
import { Prefix } from "./cursor.ts";

/** Whole lines of a file. */
export interface Lines {
  /** Each ends with LF. */
  readonly bytes: Uint8Array;
  readonly count: number;
}

const LF = 0x0a;

/**
 * Makes whole lines of a file's bytes; a line that has no end yet is kept back. Holds the longest line and one chunk.
 */
export class LineCutter {
  readonly #label: string;
  readonly #maxEventBytes: number;
  /** Up to the end of the last line that came out. */
  readonly prefix: Prefix;
  #unfinished: Uint8Array[] = [];
  #unfinishedBytes = 0;
  #error: SteleError | null = null;

  constructor(label: string, maxEventBytes: number, prefix: Prefix) {
    this.#label = label;
    this.#maxEventBytes = maxEventBytes;
    this.prefix = prefix;
  }

  /** A line that is too long, to be thrown once the lines before it are out of the way. */
  get error(): SteleError | null {
    return this.#error;
  }

  /** Takes the next bytes, which are copied, and gives the lines that end in them. */
  push(chunk: Uint8Array): Lines | null {
    // A Buffer's search is several times as fast as a Uint8Array's.
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let count = 0;
    let taken = 0;
    let before = this.#unfinishedBytes;
    let tooLong = false;
    for (let end = bytes.indexOf(LF); end >= 0 && !tooLong; end = bytes.indexOf(LF, taken)) {
      tooLong = before + end - taken > this.#maxEventBytes;
      if (tooLong) break;
      count++;
      taken = end + 1;
      before = 0;
    }
    const lines = count === 0 ? null : this.#take(concatBytes(...this.#unfinished, bytes.subarray(0, taken)), count);
    tooLong ||= before + bytes.length - taken > this.#maxEventBytes;
    if (tooLong) this.#error = this.#tooLong();
    else this.#keep(bytes.subarray(taken));
    return lines;
  }

  /** What is left when nothing more will come: a line without a line feed is an event too. */
  end(): Lines | null {
    if (this.#unfinishedBytes === 0) return null;
    const rest = concatBytes(...this.#unfinished);
    this.#take(rest, 1);
    return { bytes: concatBytes(rest, Uint8Array.of(LF)), count: 1 };
  }

  #take(bytes: Uint8Array, count: number): Lines {
    this.#unfinished = [];
    this.#unfinishedBytes = 0;
    this.prefix.advance(bytes);
    return { bytes, count };
  }

  #keep(rest: Uint8Array): void {
    if (rest.length === 0) return;
    this.#unfinished.push(new Uint8Array(rest));
    this.#unfinishedBytes += rest.length;
  }

  #tooLong(): SteleError {
    return new SteleError(
      "input.entry-too-large",
      `${this.#label}: the line at byte ${this.prefix.offset} is longer than the ${this.#maxEventBytes} bytes that an event may have. ` +
        "The lines before it were taken; nothing from it on. Split or remove it, or raise --max-event-bytes, and run the command again: it goes on there.",
    );
  }
}
