import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Outcome, type RunOptions, Stele, stele } from "./stele.ts";

/** An archive in a folder of its own, and a user's places beside it. */
export interface Places extends AsyncDisposable {
  readonly folder: string;
  readonly archive: string;
  /** Of the log `app`. */
  readonly spool: string;
  readonly env: NodeJS.ProcessEnv;
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  start(args: readonly string[]): Stele;
  /** The log's entries, verified. */
  entries(log?: string): Promise<string[]>;
}

/** Makes an archive as its user does. */
export async function places(): Promise<Places> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "stele-cli-")));
  const archive = join(folder, "archive");
  const env = { XDG_CONFIG_HOME: join(folder, "config"), XDG_STATE_HOME: join(folder, "state") };
  const run = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => stele(args, { env, ...options });
  const made = await run(["init", archive, "--origin", "audit.example/prod"]);
  if (made.code !== 0) throw new Error(made.stderr);
  return {
    folder,
    archive,
    spool: join(folder, "state/stele/spool/audit.example+prod+app"),
    env,
    run,
    start: (args) => new Stele(args, env),
    async entries(log = "app") {
      const { code, stdout, stderr } = await run(["cat", archive, "--log", log]);
      if (code !== 0) throw new Error(stderr);
      return stdout.split("\n").slice(0, -1);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** Looks again and again: for what a process does and does not say. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await setTimeout(20);
}
