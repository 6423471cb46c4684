import { type FileHandle, open, stat } from "node:fs/promises";
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream";
import { constants, createGunzip, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { resolve } from "node:path";
import { SteleError } from "../../core/error.ts";

/** Something to archive: a file, or a stream that can be read once. */
export interface Source {
  /** Stands as `source` in manifests; what resuming goes by. */
  readonly name: string;
  /** For messages. */
  readonly label: string;
  /** Whether it can be read again from the start, and so be resumed. */
  readonly rereadable: boolean;
  /** Bytes to read, where they can be known beforehand. */
  readonly bytes: number | null;
  /** The (decompressed) content. A chunk is valid until the next is asked for. */
  open(signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>;
}

const CHUNK = 1 << 20;
const COMPRESSIONS: Record<string, () => Transform> = {
  ".gz": createGunzip,
  ".zst": () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: 27 } }),
};

/**
 * A file to archive; `.gz` and `.zst` are decompressed on the way.
 * @throws SteleError `input.unreadable` when there is no such file or it can't be read
 */
export async function fileSource(path: string, name?: string): Promise<Source> {
  const info = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (info.isDirectory()) throw new SteleError("input.unreadable", `${path} is a folder: name its files, such as ${path}/*.log`);
  const extension = Object.keys(COMPRESSIONS).find((ending) => path.endsWith(ending));
  if (extension === ".zst") requireConcatenatedFrames(path);
  return {
    name: name ?? `file:${resolve(path)}`,
    label: path,
    // A pipe or a device gives its bytes once.
    rereadable: info.isFile(),
    bytes: info.isFile() && extension === undefined ? info.size : null,
    open: (signal) => (extension === undefined ? readPlain(path, signal) : readCompressed(path, extension, signal)),
  };
}

/** A stream to archive, such as standard input. It can't be resumed: what was read of it is gone from its source. */
export function streamSource(stream: Readable, name: string): Source {
  return { name, label: name, rereadable: false, bytes: null, open: (signal) => readStream(stream, name, signal) };
}

async function* readPlain(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const buffer = new Uint8Array(CHUNK);
    for (;;) {
      if (signal?.aborted === true) return;
      const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    await file?.close();
  }
}

async function* readCompressed(
  path: string,
  extension: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const input = file.createReadStream({ highWaterMark: CHUNK });
  const decompress = COMPRESSIONS[extension]?.();
  if (decompress === undefined) throw new RangeError(`${extension} is no known compression`);
  // Errors of reading end the decompression as well, and so come out there.
  pipeline(input, decompress, () => undefined);
  yield* readStream(decompress, path, signal);
}

async function* readStream(stream: Readable, label: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const iterator: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
    const aborted = new Promise<{ done: true; value: undefined }>((done) => {
      if (signal?.aborted === true) done({ done: true, value: undefined });
      signal?.addEventListener("abort", () => done({ done: true, value: undefined }), { once: true });
    });
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done === true) return;
      yield next.value;
    }
  } catch (cause) {
    throw unreadable(label, cause);
  } finally {
    stream.destroy();
  }
}

/** Node before 26 decodes only the first of several frames in a row, which would lose the rest of a file in silence. */
function requireConcatenatedFrames(path: string): void {
  const frame = zstdCompressSync(new Uint8Array([0x0a]));
  if (zstdDecompressSync(Buffer.concat([frame, frame])).length === 2) return;
  throw new SteleError(
    "input.unreadable",
    `${path}: this Node (${process.version}) reads only the first of several zstd frames. Use: zstd -dc ${path} | stele archive ...`,
  );
}

function unreadable(path: string, cause: unknown): SteleError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SteleError("input.unreadable", `${path} can't be read: ${reason}`, { cause });
}
