import { randomUUID } from "node:crypto";
import { type FileHandle, link, open, realpath, rename, stat, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { SteleError } from "../core/error.ts";
import { fromUtf8 } from "../core/bytes.ts";
import { errnoOf } from "./exit.ts";

/**
 * Reads a named file whole; `-` is standard input.
 * @throws SteleError `input.unreadable`
 */
export async function readNamedFile(path: string, maxBytes: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    const stream: AsyncIterable<Buffer> =
      path === "-" ? process.stdin : (await open(path, "r")).createReadStream({ end: maxBytes });
    for await (const part of stream) {
      parts.push(part);
      length += part.length;
      if (length > maxBytes) break;
    }
  } catch (cause) {
    throw unreadable(path, "read", cause);
  }
  if (length > maxBytes) throw new SteleError("input.invalid", `${path}: expected at most ${maxBytes} bytes`);
  return Buffer.concat(parts);
}

/** Like {@link readNamedFile}, for a file of UTF-8 text. @throws SteleError `input.*` */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  const bytes = await readNamedFile(path, maxBytes);
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new SteleError("input.invalid", `${path}: expected UTF-8 text`, { cause });
  }
}

/**
 * Puts a file in place whole and durably, whatever was there: a reader sees the old one or the new one.
 * @throws SteleError `input.unreadable`
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const info = await stat(path).catch(() => null);
  // A rename would put a file in the place of /dev/stdout, or of a link to the file that is meant.
  if (info !== null && !info.isFile()) {
    await writeFile(path, bytes).catch((cause: unknown) => {
      throw unreadable(path, "written", cause);
    });
    return;
  }
  await place(info === null ? path : await realpath(path), bytes, 0o666, rename);
}

/**
 * Makes a file that only its owner may read, whole and durable, and never over another.
 * @returns false when something is there already
 * @throws SteleError `input.unreadable`
 */
export async function createSecretFile(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await place(path, bytes, 0o600, async (staged, target) => {
      // Unlike a rename, a link never replaces.
      await link(staged, target);
      await unlink(staged);
    });
    return true;
  } catch (error) {
    if (error instanceof SteleError && errnoOf(error.cause) === "EEXIST") return false;
    throw error;
  }
}

async function place(
  path: string,
  bytes: Uint8Array,
  mode: number,
  move: (staged: string, target: string) => Promise<void>,
): Promise<void> {
  const target = resolve(path);
  const folder = dirname(target);
  const staged = join(folder, `.${basename(target)}.${randomUUID()}`);
  try {
    await withFile(staged, "wx", mode, async (file) => {
      await file.writeFile(bytes);
      await file.sync();
    });
    try {
      await move(staged, target);
    } catch (error) {
      await unlink(staged);
      throw error;
    }
    await withFile(folder, "r", 0, (file) => file.sync());
  } catch (cause) {
    throw unreadable(path, "written", cause);
  }
}

async function withFile(path: string, flags: string, mode: number, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, mode);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, what: "read" | "written", cause: unknown): SteleError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SteleError("input.unreadable", `${path} can't be ${what}: ${reason}`, { cause });
}
