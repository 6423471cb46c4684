/**
 * A call that hangs, until its signal aborts or `until` settles; then it fails. With `persisted` it has done its work before
 * it hangs; without, it never does.
 */
export interface HangFault {
  readonly kind: "hang";
  readonly persisted: boolean;
  readonly until: Promise<unknown>;
  /** Called when a call begins to hang. */
  readonly reached?: () => void;
  /** What is thrown when `until` has settled; `store.unreachable` when left out, as when the adapter's own timeout ends it. */
  readonly error?: unknown;
  /** A listing that is not `persisted` hangs after so many versions. Default 0. */
  readonly items?: number;
}

export interface Hang {
  readonly fault: HangFault;
  /** Resolves when the first call hangs. */
  readonly reached: Promise<void>;
  /** Ends every call that hangs, now or later. */
  readonly release: () => void;
}

/** A fault that hangs, with the hold on it that a test needs. */
export function hanging(options: Pick<HangFault, "persisted" | "error" | "items">): Hang {
  const met = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  return {
    fault: { kind: "hang", ...options, until: end.promise, reached: met.resolve },
    reached: met.promise,
    release: end.resolve,
  };
}

/** @throws the signal's reason, when it is aborted before `promise` settles */
export async function unlessAborted(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return void (await promise);
  signal.throwIfAborted();
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
  signal.throwIfAborted();
}
