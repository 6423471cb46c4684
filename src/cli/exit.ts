import { type ErrorCode, isSteleError, type SteleError } from "../core/error.ts";
import type { Verdict } from "../archive/finding.ts";

/** What scripts rely on (docs/CLI.md). */
export const EXIT = { sound: 0, unsound: 1, usage: 2, unknown: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The caller's to mend, though the store or the log says so. */
const USAGE: readonly ErrorCode[] = ["store.exists", "log.key", "log.closed", "format.key", "spool.locked", "sweep.locked"];
/** Trouble of a named file that is not the file's absence: it may be there and sound. */
const NOT_ABSENCE = new Set(["EACCES", "EPERM", "EIO", "EMFILE", "ENFILE", "ENOSPC", "EROFS", "EDQUOT", "EBUSY"]);

export function exitOfVerdict(verdict: Verdict): ExitCode {
  return { sound: EXIT.sound, unsound: EXIT.unsound, unknown: EXIT.unknown }[verdict];
}

/** What an error means to a script: never 0, and 1 only where what was read is not what it should be. */
export function exitOfError(error: SteleError): ExitCode {
  const { code } = error;
  if (code === "input.unreadable") return readingFailed(error) ? EXIT.unknown : EXIT.usage;
  if (code.startsWith("input.") || USAGE.includes(code)) return EXIT.usage;
  if (code.startsWith("format.") || code.startsWith("proof.") || code === "log.unsound" || code === "spool.damaged")
    return EXIT.unsound;
  return EXIT.unknown;
}

/** The `errno` name of a failed system call, such as `ENOENT`; null for any other error. */
export function errnoOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

function readingFailed(error: SteleError): boolean {
  const errno = errnoOf(error.cause);
  return errno !== null && NOT_ABSENCE.has(errno) && !isSteleError(error.cause);
}
