import { type ErrorCode, SteleError } from "../../core/error.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly words: string;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: "store.not-found", words: "there is no such file or folder" },
  EACCES: { code: "store.denied", words: "permission denied" },
  EPERM: { code: "store.denied", words: "the operating system does not permit it" },
  ENOSPC: { code: "store.unreachable", words: "the disk is full" },
  EDQUOT: { code: "store.unreachable", words: "the disk quota is used up" },
  EIO: { code: "store.unreachable", words: "the disk reported an input/output error" },
  EROFS: { code: "store.unreachable", words: "the file system is mounted read-only" },
  EMFILE: { code: "store.unreachable", words: "this process has too many open files" },
  ENFILE: { code: "store.unreachable", words: "the system has too many open files" },
  ESTALE: { code: "store.unreachable", words: "the network file system lost the file (stale handle)" },
  ENAMETOOLONG: { code: "store.unsupported", words: "the file system does not take names as long as this" },
  ENOTDIR: { code: "store.unsupported", words: "a file is where a folder is needed" },
  EISDIR: { code: "store.unsupported", words: "a folder is where a file is needed" },
  ELOOP: { code: "store.unsupported", words: "it is a symbolic link, which is never followed" },
  EILSEQ: { code: "store.unsupported", words: "the file system does not take these characters in a name" },
  ENOSYS: { code: "store.unsupported", words: "the file system cannot do this" },
  ENOTSUP: { code: "store.unsupported", words: "the file system cannot do this" },
  EOPNOTSUPP: { code: "store.unsupported", words: "the file system cannot do this" },
};

/**
 * What an operating-system error means to a caller of the store, as an error to throw: `doing` says what failed, such as
 * `reading logs/a`. An error that is not the system's (an abort, a SteleError, a bug) is handed back as it is. A code that
 * is not known here is `store.unreachable`: unclear, so neither absence nor refusal.
 */
export function fileError(error: unknown, doing: string): unknown {
  const errno = errnoOf(error);
  if (errno === null) return error;
  const { code, words } = MEANINGS[errno] ?? { code: "store.unreachable", words: "the operating system reported" };
  return new SteleError(code, `${doing}: ${words} (${errno})`, { cause: error });
}

/** The system's error code, such as `ENOENT`, or null when `error` is none of the system's. */
export function errnoOf(error: unknown): string | null {
  if (!(error instanceof Error) || error instanceof SteleError) return null;
  // Node's own argument errors carry codes too (ERR_...); only the system's carry a syscall.
  if (!("syscall" in error) || !("code" in error) || typeof error.code !== "string") return null;
  return error.code;
}
