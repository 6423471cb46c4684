import { SteleError } from "../../core/error.ts";
import { fileError } from "../../store/directory/errno.ts";

/** What the disk refused, as `spool.failed`; a SteleError is handed back as it is. */
export function spoolFailed(error: unknown, doing: string): SteleError {
  if (error instanceof SteleError) return error;
  const said = fileError(error, doing);
  const message =
    said instanceof SteleError ? said.message : `${doing}: ${error instanceof Error ? error.message : String(error)}`;
  return new SteleError("spool.failed", message, { cause: error });
}

/** Damage that no crash explains. */
export function spoolDamaged(path: string, offset: number, reason: string): SteleError {
  return new SteleError(
    "spool.damaged",
    `${path} is damaged at byte ${offset}: ${reason}. A crash does not do that: look at the disk. Nothing was changed; ` +
      `to go on, let the damaged file be set aside (quarantine), which writes into the log what was lost.`,
  );
}
