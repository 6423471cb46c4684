import type { Readable } from "node:stream";
import { SteleError } from "../core/error.ts";

/**
 * What a stream gives until its end, or until `stop`. What this process has read from it by then comes out too: it would not
 * come again.
 * @throws SteleError `input.unreadable`
 */
export async function* readUntil(
  stream: Readable,
  label: string,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let failure: Error | null = null;
  let ended = false;
  let wake = (): void => undefined;
  stream.on("readable", () => wake());
  stream.on("end", () => {
    ended = true;
    wake();
  });
  stream.on("error", (error) => {
    failure = error;
    wake();
  });
  stop.addEventListener("abort", () => wake(), { once: true });
  try {
    for (;;) {
      if (stop.aborted) {
        // Nothing new comes in between: the system is only asked for more when this gives up control.
        const left: Uint8Array[] = [];
        for (let chunk = take(stream); chunk !== null; chunk = take(stream)) left.push(chunk);
        stream.destroy();
        yield* left;
        return;
      }
      const chunk = take(stream);
      if (chunk !== null) yield chunk;
      else if (failure !== null) throw unreadable(label, failure);
      else if (ended) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
          // Nothing of all this may have come before there was someone to wake.
          if (ended || failure !== null || stop.aborted || stream.readableLength > 0) resolve();
        });
      }
    }
  } finally {
    stream.destroy();
  }
}

function take(stream: Readable): Uint8Array | null {
  const chunk: unknown = stream.read();
  return chunk instanceof Uint8Array ? chunk : null;
}

function unreadable(label: string, cause: unknown): SteleError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SteleError("input.unreadable", `${label} can't be read: ${reason}`, { cause });
}
