import type { Socket } from "node:net";

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const END_OF_LINE = Buffer.from("\r\n");

/** The start line and the headers of an HTTP/1.1 message, and the bytes that they were. */
export interface MessageHead {
  readonly bytes: Buffer;
  /** The parts of the start line: method and target, or version and status. */
  readonly start: readonly [string, string];
  readonly header: (name: string) => string | undefined;
}

/** Reads HTTP/1.1 messages off a socket, as the bytes that came. */
export class MessageReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  /** The next head; null where the stream ends before one. */
  async head(): Promise<MessageHead | null> {
    const bytes = await this.#through(END_OF_HEAD);
    if (bytes === null) return null;
    const [start = "", ...lines] = bytes.toString("latin1").trimEnd().split("\r\n");
    const [first = "", second = ""] = start.split(" ");
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    return { bytes, start: [first, second], header: (name) => headers.get(name) };
  }

  /** The bytes of a body, chunk sizes included, as they come; it ends early where the stream does. */
  async *body(head: MessageHead, isBodiless: boolean): AsyncGenerator<Buffer, void, undefined> {
    if (isBodiless) return;
    if (head.header("transfer-encoding") === "chunked") {
      for (;;) {
        const size = await this.#through(END_OF_LINE);
        if (size === null) return;
        yield size;
        const length = Number.parseInt(size.toString("latin1"), 16);
        yield* this.#exactly(length + END_OF_LINE.length);
        if (length === 0) return;
      }
    }
    yield* this.#exactly(Number(head.header("content-length") ?? 0));
  }

  /** Resolves when the stream has ended; what came until then is gone. */
  async discard(): Promise<void> {
    while (await this.#more()) this.#rest = Buffer.alloc(0);
  }

  async *#exactly(length: number): AsyncGenerator<Buffer, void, undefined> {
    for (let left = length; left > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) return;
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async #through(mark: Buffer): Promise<Buffer | null> {
    for (;;) {
      const at = this.#rest.indexOf(mark);
      if (at >= 0) {
        const found = this.#rest.subarray(0, at + mark.length);
        this.#rest = this.#rest.subarray(found.length);
        return found;
      }
      if (!(await this.#more())) return null;
    }
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done === true) return false;
    this.#rest = Buffer.concat([this.#rest, value]);
    return true;
  }
}

/** Writes bytes, and waits until the system has taken them. */
export function send(to: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    to.write(bytes, (error) => (error == null ? resolve() : reject(error)));
  });
}
