import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What a user is to be told without a stack. */
export class Refusal extends Error {}

/** One process, from its start to its end. */
export interface Run {
  readonly seconds: number;
  /** Bytes; null where it was not asked for. */
  readonly peak: number | null;
  readonly stdout: string;
}

/** Runs in the measured process: leaves its peak resident set, in KiB, in a file when it ends. */
const PEAK_HOOK = `data:text/javascript,${encodeURIComponent(
  'import { writeFileSync } from "node:fs"; import { isMainThread } from "node:worker_threads";' +
    'if (isMainThread) process.on("exit", () => writeFileSync(process.env.STELE_BENCH_PEAK, String(process.resourceUsage().maxRSS)));',
)}`;

/** Runs a program to its end. @throws Error with what it said when it ends with a code that is not among `codes`, only 0 by default */
export function execute(
  program: string,
  args: readonly string[],
  { env = {}, codes = [0] }: { readonly env?: Record<string, string>; readonly codes?: readonly number[] } = {},
): Promise<Run> {
  const started = performance.now();
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((done, failed) => {
    child.once("error", failed);
    child.once("close", (code, signal) => {
      const seconds = (performance.now() - started) / 1000;
      if (code !== null && codes.includes(code)) done({ seconds, peak: null, stdout });
      else
        failed(
          new Error(
            `${[program, ...args].join(" ").slice(-400)}\nended with ${code ?? signal}: ${(stderr || stdout).slice(0, 2000)}`,
          ),
        );
    });
  });
}

/** A program in this Node, as a whole process, with its peak memory. `folder` is where that is written down. */
export async function executeNode(args: readonly string[], folder: string, env: Record<string, string> = {}): Promise<Run> {
  const peakFile = join(folder, "peak");
  const run = await execute(process.execPath, ["--import", PEAK_HOOK, ...args], {
    env: { ...env, STELE_BENCH_PEAK: peakFile },
  });
  return { ...run, peak: Number(await readFile(peakFile, "utf8")) * 1024 };
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
