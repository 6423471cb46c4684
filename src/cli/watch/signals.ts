/** What the daemon is asked from outside. */
export interface Signals extends Disposable {
  /** At the first SIGTERM or SIGINT: finish what was begun. */
  readonly stop: AbortSignal;
  /** At the second: end at once. */
  readonly abort: AbortSignal;
}

export interface SignalHandlers {
  /** SIGHUP. */
  readonly reload: () => void;
  readonly stopping: (signal: string) => void;
}

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;
/** How long what was aborted may take to let go. */
const GRACE_MS = 1000;

export function onSignals({ reload, stopping }: SignalHandlers): Signals {
  const stop = new AbortController();
  const abort = new AbortController();
  const receive = (signal: keyof typeof CODES): void => {
    const why = new Error(`ended by ${signal}`);
    if (!stop.signal.aborted) {
      stopping(signal);
      stop.abort(why);
      return;
    }
    process.exitCode = CODES[signal];
    setTimeout(() => process.exit(CODES[signal]), GRACE_MS).unref();
    abort.abort(why);
  };
  const listeners = { SIGINT: () => receive("SIGINT"), SIGTERM: () => receive("SIGTERM"), SIGHUP: reload } as const;
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener);
  return {
    stop: stop.signal,
    abort: abort.signal,
    [Symbol.dispose]: () => {
      for (const [signal, listener] of Object.entries(listeners)) process.off(signal, listener);
    },
  };
}
