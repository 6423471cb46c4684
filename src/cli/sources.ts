import { glob, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileSource, type Source } from "../archive/input/source.ts";
import { SteleError } from "../core/error.ts";

/**
 * Under which name standard input is archived, where a command line asks for it: by `-`, or by naming nothing. null where it
 * names files.
 * @throws SteleError `input.invalid`
 */
export function streamName(files: readonly string[], named: string | undefined): string | null {
  const streams = files.filter((file) => file === "-").length;
  if (files.length > 0 && streams === 0) {
    if (named === undefined) return null;
    throw new SteleError("input.invalid", "--source: names what comes from standard input, but only files were given");
  }
  if (streams < files.length) {
    throw new SteleError(
      "input.invalid",
      'expected files or standard input ("-"), got both: standard input goes through the spool; archive them one after the other',
    );
  }
  if (process.stdin.isTTY) {
    throw new SteleError(
      "input.invalid",
      "expected files to archive, or events on standard input, one a line; got a terminal. Try: your-program | stele archive ...",
    );
  }
  return named ?? "stdin";
}

/**
 * The sources that a command line names by files and patterns. A file that is named twice is read once.
 * @throws SteleError `input.*`
 */
export async function namedSources(files: readonly string[]): Promise<Source[]> {
  const sources = new Map<string, Source>();
  for (const file of files) {
    for (const path of await matchingFiles(file)) {
      if (!sources.has(resolve(path))) sources.set(resolve(path), await fileSource(path));
    }
  }
  return [...sources.values()];
}

/**
 * The files that a pattern names, in order; a file of just that name comes before its meaning as a pattern.
 * @throws SteleError `input.invalid` when a pattern names none
 */
export async function matchingFiles(pattern: string): Promise<string[]> {
  if (!/[*?[]/.test(pattern) || (await stat(pattern).catch(() => null)) !== null) return [pattern];
  const found: string[] = [];
  for await (const path of glob(pattern)) {
    if ((await stat(path).catch(() => null))?.isDirectory() === false) found.push(path);
  }
  if (found.length === 0) throw new SteleError("input.invalid", `no file matches ${JSON.stringify(pattern)}`);
  return found.sort();
}
