import { reportFailure } from "./failure.ts";
import { Interrupted } from "./interrupt.ts";
import { tolerateClosedPipes } from "./output.ts";
import { buildProgram } from "./program.ts";

/** Runs one command line; the exit code is left in `process.exitCode`. */
export async function run(args: readonly string[]): Promise<void> {
  tolerateClosedPipes();
  const json = hasFlag(args, "--json");
  try {
    await (await buildProgram(args)).parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof Interrupted) {
      process.exitCode = error.exitCode;
      return;
    }
    const debug = process.env["STELE_DEBUG"];
    process.exitCode = reportFailure(error, { json, debug: debug !== undefined && debug !== "" && debug !== "0" });
  }
}

/** Asked before the options are parsed, since that may be what fails. */
function hasFlag(args: readonly string[], flag: string): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes(flag);
}
