import type { Archive } from "../archive/archive.ts";
import { openLog, requireRemembered } from "../archive/log-reader.ts";
import type { SignedCheckpoint } from "../core/checkpoint.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { logOrigin } from "../core/layout.ts";
import { readCheckpointFile } from "./checkpoint-file.ts";

/** A checkpoint kept from an earlier run, and where. */
export interface Remembered {
  readonly path: string;
  readonly checkpoint: SignedCheckpoint;
}

/** @throws SteleError `input.*` */
export function readRemembered(paths: readonly string[] | undefined): Promise<Remembered[]> {
  return Promise.all((paths ?? []).map(async (path) => ({ path, checkpoint: await readCheckpointFile(path) })));
}

/**
 * Refuses checkpoints of other logs: they would be passed over, and whoever gave them believe that they were checked.
 * @param origins those of the logs that are read
 * @throws SteleError `input.invalid`
 */
export function requireOrigins(remembered: readonly Remembered[], origins: readonly string[]): void {
  for (const { path, checkpoint } of remembered) {
    if (origins.includes(checkpoint.origin)) continue;
    throw new SteleError(
      "input.invalid",
      `--checkpoint: ${path} is of ${checkpoint.origin}; the logs read are: ${origins.join(", ") || "none"}`,
    );
  }
}

/**
 * Before something is appended: the log must still hold what was seen of it.
 * @throws SteleError `log.unsound` when it does not
 */
export async function requireStillHeld(archive: Archive, log: string, remembered: readonly Remembered[]): Promise<void> {
  const origin = logOrigin(archive.origin, log);
  requireOrigins(remembered, [origin]);
  if (remembered.length === 0) return;
  const checkpoints = remembered.map(({ checkpoint }) => checkpoint);
  try {
    const opened = await openLog(archive, log);
    for (const checkpoint of checkpoints) await requireRemembered(opened, checkpoint);
  } catch (error) {
    if (!isSteleError(error, "log.not-found")) throw error;
    const sizes = checkpoints.map(({ size }) => size);
    throw new SteleError("log.unsound", `log ${log} was seen with ${Math.max(...sizes)} manifests before, and now holds none`, {
      cause: error,
    });
  }
}
