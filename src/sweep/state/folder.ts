import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { SteleError } from "../../core/error.ts";

/** Where the state of an archive lies below the folder for states: no `+` stands in an origin, so that each has its own. */
export function stateFolder(base: string, origin: string): string {
  return join(base, origin.replaceAll("/", "+"));
}

/** @throws SteleError `sweep.failed` */
export function makeFolder(folder: string): void {
  try {
    // One by one: Node's recursive mkdir never ends where a file system refuses new names with ENOENT, as /proc does.
    for (const missing of missingFolders(folder)) makeOne(missing);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new SteleError("sweep.failed", `${folder}: the folder for what sweeps remember can't be made: ${said}`, {
      cause: error,
    });
  }
}

/** The folders of a path that are not there, outermost first. */
function missingFolders(folder: string): string[] {
  const missing: string[] = [];
  for (let at = resolve(folder); !existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.unshift(at);
  return missing;
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Someone else was quicker.
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
