import { once } from "node:events";
import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

let closed = false;

/** Whether the reader of standard output has gone (`stele cat ... | head`): what is written now goes nowhere. */
export function isOutputClosed(): boolean {
  return closed;
}

/** A pipe whose reader leaves is no failure. The work goes on where its result is an exit code. */
export function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (stream === process.stdout) closed = true;
    });
  }
}

/** Colour, on a terminal only; `NO_COLOR` is respected. */
export function style(format: Format, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(format, text, { stream });
}

export function writeLine(line = ""): void {
  if (!closed) process.stdout.write(`${line}\n`);
}

/** The one JSON object of a command that was given `--json`. */
export function writeJson(value: unknown): void {
  writeLine(JSON.stringify(value));
}

/** Takes the bar off its line; drawn again, it stands below what was written. */
const CLEAR_LINE = "\r\u001b[2K";
let barShown = false;

/** Says whether a bar stands on the line that standard error is at. */
export function barOnStderr(shown: boolean): void {
  barShown = shown;
}

export function writeStderr(text: string): void {
  process.stderr.write(barShown ? CLEAR_LINE + text : text);
}

/** Writes bytes to standard output no faster than its reader takes them. */
export async function writeBytes(bytes: Uint8Array): Promise<void> {
  if (closed || process.stdout.write(bytes)) return;
  const drained = new AbortController();
  // An error ends the waiting too; whether it is one is settled where errors of the stream are.
  await Promise.race([
    once(process.stdout, "drain", { signal: drained.signal }),
    once(process.stdout, "close", { signal: drained.signal }),
  ]).catch(() => undefined);
  drained.abort();
}

/** Remarks for a person, on standard error: none with `--quiet`. */
export class Remarks {
  readonly #quiet: boolean;

  constructor(options: { readonly quiet?: true | undefined }) {
    this.#quiet = options.quiet === true;
  }

  note(text: string): void {
    if (!this.#quiet) writeStderr(`${text}\n`);
  }

  /** Said in any case. */
  warn(text: string): void {
    writeStderr(`${style("yellow", "warning:", process.stderr)} ${text}\n`);
  }
}
