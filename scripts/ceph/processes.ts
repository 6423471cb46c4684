import { execFile, spawn } from "node:child_process";
import { openSync, closeSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);

/** A program that was started and runs until it is killed. */
export interface Daemon {
  readonly name: string;
  readonly pid: number;
}

/** Runs a program to its end and gives its standard output. @throws Error with what it printed on standard error. */
export async function runTool(command: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  try {
    const { stdout } = await execFileAsync(command, args, { signal, timeout: 60_000, maxBuffer: 16 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    signal?.throwIfAborted();
    const stderr = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new Error(`${command} ${args.join(" ")} failed${stderr === "" ? "" : `:\n${stderr}`}`, { cause: error });
  }
}

export interface SpawnOptions {
  readonly name: string;
  /** File that takes standard output and standard error. */
  readonly output: string;
  /** Whether the daemon shall outlive this process. */
  readonly detached: boolean;
}

/**
 * Starts a daemon. One that is not detached is killed by the kernel when this process dies, even by SIGKILL, so that
 * a crashed test run leaves nothing behind.
 */
export async function spawnDaemon(command: string, args: readonly string[], options: SpawnOptions): Promise<Daemon> {
  const output = openSync(options.output, "a");
  try {
    const [program, programArgs] = options.detached ? [command, args] : ["setpriv", ["--pdeathsig", "KILL", command, ...args]];
    // Its own process group in any case: Ctrl-C must reach us first, so that the daemons stop in order.
    const child = spawn(program, programArgs, { stdio: ["ignore", output, output], detached: true });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("spawn", () =>
        child.pid === undefined ? reject(new Error(`${command} has no process id`)) : resolve(child.pid),
      );
    });
    child.unref();
    return { name: options.name, pid };
  } finally {
    closeSync(output);
  }
}

/**
 * Whether the process still runs and is one of the cluster's: its command line names `marker`. A process id alone
 * proves nothing, since the system hands it out again.
 */
export function isRunning(daemon: Daemon, marker: string): boolean {
  try {
    return readFileSync(`/proc/${daemon.pid}/cmdline`, "utf8").split("\0").includes(marker);
  } catch {
    return false;
  }
}

/** Sends SIGKILL at once: the data is thrown away anyway, and an OSD without its monitor takes minutes to end by itself. */
export function killNow(daemons: readonly Daemon[], marker: string): void {
  for (const daemon of daemons) {
    if (!isRunning(daemon, marker)) continue;
    try {
      process.kill(daemon.pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

/** Kills the daemons and waits until they are gone. @throws Error when one survives ten seconds. */
export async function killAll(daemons: readonly Daemon[], marker: string): Promise<void> {
  killNow(daemons, marker);
  for (let tries = 0; tries < 200; tries++) {
    if (!daemons.some((daemon) => isRunning(daemon, marker))) return;
    await delay(50);
  }
  const left = daemons.filter((daemon) => isRunning(daemon, marker)).map((daemon) => `${daemon.name} (${daemon.pid})`);
  throw new Error(`could not end ${left.join(", ")}`);
}
