import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, platform, release, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { z } from "zod";
import { generateEvents } from "./gen-events.ts";

const HELP = `npm run bench -- [options]

Archives generated events into a folder and verifies them down to every byte, as whole processes, beside what two
well-known tools need for the bare work on the same file: zstd -3 on one thread, then openssl dgst -sha256.

  --bytes SIZE  size of the events (default 500MB)
  --large SIZE  measure memory at this size as well, such as 2GB
  --runs N      how often each is run, in turns; the median counts (default 3)
  --json FILE   write the figures, and what machine they are of, to FILE
  --dir DIR     where the events are kept for the next time, and archives are made and removed again
                (default: stele-bench in the folder for temporary files)
`;

const COMMAND = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const GENERATOR = fileURLToPath(new URL("gen-events.ts", import.meta.url));
const ORIGIN = "bench.example";
const LOG = "events";
const SEED = "bench";

/** Runs in the measured process: leaves its peak resident set, in KiB, in a file when it ends. */
const PEAK_HOOK = `data:text/javascript,${encodeURIComponent(
  'import { writeFileSync } from "node:fs"; import { isMainThread } from "node:worker_threads";' +
    'if (isMainThread) process.on("exit", () => writeFileSync(process.env.STELE_BENCH_PEAK, String(process.resourceUsage().maxRSS)));',
)}`;

/** What a user is to be told without a stack. */
class Refusal extends Error {}

/** One process, from its start to its end. */
interface Run {
  readonly seconds: number;
  /** Bytes; null where it was not asked for. */
  readonly peak: number | null;
  readonly stdout: string;
}

interface Figures {
  readonly seconds: readonly number[];
  readonly median: number;
  /** 10^6 bytes of events a second. */
  readonly megabytesPerSecond: number;
  readonly eventsPerSecond: number;
  /** Bytes: the largest of the runs. */
  readonly peakMemory: number | null;
}

interface Sample {
  readonly bytes: number;
  readonly events: number;
  readonly storedBytes: number;
  readonly baseline: Figures | null;
  readonly archive: Figures;
  readonly verify: Figures;
}

const ARCHIVED = z.object({ ok: z.literal(true), entries: z.int(), rawBytes: z.int(), storedBytes: z.int() });
const VERIFIED = z.object({ ok: z.literal(true), logs: z.array(z.object({ entries: z.int(), bytes: z.int() })).length(1) });

async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      bytes: { type: "string", default: "500MB" },
      large: { type: "string" },
      runs: { type: "string", default: "3" },
      json: { type: "string" },
      dir: { type: "string", default: join(tmpdir(), "stele-bench") },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  if (!/^[1-9]\d?$/.test(values.runs)) throw new Refusal(`--runs: expected a number from 1 to 99, got ${values.runs}`);
  if (!existsSync(COMMAND))
    throw new Refusal("dist/cli/main.js is missing: start this with npm run bench, which builds it first");
  const tools = { zstd: await versionOf("zstd", "--version"), openssl: await versionOf("openssl", "version") };
  const dir = resolve(values.dir);
  await mkdir(dir, { recursive: true });

  const main = await measure(dir, values.bytes, Number(values.runs), true);
  const large = values.large === undefined ? null : await measure(dir, values.large, 1, false);
  const machine = {
    cpu: cpus()[0]?.model ?? "unknown",
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    node: process.version,
    ...tools,
  };
  const result = { format: "stele-bench/1", measured: new Date().toISOString(), machine, main, large };
  print(result);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
}

