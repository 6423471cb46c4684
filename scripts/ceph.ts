import { spawn } from "node:child_process";
import { constants } from "node:os";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type CephCluster, defaultCephDir, findCeph, startCeph } from "./ceph/cluster.ts";

export { type CephCluster, type CephOptions, findCeph, startCeph } from "./ceph/cluster.ts";

const USAGE = `usage: node scripts/ceph.ts start|stop|status [--port N] [--dir D] [--json]
       node scripts/ceph.ts run [--port N] [--dir D] -- COMMAND...

A throw-away single-node Ceph with an S3 endpoint on 127.0.0.1, its objects in memory.
  start   starts it in the background, prints endpoint and keys
  status  says whether it runs (exit 0) or not (exit 1)
  stop    ends it and removes its data
  run     starts one, runs COMMAND with AWS_ENDPOINT_URL and keys in its environment, ends it
  --port  of the S3 endpoint; default 8000, for run any free one
  --dir   for its data; default a folder in the system's temporary folder, named for the port
`;

interface Arguments {
  readonly action: string | undefined;
  readonly port: number | undefined;
  readonly dir: string | undefined;
  readonly json: boolean;
  readonly command: readonly string[];
}

class UsageError extends Error {}

/** Runs the command line and gives its exit code: 0 done, 1 failed or not running, 2 wrong use, 128+n ended by signal n. */
export async function main(argv: readonly string[]): Promise<number> {
  const stopping = new AbortController();
  let received: "SIGINT" | "SIGTERM" | undefined;
  const onSignal = (name: "SIGINT" | "SIGTERM") => {
    received = name;
    stopping.abort(new Error(`interrupted by ${name}`));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const code = await act(readArguments(argv), stopping.signal);
    return received === undefined ? code : 128 + constants.signals[received];
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof UsageError) return 2;
    return received === undefined ? 1 : 128 + constants.signals[received];
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function readArguments(argv: readonly string[]): Arguments {
  const dashes = argv.indexOf("--");
  const own = dashes === -1 ? argv : argv.slice(0, dashes);
  try {
    const { values, positionals } = parseArgs({
      args: [...own],
      allowPositionals: true,
      options: { port: { type: "string" }, dir: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean" } },
    });
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65536)) {
      throw new Error(`--port: expected 0 to 65535, got ${values.port}`);
    }
    if (positionals.length > 1) throw new Error(`unexpected ${positionals.slice(1).join(" ")}`);
    return {
      action: values.help === true ? "help" : positionals[0],
      port,
      dir: values.dir,
      json: values.json === true,
      command: dashes === -1 ? [] : argv.slice(dashes + 1),
    };
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

async function act(args: Arguments, signal: AbortSignal): Promise<number> {
  const log = (line: string) => process.stderr.write(`ceph: ${line}\n`);
  const dir = args.dir ?? defaultCephDir(args.port ?? 8000);
  switch (args.action) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "start":
      print(await startCeph({ port: args.port, dir: args.dir, detached: true, signal, log }), args.json);
      return 0;
    case "status": {
      const found = await findCeph(dir);
      if (found === null || !found.running) {
        process.stderr.write(found === null ? `no cluster in ${dir}\n` : `the cluster in ${dir} is not (wholly) running\n`);
        return 1;
      }
      print(found.cluster, args.json);
      return 0;
    }
    case "stop": {
      const found = await findCeph(dir);
      if (found === null) process.stderr.write(`no cluster in ${dir}\n`);
      else await found.cluster.stop();
      return 0;
    }
    case "run": {
      if (args.command.length === 0) throw new UsageError(`run: expected a command after --\n${USAGE}`);
      const cluster = await startCeph({ port: args.port ?? 0, dir: args.dir, signal, log });
      try {
        return await runCommand(args.command, cluster, signal);
      } finally {
        await cluster.stop();
      }
    }
    default:
      throw new UsageError(USAGE);
  }
}

function print(cluster: CephCluster, json: boolean): void {
  const { endpoint, region, accessKey, secretKey, dir } = cluster;
  if (json) process.stdout.write(`${JSON.stringify({ endpoint, accessKey, secretKey, region, dir })}\n`);
  else
    process.stdout.write(
      `endpoint   ${endpoint}\naccessKey  ${accessKey}\nsecretKey  ${secretKey}\nregion     ${region}\ndata       ${dir}\n`,
    );
}

function runCommand(command: readonly string[], cluster: CephCluster, signal: AbortSignal): Promise<number> {
  const [program = "", ...args] = command;
  // With AWS_PROFILE set, the SDK would prefer that profile to the keys.
  const { AWS_PROFILE: _profile, ...inherited } = process.env;
  const child = spawn(program, args, { stdio: "inherit", env: { ...inherited, ...cluster.env } });
  const pass = () => void child.kill("SIGTERM");
  signal.addEventListener("abort", pass, { once: true });
  return new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`can't run ${program}: ${error.message}`, { cause: error })));
    child.once("close", (code, name) => resolve(code ?? (name === null ? 1 : 128 + constants.signals[name])));
  }).finally(() => signal.removeEventListener("abort", pass));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2));
}
