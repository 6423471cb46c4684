import { writeStderr } from "./output.ts";

/** What SIGINT and SIGTERM ask of a command that may not stop just anywhere. */
export interface Interruption {
  /** At the first signal: begin nothing new, finish what was begun. */
  readonly stop: AbortSignal;
  /** At the second: end at once. */
  readonly abort: AbortSignal;
  /** 130 or 143 after a signal, else null. */
  exitCode(): number | null;
  [Symbol.dispose](): void;
}

/** Why an aborted command ended: not a failure to be explained. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: string, exitCode: number) {
    super(`ended by ${signal}`);
    this.name = "Interrupted";
    this.exitCode = exitCode;
  }
}

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;
/** How long what was aborted may take to let go. */
const GRACE_MS = 1000;

/** @param message said at the first signal */
export function onInterrupt(message: string): Interruption {
  const stop = new AbortController();
  const abort = new AbortController();
  let code: number | null = null;
  const receive = (signal: keyof typeof CODES): void => {
    const received = CODES[signal];
    if (code === null) {
      code = received;
      writeStderr(`\nstele: ${message}\n`);
      stop.abort(new Interrupted(signal, received));
      return;
    }
    process.exitCode = received;
    setTimeout(() => process.exit(received), GRACE_MS).unref();
    abort.abort(new Interrupted(signal, received));
  };
  const onInt = (): void => receive("SIGINT");
  const onTerm = (): void => receive("SIGTERM");
  process.on("SIGINT", onInt);
  process.on("SIGTERM", onTerm);
  return {
    stop: stop.signal,
    abort: abort.signal,
    exitCode: () => code,
    [Symbol.dispose]: () => {
      process.off("SIGINT", onInt);
      process.off("SIGTERM", onTerm);
    },
  };
}

/** Ends the archiving of what is spooled: `millis` after the first signal, or at the second. */
export function drainLimit({ stop, abort }: Interruption, millis: number): { readonly signal: AbortSignal } & Disposable {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    if (millis === 0) over.abort(new Error("nothing more is archived"));
    else timer = setTimeout(() => over.abort(new Error(`not all was archived within ${millis} ms`)), millis);
  };
  if (stop.aborted) begin();
  else stop.addEventListener("abort", begin, { once: true });
  return {
    signal: AbortSignal.any([over.signal, abort]),
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", begin);
    },
  };
}
