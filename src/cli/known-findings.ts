import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Archive } from "../archive/archive.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { readSweeps } from "../sweep/restore.ts";
import { DATABASE_NAME } from "../sweep/state/database.ts";
import type { SweepState } from "../sweep/state/state.ts";
import type { Listed } from "./findings-list.ts";
import { openSweepState, sweepFolder } from "./sweep-state.ts";

/** What is known of an archive's findings, and from where. */
export type Known =
  | { readonly from: "state"; readonly state: SweepState }
  /** `because`: why what this machine remembers was not asked. */
  | { readonly from: "archive"; readonly open: readonly Listed[]; readonly because: string }
  /** No sweep has been here. */
  | { readonly from: null };

/**
 * What is known of findings: from this machine's state, or, where there is none or a running sweep holds it, from the archive's
 * log of sweeps.
 * @throws SteleError `sweep.locked` when neither can be asked; `sweep.failed` when the state is there and can't be read; what reading an archive throws
 */
export async function knownFindings(archive: Archive, base: string | undefined): Promise<Known> {
  const folder = sweepFolder(archive.origin, base);
  let locked: SteleError | null = null;
  let because = `nothing is remembered on this machine (${folder})`;
  if (existsSync(join(folder, DATABASE_NAME))) {
    try {
      return { from: "state", state: openSweepState(archive, base) };
    } catch (error) {
      if (!isSteleError(error, "sweep.locked")) throw error;
      locked = error;
      because = "a sweep is running on this machine";
    }
  }
  const swept = await readSweeps(archive);
  if (swept === null && locked !== null) {
    throw new SteleError(
      locked.code,
      `a sweep that is running on this machine has to itself what is remembered, and the archive has no log of sweeps yet to be ` +
        `asked instead: end it first, or let it sign that log (--sweep-key)`,
      { cause: locked },
    );
  }
  return swept === null ? { from: null } : { from: "archive", open: swept.findings, because };
}
