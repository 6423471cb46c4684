/**
 * The stable codes of every error that Stele raises on purpose. A caller may branch on them; messages may change.
 *
 * - `input.*`   the caller's argument, file or option is wrong (exit 2)
 * - `format.*`  bytes are not what docs/FORMAT.md says (the archive, a proof or a key is malformed)
 * - `proof.*`   well-formed bytes whose cryptography does not hold
 * - `store.*`   the place where objects lie refused, failed or could not be reached
 * - `log.*`     a log's state forbids what was asked
 * - `sweep.*`   what a sweep remembers on this machine is in use, or can't be kept
 * - `alert.*`   an alarm could not be handed over
 * - `anchor.*`  a witness, a time-stamp authority or another store did not take a checkpoint
 * - `spool.*`   the local disk under a writer refused, or does not hold what was acknowledged
 */
export type ErrorCode =
  | "input.invalid"
  | "input.entry-too-large"
  | "input.unreadable"
  | "format.encoding"
  | "format.note"
  | "format.key"
  | "format.checkpoint"
  | "format.manifest"
  | "format.tile"
  | "format.proof"
  | "format.segment"
  | "format.description"
  | "proof.signature"
  | "proof.inclusion"
  | "proof.consistency"
  | "proof.entry"
  | "proof.timestamp"
  | "store.not-found"
  | "store.exists"
  | "store.denied"
  | "store.locked"
  | "store.unreachable"
  | "store.unsupported"
  | "store.lock-lost"
  | "store.altered"
  | "store.too-large"
  | "log.not-found"
  | "log.fenced"
  | "log.closed"
  | "log.unsound"
  | "log.key"
  | "sweep.locked"
  | "sweep.failed"
  | "alert.failed"
  | "anchor.failed"
  | "spool.full"
  | "spool.locked"
  | "spool.damaged"
  | "spool.failed";

/** The one error class of Stele. `message` names the argument, what was expected, what was found and what to do. */
export class SteleError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "SteleError";
    this.code = code;
  }
}

/** Whether `error` is a SteleError with one of the given codes (or with any code, when none is given). */
export function isSteleError(error: unknown, ...codes: ErrorCode[]): error is SteleError {
  return error instanceof SteleError && (codes.length === 0 || codes.includes(error.code));
}
