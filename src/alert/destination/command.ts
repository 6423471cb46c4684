import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { type Alarm, formatAlarm } from "../../sweep/alarm.ts";
import type { CommandConfig } from "../config.ts";
import { foundBy } from "../envelope/details.ts";
import type { Surroundings } from "../secret.ts";
import { shorten, visible } from "../text.ts";
import { DELIVERED, type Destination, failed, type Outcome } from "./destination.ts";

export interface CommandContext extends Surroundings {
  /** Milliseconds. */
  readonly timeout: number;
}

/** Of what it says the end is kept, where the error mostly stands. */
const MAX_OUTPUT = 4096;
/** How long its output is waited for after it ended: something that it started may hold the pipe open. */
const OUTPUT_MILLIS = 500;

/**
 * A program that is run for each alarm, without a shell: the alarm as one line of JSON on standard input, STELE_ALARM_* and
 * nothing else in its environment. Exit code 0 says that it took the alarm.
 */
export function commandDestination({ name, command, timeout }: CommandConfig, context: CommandContext): Destination {
  const [program = "", ...args] = command;
  return {
    name,
    async deliver(alarm, _now, signal) {
      signal.throwIfAborted();
      const { folder } = context;
      return run(resolve(folder, program), args, alarm, { folder, timeout: timeout ?? context.timeout, signal });
    },
  };
}

function run(
  program: string,
  args: readonly string[],
  alarm: Alarm,
  { folder, timeout, signal }: { readonly folder: string; readonly timeout: number; readonly signal: AbortSignal },
): Promise<Outcome> {
  return new Promise((settle, reject) => {
    // A group of its own: what it starts ends with it when it takes too long.
    const child = spawn(program, args, { cwd: folder, env: environment(alarm), shell: false, detached: true, stdio: "pipe" });
    let output = "";
    let why: string | null = null;
    const collect = (part: Buffer): void => {
      output = (output + part.toString("utf8")).slice(-MAX_OUTPUT);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    // Who does not read its input closes the pipe: the exit code decides.
    child.stdin.on("error", () => undefined);
    child.stdin.end(`${formatAlarm(alarm)}\n`);
    const timer = setTimeout(() => {
      why = `did not end within ${timeout / 1000} s`;
      kill(child);
    }, timeout);
    const onAbort = (): void => kill(child);
    signal.addEventListener("abort", onAbort, { once: true });
    const end = (outcome: () => Outcome): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
      else settle(outcome());
    };
    let open: NodeJS.Timeout | undefined;
    child.on("error", (error) => end(() => failed(`could not be run: ${visible(error.message)}`)));
    child.on("exit", () => {
      open = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, OUTPUT_MILLIS);
    });
    child.on("close", (code, killedBy) => {
      clearTimeout(open);
      end(() => {
        if (code === 0 && why === null) return DELIVERED;
        const how = why ?? (code === null ? `was ended by ${killedBy ?? "a signal"}` : `ended with exit code ${code}`);
        const said = visible(output.trim());
        return failed(said === "" ? how : `${how}: ${shorten(said, 300)}`);
      });
    });
  });
}

function environment(alarm: Alarm): Record<string, string> {
  const { id, kind, severity, at, origin, log, subject, title, event } = alarm;
  const values = {
    ID: id,
    KIND: kind,
    SEVERITY: severity,
    AT: at,
    ORIGIN: origin,
    LOG: log,
    SUBJECT: subject,
    TITLE: title,
    CODE: foundBy(alarm),
    ...(event === undefined ? {} : { INDEX: event.index.toString() }),
  };
  // One line each, no NUL, and short: the system bounds an environment.
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`STELE_ALARM_${key}`, shorten(visible(value), 1024)]));
}

function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended just now.
  }
}
