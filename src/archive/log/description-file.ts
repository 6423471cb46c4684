import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolders } from "../../store/directory/make-folders.ts";
import type { DescriptionCopy } from "../archive.ts";

/**
 * A copy of an archive's description among the spools: with it a writer that starts while the store is down knows what it
 * writes to. Its signature is checked like that of the original, so that nothing depends on who may write here.
 *
 * @param spool the folder of all spools
 * @param origin the archive's
 */
export function descriptionFile(spool: string, origin: string): DescriptionCopy {
  const path = join(spool, `${origin.replaceAll("/", "+")}.archive.json`);
  return {
    read: () => readFile(path).catch(() => null),
    // Without a copy all works but a start without the store: what keeps it from being written is not this one's to judge.
    async write(bytes) {
      const kept = await this.read();
      if (kept !== null && Buffer.compare(kept, bytes) === 0) return;
      const partial = `${path}.${process.pid}.partial`;
      try {
        await makeFolders(spool, 0o700);
        await writeFile(partial, bytes);
        await rename(partial, path);
      } catch {
        return;
      }
    },
  };
}
