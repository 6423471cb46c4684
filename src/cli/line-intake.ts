import { SteleError } from "../core/error.ts";
import { counted } from "./words.ts";

export interface LineIntakeOptions {
  /** Who delivers, for messages. */
  readonly label: string;
  /** Longest event in bytes, without its line feed. */
  readonly maxEventBytes: number;
  /** Keeps whole lines, each with its line feed, and says how many there were. Calls keep their order without being awaited. */
  readonly append: (lines: Uint8Array) => Promise<{ readonly count: number }>;
}

const LF = 0x0a;
/** Bytes that are gathered for an append while another is under way. */
const BATCH_BYTES = 2 << 20;

/**
 * Hands what a stream gives to {@link LineIntakeOptions.append} in whole lines: at once while nothing is under way, so that a
 * quiet stream's lines are safe as they come, and in large pieces under load. One append is under way at a time: where one is
 * refused, nothing after it is kept, so that what is missing is the end of what was read and no hole in it.
 */
export class LineIntake {
  readonly #options: LineIntakeOptions;
  /** Whole lines that wait to be handed over. */
  #lines: Uint8Array[] = [];
  #lineBytes = 0;
  /** The beginning of a line whose end was not read yet. */
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #underWay: Promise<void> | null = null;
  #kept = 0;
  #lost = 0;
  /** Why nothing more is taken. */
  #failure: Error | null = null;

  constructor(options: LineIntakeOptions) {
    this.#options = options;
  }

  /**
   * Takes the stream's next bytes, which must not be changed any more, and waits while much is under way.
   * @throws SteleError `input.entry-too-large` when all lines before it are kept; what an append threw, with a word on what was
   *   read and is not kept
   */
  async push(chunk: Uint8Array): Promise<void> {
    const end = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).lastIndexOf(LF) + 1;
    if (end > 0) {
      this.#lines.push(...this.#rest, chunk.subarray(0, end));
      this.#lineBytes += this.#restBytes + end;
      this.#rest = [];
      this.#restBytes = 0;
    }
    if (end < chunk.length) {
      this.#rest.push(chunk.subarray(end));
      this.#restBytes += chunk.length - end;
    }
    const isTooLong = this.#restBytes > this.#options.maxEventBytes;
    this.#handOver();
    if (isTooLong) {
      while (this.#lineBytes > 0 && this.#failure === null) await this.#settled();
      this.#failure ??= new TooLong();
    }
    while (this.#lineBytes >= BATCH_BYTES && this.#failure === null) await this.#settled();
    if (this.#failure !== null) await this.finish();
  }

  /** At the stream's end: a last line without a line feed is an event too. Throws as {@link push} does. */
  async finish(): Promise<void> {
    if (this.#restBytes > 0 && this.#failure === null) {
      this.#lines.push(...this.#rest, Uint8Array.of(LF));
      this.#lineBytes += this.#restBytes + 1;
      this.#rest = [];
      this.#restBytes = 0;
    }
    while (this.#underWay !== null || (this.#lineBytes > 0 && this.#failure === null)) await this.#settled();
    if (this.#failure !== null) throw this.#explained(this.#failure);
  }

  /** Waits for the append that is under way; begins one, if there is none. */
  async #settled(): Promise<void> {
    this.#handOver();
    await this.#underWay;
  }

  #handOver(): void {
    if (this.#underWay !== null || this.#lineBytes === 0 || this.#failure !== null) return;
    const all = this.#lines.length === 1 && this.#lines[0] !== undefined ? this.#lines[0] : Buffer.concat(this.#lines);
    this.#lines = [];
    this.#lineBytes = 0;
    const lines = this.#withoutTooLong(all);
    if (lines.length === 0) return;
    this.#underWay = this.#append(lines).finally(() => {
      this.#underWay = null;
      this.#handOver();
    });
  }

  async #append(lines: Uint8Array): Promise<void> {
    try {
      this.#kept += (await this.#options.append(lines)).count;
    } catch (error) {
      this.#lost += countLines(lines);
      // What stands before a line that is too long matters more than that line.
      if (this.#failure === null || this.#failure instanceof TooLong) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
      }
    }
  }

  /** The lines up to one that is too long. Most pieces are shorter than the longest line, and need no look. */
  #withoutTooLong(lines: Uint8Array): Uint8Array {
    const { maxEventBytes } = this.#options;
    if (lines.length <= maxEventBytes) return lines;
    const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
    for (let start = 0; start < bytes.length;) {
      const end = bytes.indexOf(LF, start);
      if (end - start > maxEventBytes) {
        this.#failure ??= new TooLong();
        return bytes.subarray(0, start);
      }
      start = end + 1;
    }
    return lines;
  }

  /** By now nothing is under way, and it is known how many lines are kept. */
  #explained(failure: Error): Error {
    const { label, maxEventBytes } = this.#options;
    if (failure instanceof TooLong) {
      return new SteleError(
        "input.entry-too-large",
        `${label}: line ${this.#kept + 1} is longer than the ${maxEventBytes} bytes that an event may have. ` +
          "The lines before it are kept; nothing from it on. Split it, or raise --max-event-bytes",
      );
    }
    const lost = this.#lost + this.#lines.reduce((sum, lines) => sum + countLines(lines), 0) + (this.#restBytes > 0 ? 1 : 0);
    if (lost === 0 || !(failure instanceof SteleError)) return failure;
    return new SteleError(
      failure.code,
      `${failure.message}. ${counted(lost, "line")} of ${label} that had been read ${lost === 1 ? "is" : "are"} not kept`,
      { cause: failure },
    );
  }
}

/** Stands for the error until the number of the line is known. */
class TooLong extends Error {}

function countLines(lines: Uint8Array): number {
  let count = 0;
  for (const byte of lines) if (byte === LF) count++;
  return count;
}
