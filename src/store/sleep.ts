import { setTimeout } from "node:timers/promises";

/** Waits `ms` milliseconds, or until the signal aborts: then it throws the signal's reason. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export const sleep: Sleep = async (ms, signal) => {
  try {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    // The reason that was given, not the timer's own AbortError.
    signal?.throwIfAborted();
    throw error;
  }
};
