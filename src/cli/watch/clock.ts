/** Time as the daemon has it; tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after so many milliseconds, and at once when `signal` is aborted. */
  wait(millis: number, signal: AbortSignal): Promise<void>;
}

/** No timer of Node waits longer. */
const MAX_WAIT = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  wait: (millis, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, millis), MAX_WAIT));
      signal.addEventListener("abort", done, { once: true });
    }),
};
