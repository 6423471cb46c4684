import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errnoOf } from "./errno.ts";

/**
 * Makes a folder and those above it that are not there. Node's own way never ends where a parent is there and a folder in it
 * is answered with ENOENT, as below /proc.
 *
 * @returns the folders that were made, the outermost first
 * @throws what the system says; EEXIST where a file has the name
 */
export async function makeFolders(path: string, mode = 0o777): Promise<string[]> {
  const absolute = resolve(path);
  try {
    await mkdir(absolute, mode);
    return [absolute];
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST" && (await stat(absolute)).isDirectory()) return [];
    if (errno !== "ENOENT" || dirname(absolute) === absolute) throw error;
  }
  const above = await makeFolders(dirname(absolute), mode);
  await mkdir(absolute, mode).catch((error: unknown) => {
    // Another process was faster.
    if (errnoOf(error) !== "EEXIST") throw error;
  });
  return [...above, absolute];
}