async function measure(dir: string, size: string, runs: number, withBaseline: boolean): Promise<Sample> {
  const file = await eventsFile(dir, size);
  const bytes = (await stat(file)).size;
  // Reads the file once, unmeasured, so that the first of the measured processes finds it in memory as the others do.
  await execute("openssl", ["dgst", "-sha256", file]);
  const baseline: Run[] = [];
  const archive: Run[] = [];
  const verify: Run[] = [];
  let entries = 0;
  let storedBytes = 0;
  for (let run = 1; run <= runs; run++) {
    say(`${megabytes(bytes)} MB, run ${run} of ${runs}`);
    const folder = await mkdtemp(join(dir, "run-"));
    try {
      if (withBaseline) baseline.push(await runBaseline(file, folder));
      const store = join(folder, "archive");
      const key = join(folder, "bench.key");
      await stele(folder, ["init", store, "--origin", ORIGIN, "--retention", "90d", "--key-file", key]);
      archive.push(await stele(folder, ["archive", store, "--log", LOG, "--key-file", key, file]));
      verify.push(await stele(folder, ["verify", store, "--level", "content", "--key", await verifierKey(folder, key)]));
      const archived = answer(ARCHIVED, archive.at(-1));
      const verified = answer(VERIFIED, verify.at(-1)).logs[0];
      if (archived.rawBytes !== bytes || verified?.bytes !== bytes || verified.entries !== archived.entries) {
        throw new Error(`of ${bytes} bytes ${archived.rawBytes} were archived and ${verified?.bytes} verified`);
      }
      entries = archived.entries;
      storedBytes = archived.storedBytes;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const figures = (of: readonly Run[]): Figures => inFigures(of, bytes, entries);
  return {
    bytes,
    events: entries,
    storedBytes,
    baseline: withBaseline ? figures(baseline) : null,
    archive: figures(archive),
    verify: figures(verify),
  };
}

/** The events' file, made unless it is there. Its name says what the generator makes, so that a changed one makes another. */
async function eventsFile(dir: string, size: string): Promise<string> {
  const sample = createHash("sha256");
  for (const event of generateEvents({ seed: SEED, count: 1000 })) sample.update(event);
  const file = join(dir, `events-${size}-${sample.digest("hex").slice(0, 12)}.ndjson`);
  if (existsSync(file)) return file;
  say(`generating ${size} of events`);
  const partial = `${file}.partial`;
  // In a process of its own: what a process starts begins with its starter's memory as its peak.
  await execute(process.execPath, [GENERATOR, "--bytes", size, "--seed", SEED, "-o", partial]);
  await rename(partial, file);
  return file;
}

async function runBaseline(file: string, folder: string): Promise<Run> {
  const compressed = await execute("zstd", ["-3", "--single-thread", "-q", "-k", "-f", file, "-o", join(folder, "events.zst")]);
  const hashed = await execute("openssl", ["dgst", "-sha256", file]);
  return { ...hashed, seconds: compressed.seconds + hashed.seconds };
}

/** The built command, as a whole process, with its peak memory. */
async function stele(folder: string, args: readonly string[]): Promise<Run> {
  const peakFile = join(folder, "peak");
  const run = await execute(process.execPath, ["--import", PEAK_HOOK, COMMAND, ...args, "--quiet", "--json"], {
    // Nobody's own configuration has a part in a measurement.
    XDG_CONFIG_HOME: folder,
    STELE_KEY: "",
    STELE_KEY_FILE: "",
    STELE_BENCH_PEAK: peakFile,
  });
  return { ...run, peak: Number(await readFile(peakFile, "utf8")) * 1024 };
}

async function verifierKey(folder: string, keyFile: string): Promise<string> {
  const { keys } = answer(z.object({ keys: z.array(z.string()).min(1) }), await stele(folder, ["keys", "show", keyFile]));
  return keys[0] ?? "";
}

function answer<T>(schema: z.ZodType<T>, run: Run | undefined): T {
  return schema.parse(JSON.parse(run?.stdout ?? ""));
}

/** Runs a program to its end. @throws Error with what it said when it ends with anything but 0 */
function execute(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
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
      if (code === 0) done({ seconds, peak: null, stdout });
      else
        failed(
          new Error(
            `${[program, ...args].join(" ").slice(-400)}\nended with ${code ?? signal}: ${(stderr || stdout).slice(0, 2000)}`,
          ),
        );
    });
  });
}

async function versionOf(program: string, flag: string): Promise<string> {
  try {
    const { stdout } = await execute(program, [flag]);
    return /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0].replace(/,$/, "") ?? stdout.trim();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new Refusal(
      `${program} is not installed, and the measurement compares with it. Debian and Ubuntu: apt-get install zstd openssl; macOS: brew install zstd openssl`,
    );
  }
}

function inFigures(runs: readonly Run[], bytes: number, events: number): Figures {
  const seconds = runs.map((run) => run.seconds);
  const sorted = seconds.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  const peaks = runs.flatMap(({ peak }) => (peak === null ? [] : [peak]));
  return {
    seconds,
    median,
    megabytesPerSecond: bytes / 1e6 / median,
    eventsPerSecond: events / median,
    peakMemory: peaks.length === 0 ? null : Math.max(...peaks),
  };
}

function print({ machine, main, large }: { machine: Record<string, string | number>; main: Sample; large: Sample | null }): void {
  say("");
  say(`${machine["cpu"]}, ${machine["processors"]} processors, ${machine["system"]}`);
  say(`node ${machine["node"]}, zstd ${machine["zstd"]}, openssl ${machine["openssl"]}`);
  for (const sample of large === null ? [main] : [main, large]) {
    const { bytes, events: count, storedBytes, baseline, archive, verify } = sample;
    const ratio = (bytes / storedBytes).toFixed(2);
    say(`\n${megabytes(bytes)} MB, ${whole(count)} events of ${whole(bytes / count)} bytes on average, stored ${ratio} : 1`);
    const table = new Table({
      head: ["", "seconds, each run", "MB/s", "events/s", "beside zstd + openssl", "peak memory"],
      colAligns: ["left", "left", "right", "right", "right", "right"],
      style: { head: [], border: [] },
    });
    const row = (name: string, { seconds, megabytesPerSecond, eventsPerSecond, peakMemory }: Figures): void => {
      table.push([
        name,
        seconds.map((one) => one.toFixed(2)).join(", "),
        megabytesPerSecond.toFixed(0),
        whole(eventsPerSecond),
        baseline === null ? "" : `${(megabytesPerSecond / baseline.megabytesPerSecond).toFixed(2)} x`,
        peakMemory === null ? "" : `${whole(peakMemory / 2 ** 20)} MiB`,
      ]);
    };
    if (baseline !== null) row("zstd -3, then openssl dgst -sha256", baseline);
    row("stele archive", archive);
    row("stele verify --level content", verify);
    say(table.toString());
  }
  say(
    "\nMB are 10^6 bytes of events; speeds are of the median run, memory of the largest. Archiving also writes to disk durably.",
  );
}

function megabytes(bytes: number): string {
  return whole(bytes / 1e6);
}

function whole(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await bench(process.argv.slice(2));
} catch (error) {
  const message =
    error instanceof Refusal ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bench: ${message}\n`);
  process.exitCode = error instanceof Refusal ? 2 : 1;
}
