import { join } from "node:path";
import type { Contender } from "./contender.ts";
import type { EventsFile } from "./events-file.ts";
import { execute, type Run } from "./process.ts";

export const zstdThenOpenssl: Contender = {
  name: "zstd -3, then openssl dgst -sha256",
  wanted: 1,
  note: "the bare work on the same bytes: compressed on one thread, then hashed whole; no tree, no signature, no datasync",
  slow: false,
  async run(file, folder) {
    const compressed = await compress(file, folder);
    const hashed = await execute("openssl", ["dgst", "-sha256", file.path]);
    return { ...hashed, seconds: compressed.seconds + hashed.seconds };
  },
};

export async function compress(file: EventsFile, folder: string): Promise<Run & { path: string }> {
  const path = join(folder, "events.zst");
  const run = await execute("zstd", ["-3", "--single-thread", "-q", "-k", "-f", file.path, "-o", path]);
  return { ...run, path };
}

/** `zstd -d | openssl dgst -sha256`. @param digest what must come out, as `openssl dgst -r` prints it */
export async function decompressAndHash(path: string, digest: string): Promise<Run> {
  const run = await execute("sh", ["-c", 'zstd -q -d -c "$1" | openssl dgst -sha256 -r', "sh", path]);
  if (digestIn(run) !== digest) throw new Error(`${path}: expected the digest ${digest}, got ${run.stdout}`);
  return run;
}

export async function digestOf(path: string): Promise<string> {
  return digestIn(await execute("openssl", ["dgst", "-sha256", "-r", path]));
}

function digestIn({ stdout }: Run): string {
  return stdout.split(" ")[0] ?? "";
}
