import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
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
export async function stele(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const running = new Stele(args, options.env);
  running.write(options.stdin ?? "");
  if (options.keepStdinOpen !== true) running.endInput();
  options.onStart?.((signal) => running.kill(signal));
  return running.outcome;
}

/** The command while it runs. */
export class Stele {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #stdout: Buffer[] = [];
  #stderr = "";
  readonly #waiting = new Set<() => void>();
  #ended = false;
  /** How it ended. */
  readonly outcome: Promise<Outcome>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, ["--conditions=stele-source", MAIN, ...args], {
      env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...env },
    });
    this.#child.stdout.on("data", (part: Buffer) => this.#stdout.push(part));
    this.#child.stderr.on("data", (part: Buffer) => {
      this.#stderr += part.toString();
      for (const look of this.#waiting) look();
    });
    // A command that ends without reading all of its input closes the pipe.
    this.#child.stdin.on("error", () => undefined);
    this.outcome = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("close", (code) => {
        this.#ended = true;
        for (const look of this.#waiting) look();
        resolve({ code, stdout: Buffer.concat(this.#stdout).toString(), stderr: this.#stderr });
      });
    });
  }

  write(stdin: string | Uint8Array): void {
    this.#child.stdin.write(stdin);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** What standard error holds by now. */
  get said(): string {
    return this.#stderr;
  }

  /** Resolves when standard error holds `text`; rejects when the command ends without saying it. */
  says(text: string | RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (typeof text === "string" ? this.#stderr.includes(text) : text.test(this.#stderr)) {
          this.#waiting.delete(look);
          resolve();
        } else if (this.#ended) {
          this.#waiting.delete(look);
          reject(new Error(`it ended without saying ${String(text)}; it said:\n${this.#stderr}`));
        }
      };
      this.#waiting.add(look);
      look();
    });
  }
}
