import { SteleError } from "../../core/error.ts";

/**
 * Reads an answer's body whole.
 * @param announced the answer's Content-Length, in bytes
 * @throws SteleError `store.too-large` before the first byte when it is longer than `maxBytes`; `store.unreachable` when
 *   it ends before its announced length
 */
export async function readBody(
  stream: unknown,
  announced: number | undefined,
  maxBytes: number,
  name: string,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!isByteStream(stream)) throw new SteleError("store.unreachable", `${name}: the answer has no body`);
  // Once the headers are there, the SDK no longer listens to the signal.
  const stop = () => stream.destroy();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    signal?.throwIfAborted();
    if (announced === undefined) throw new SteleError("store.unreachable", `${name}: the answer does not say how long it is`);
    if (announced > maxBytes) {
      throw new SteleError("store.too-large", `${name} is ${announced} bytes long, more than the ${maxBytes} expected at most`);
    }
    const body = new Uint8Array(announced);
    let length = 0;
    for await (const chunk of stream) {
      if (length + chunk.length > announced) {
        throw new SteleError("store.unreachable", `${name}: the answer is longer than the ${announced} bytes it announced`);
      }
      body.set(chunk, length);
      length += chunk.length;
    }
    if (length < announced) {
      throw new SteleError("store.unreachable", `${name}: the answer broke off after ${length} of ${announced} bytes; try again`);
    }
    return body;
  } finally {
    signal?.removeEventListener("abort", stop);
    // What is not read to its end would hold the connection.
    stream.destroy();
  }
}

interface ByteStream extends AsyncIterable<Uint8Array> {
  destroy(): void;
}

function isByteStream(stream: unknown): stream is ByteStream {
  return typeof stream === "object" && stream !== null && Symbol.asyncIterator in stream && "destroy" in stream;
}
