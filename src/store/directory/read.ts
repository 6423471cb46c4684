import { SteleError } from "../../core/error.ts";
import { fileError } from "./errno.ts";
import { openInside, type Root } from "./root.ts";

/** Between two looks at the abort signal. */
const MAX_READ = 4 << 20;

/**
 * Reads a whole file; null when there is none.
 * @throws SteleError `store.too-large` before reading when it is longer than `maxBytes`.
 */
export async function readWhole(
  root: Root,
  name: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const opened = await openInside(root, name);
  if (opened === null) return null;
  const { file, size } = opened;
  try {
    if (size > maxBytes) {
      throw new SteleError("store.too-large", `${name} has ${size} bytes, and at most ${maxBytes} were expected`);
    }
    const bytes = new Uint8Array(size);
    let length = 0;
    while (length < size) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(bytes, length, Math.min(size - length, MAX_READ), length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    const beyond = await file.read(new Uint8Array(1), 0, 1, size);
    if (length !== size || beyond.bytesRead !== 0) {
      throw new SteleError("store.unreachable", `${name} changed while it was read (it had ${size} bytes); read it again`);
    }
    return bytes;
  } catch (error) {
    throw fileError(error, `reading ${name}`);
  } finally {
    await file.close();
  }
}
