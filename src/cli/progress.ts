import { SingleBar } from "cli-progress";
import { barOnStderr, writeStderr } from "./output.ts";

/** Shows how far a long piece of work has come, on standard error. */
export interface Progress {
  /**
   * @param fraction from 0 to 1; null when it is not known how much there is
   * @param text how much was done, in words
   */
  update(fraction: number | null, text: string): void;
  /** Takes a bar off the line, so that something else can be printed. */
  stop(): void;
}

const LINE_EVERY_MS = 10_000;
const STEPS = 1000;
const WIDTH = 30;

/** A bar on a terminal, a line now and then elsewhere. */
export function showProgress(options: { readonly quiet?: true | undefined }): Progress {
  if (options.quiet === true) return { update: () => undefined, stop: () => undefined };
  return process.stderr.isTTY ? bar() : lines();
}

function bar(): Progress {
  let known = false;
  const shown = new SingleBar({
    format: (_options, params, payload: { text: string }) => {
      if (!known) return `  ${payload.text}`;
      const full = Math.round(params.progress * WIDTH);
      return `  ${"\u2588".repeat(full)}${"\u2591".repeat(WIDTH - full)} ${percent(params.progress)}  ${payload.text}`;
    },
    clearOnComplete: true,
    stopOnComplete: false,
    stream: process.stderr,
    fps: 5,
    gracefulExit: false,
  });
  shown.start(STEPS, 0, { text: "" });
  barOnStderr(true);
  return {
    update: (fraction, text) => {
      known = fraction !== null;
      shown.update(Math.round(clamped(fraction ?? 0) * STEPS), { text });
    },
    stop: () => {
      barOnStderr(false);
      shown.stop();
    },
  };
}

function lines(): Progress {
  let last = Date.now();
  return {
    update: (fraction, text) => {
      if (Date.now() - last < LINE_EVERY_MS) return;
      last = Date.now();
      writeStderr(fraction === null ? `${text}\n` : `${percent(clamped(fraction))}  ${text}\n`);
    },
    stop: () => undefined,
  };
}

function clamped(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}

function percent(fraction: number): string {
  return `${Math.floor(fraction * 100)} %`;
}
