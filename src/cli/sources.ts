import { glob, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileSource, type Source, streamSource } from "../archive/input/source.ts";
import { SteleError } from "../core/error.ts";

/**
 * The sources that a command line names: files, patterns, and standard input for `-` or nothing. A file that is named
 * twice is read once.
 * @throws SteleError `input.*`
 */
export async function namedSources(files: readonly string[], stdinName: string | undefined): Promise<Source[]> {
  const sources: Source[] = [];
  const seen = new Set<string>();
  for (const file of files.length === 0 ? ["-"] : files) {
    const isStdin = file === "-";
    for (const path of isStdin ? [file] : await matching(file)) {
      const identity = isStdin ? "-" : resolve(path);
      if (seen.has(identity)) continue;
      seen.add(identity);
      sources.push(isStdin ? standardInput(stdinName) : await fileSource(path));
    }
  }
  if (stdinName !== undefined && !seen.has("-")) {
    throw new SteleError("input.invalid", "--source: names what comes from standard input, but only files were given");
  }
  return sources;
}

function standardInput(name = "stdin"): Source {
  if (process.stdin.isTTY) {
    throw new SteleError(
      "input.invalid",
      "expected files to archive, or events on standard input, one a line; got a terminal. Try: your-program | stele archive ...",
    );
  }
  return streamSource(process.stdin, name);
}

/** The files that a pattern names, in order; a file of just that name comes before its meaning as a pattern. */
async function matching(pattern: string): Promise<string[]> {
  if (!/[*?[]/.test(pattern) || (await stat(pattern).catch(() => null)) !== null) return [pattern];
  const found: string[] = [];
  for await (const path of glob(pattern)) {
    if ((await stat(path).catch(() => null))?.isDirectory() === false) found.push(path);
  }
  if (found.length === 0) throw new SteleError("input.invalid", `no file matches ${JSON.stringify(pattern)}`);
  return found.sort();
}
