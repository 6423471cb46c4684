import { randomBytes, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CEPH_FOLDERS, type CephPaths, cephConf, cephPaths } from "./config.ts";
import { ensureCephPackages } from "./packages.ts";
import { type Daemon, isRunning, killAll, killNow, runTool, spawnDaemon } from "./processes.ts";
import { type CephState, readState, writeState } from "./state.ts";

export interface CephOptions {
  /** Port of the S3 endpoint on 127.0.0.1; 0 takes a free one. Default 8000. */
  readonly port?: number | undefined;
  /** Folder for the cluster's data, created here and removed by stop. Default: one in the system's temporary folder, named for the port. */
  readonly dir?: string | undefined;
  /** Whether the cluster outlives this process. Default false: it dies with it, whatever the reason. */
  readonly detached?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Takes lines of progress. Default: nowhere. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface CephCluster {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly dir: string;
  /** What a program that speaks S3 needs in its environment to reach this cluster, and `STELE_TEST_S3=1`. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends every process and removes the data. Harmless when called twice. */
  stop(): Promise<void>;
}

const REGION = "us-east-1";
const S3_WAIT_MS = 60_000;

/** The folder of the cluster on `port`, unless another is named. */
export function defaultCephDir(port: number): string {
  return join(tmpdir(), `stele-ceph-${port}`);
}

/**
 * Starts a single-node Ceph with an S3 gateway on loopback, and returns when S3 answers (about two seconds when the packages are
 * there). When it fails or is aborted, no process and no file is left.
 * @throws Error with the end of the failing daemon's log.
 */
export async function startCeph(options: CephOptions = {}): Promise<CephCluster> {
  const log = options.log ?? (() => {});
  await ensureCephPackages(log);
  options.signal?.throwIfAborted();
  const port = options.port === undefined ? 8000 : options.port === 0 ? await freePort() : options.port;
  await assertFree(port);
  const dir = resolve(options.dir ?? defaultCephDir(port));
  await claimDir(dir);

  const paths = cephPaths(dir);
  const state: CephState = {
    format: "stele-ceph/1",
    endpoint: `http://127.0.0.1:${port}`,
    region: REGION,
    accessKey: randomBytes(10).toString("hex").toUpperCase(),
    secretKey: randomBytes(20).toString("hex"),
    ready: false,
    daemons: [],
  };
  const onExit = () => {
    killNow(state.daemons, paths.conf);
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  const stop = async () => {
    process.off("exit", onExit);
    await discard(dir, state.daemons);
  };
  process.on("exit", onExit);
  try {
    await boot(paths, state, port, { ...options, log });
  } catch (error) {
    const tails = options.signal?.aborted === true ? "" : await logTails(paths.logs);
    await stop();
    options.signal?.throwIfAborted();
    throw new Error(`Ceph did not start: ${error instanceof Error ? error.message : String(error)}${tails}`, { cause: error });
  }
  if (options.detached === true) process.off("exit", onExit);
  return { ...credentials(state), dir, stop };
}

/** The cluster whose data is in `dir`, with whether all its daemons run; null when there is none. */
export async function findCeph(dir: string): Promise<{ cluster: CephCluster; running: boolean } | null> {
  const folder = resolve(dir);
  const state = await readState(folder);
  if (state === null) return null;
  const marker = cephPaths(folder).conf;
  const running = state.ready && state.daemons.every((daemon) => isRunning(daemon, marker));
  return { cluster: { ...credentials(state), dir: folder, stop: () => discard(folder, state.daemons) }, running };
}

async function boot(
  paths: CephPaths,
  state: CephState,
  port: number,
  options: CephOptions & { log: (line: string) => void },
): Promise<void> {
  const { signal, log } = options;
  const save = () => writeState(paths.dir, state);
  await save();
  for (const folder of CEPH_FOLDERS) await mkdir(join(paths.dir, folder));
  const fsid = randomUUID();
  const osdId = randomUUID();
  const monPort = await freePort();
  await writeFile(paths.conf, cephConf(paths, { fsid, monPort, s3Port: port }));

  const conf = ["--conf", paths.conf];
  const daemon = async (name: string, command: string, args: readonly string[]): Promise<Daemon> => {
    signal?.throwIfAborted();
    log(`starting ${command}`);
    const started = await spawnDaemon(command, [...args, "--foreground", ...conf], {
      name,
      output: join(paths.logs, `${name}.out`),
      detached: options.detached === true,
    });
    state.daemons.push(started);
    await save();
    return started;
  };

  await createKeyring(paths.keyring, signal);
  await runTool("monmaptool", ["--create", "--fsid", fsid, "--addv", "x", `[v2:127.0.0.1:${monPort}]`, paths.monmap], signal);
  await runTool("ceph-mon", [...conf, "--mkfs", "--id", "x", "--monmap", paths.monmap, "--keyring", paths.keyring], signal);
  await daemon("mon", "ceph-mon", ["--id", "x"]);
  await runTool("ceph", [...conf, "--connect-timeout", "30", "osd", "new", osdId], signal);
  await runTool("ceph-osd", [...conf, "--mkfs", "--id", "0", "--osd-uuid", osdId], signal);
  await daemon("osd", "ceph-osd", ["--id", "0"]);
  await daemon("rgw", "radosgw", ["--name", "client.rgw"]);
  await untilS3Answers(state, paths.conf, signal);
  const { accessKey, secretKey } = state;
  const user = ["--uid", "stele", "--display-name", "stele", "--access-key", accessKey, "--secret-key", secretKey];
  await runTool("radosgw-admin", [...conf, "user", "create", ...user], signal);
  state.ready = true;
  await save();
}

async function createKeyring(keyring: string, signal: AbortSignal | undefined): Promise<void> {
  const all = (...daemons: string[]) => daemons.flatMap((daemon) => ["--cap", daemon, "allow *"]);
  const tool = (...args: string[]) => runTool("ceph-authtool", [keyring, "--gen-key", ...args], signal);
  await tool("--create-keyring", "--name", "mon.", ...all("mon"));
  await tool("--name", "client.admin", ...all("mon", "osd", "mgr"));
  await tool("--name", "osd.0", ...all("mon", "osd"));
  await tool("--name", "client.rgw", ...all("mon", "osd"));
}

async function untilS3Answers(state: CephState, marker: string, signal: AbortSignal | undefined): Promise<void> {
  const deadline = Date.now() + S3_WAIT_MS;
  let last: unknown;
  while (Date.now() < deadline) {
    signal?.throwIfAborted();
    const dead = state.daemons.find((daemon) => !isRunning(daemon, marker));
    if (dead !== undefined) throw new Error(`${dead.name} ended`);
    try {
      const response = await fetch(state.endpoint, { signal: AbortSignal.timeout(2000) });
      if (response.ok && (await response.text()).includes("ListAllMyBucketsResult")) return;
      last = new Error(`HTTP ${response.status}`);
    } catch (error) {
      last = error;
    }
    await delay(50);
  }
  throw new Error(`no answer from ${state.endpoint} within ${S3_WAIT_MS / 1000} s`, { cause: last });
}

function credentials(state: CephState): Omit<CephCluster, "dir" | "stop"> {
  const { endpoint, region, accessKey, secretKey } = state;
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    // An inherited token would be sent along with keys that it does not belong to.
    AWS_SESSION_TOKEN: "",
    AWS_S3_PATH_STYLE: "true",
    STELE_TEST_S3: "1",
  };
  return { endpoint, region, accessKey, secretKey, env };
}

/** Takes an empty or new folder, or one that a dead cluster left; anything else may hold someone's files. */
async function claimDir(dir: string): Promise<void> {
  const earlier = await findCeph(dir);
  if (earlier?.running === true)
    throw new Error(`a cluster runs already in ${dir} at ${earlier.cluster.endpoint}; stop it first`);
  if (earlier !== null) await earlier.cluster.stop();
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if ((await readdir(dir)).length > 0) throw new Error(`${dir} is neither empty nor a cluster's folder; name another with --dir`);
}

async function discard(dir: string, daemons: readonly Daemon[]): Promise<void> {
  await killAll(daemons, cephPaths(dir).conf);
  await rm(dir, { recursive: true, force: true });
}

async function logTails(logs: string): Promise<string> {
  let names: string[];
  try {
    names = (await readdir(logs)).filter((name) => name !== "cluster.log").sort();
  } catch {
    return "";
  }
  const tails: string[] = [];
  for (const name of names) {
    const lines = (await readFile(join(logs, name), "utf8")).trimEnd().split("\n").slice(-8).join("\n");
    if (lines !== "") tails.push(`\n--- ${name}\n${lines}`);
  }
  return tails.join("");
}

function freePort(): Promise<number> {
  return listenOnce(0);
}

async function assertFree(port: number): Promise<void> {
  try {
    await listenOnce(port);
  } catch (error) {
    throw new Error(`port ${port} on 127.0.0.1 is taken; choose another with --port, or 0 for any free one`, { cause: error });
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((done, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === "object" ? done(address.port) : reject(new Error("no port"))));
    });
  });
}
