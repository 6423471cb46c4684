import { inspect } from "node:util";
import { CommanderError } from "commander";
import { isSteleError } from "../core/error.ts";
import { EXIT, type ExitCode, exitOfError } from "./exit.ts";
import { style, writeJson, writeStderr } from "./output.ts";
import { printable } from "./words.ts";

export interface Failure {
  readonly exit: ExitCode;
  readonly code: string;
  readonly message: string;
}

/** Says on standard error (and with `json` on standard output) why the command ended, and gives the exit code. */
export function reportFailure(error: unknown, options: { readonly json: boolean; readonly debug: boolean }): ExitCode {
  // Help and version were asked for; a wrong use was already said by commander, on standard error.
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.sound;
    if (options.json) writeFailure({ exit: EXIT.usage, code: "input.invalid", message: error.message.replace(/^error: /, "") });
    return EXIT.usage;
  }
  const failure = describeFailure(error);
  writeStderr(`${style("red", "stele:", process.stderr)} ${printable(failure.message)}\n`);
  if (!isSteleError(error)) {
    writeStderr(`This is a defect of Stele. Please report it, with this:\n${printable(stackOf(error))}\n`);
  } else if (options.debug) {
    writeStderr(`${printable(stackOf(error))}\n`);
  }
  if (options.json) writeFailure(failure);
  return failure.exit;
}

function describeFailure(error: unknown): Failure {
  if (isSteleError(error)) return { exit: exitOfError(error), code: error.code, message: error.message };
  const message = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error);
  return { exit: EXIT.unknown, code: "internal", message: `unexpected error: ${message}` };
}

function writeFailure({ code, message }: Failure): void {
  writeJson({ ok: false, error: { code, message } });
}

/** The stack, and those of the causes below it. */
function stackOf(error: unknown): string {
  const stacks: string[] = [];
  let at = error;
  for (; at instanceof Error && stacks.length < 8; at = at.cause) stacks.push(at.stack ?? at.message);
  if (at !== undefined && stacks.length < 8) stacks.push(inspect(at));
  return stacks.join("\ncaused by: ");
}
