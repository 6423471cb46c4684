import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Written to standard input, which is then closed. */
  readonly stdin?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  /** Called once it runs, with a way to send it a signal. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void) => void;
  /** Leaves standard input open after `stdin`. */
  readonly keepStdinOpen?: boolean;
}

/** Runs the command as a user does: another process, no terminal. */
export function stele(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env["PATH"], HOME: "/nonexistent", ...options.env };
    const child = spawn(process.execPath, ["--conditions=stele-source", MAIN, ...args], { env });
    const stdout: Buffer[] = [];
    let stderr = "";
    child.stdout.on("data", (part: Buffer) => stdout.push(part));
    child.stderr.on("data", (part: Buffer) => {
      stderr += part.toString();
    });
    // A command that ends without reading all of its input closes the pipe.
    child.stdin.on("error", () => undefined);
    child.stdin.write(options.stdin ?? "");
    if (options.keepStdinOpen !== true) child.stdin.end();
    options.onStart?.((signal) => child.kill(signal));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr }));
  });
}
