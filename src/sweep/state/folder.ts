import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SteleError } from "../../core/error.ts";

/** Where the state of an archive lies below the folder for states: no `+` stands in an origin, so that each has its own. */
export function stateFolder(base: string, origin: string): string {
  return join(base, origin.replaceAll("/", "+"));
}

/** @throws SteleError `sweep.failed` */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new SteleError("sweep.failed", `${folder}: the folder for what sweeps remember can't be made: ${said}`, {
      cause: error,
    });
  }
}
