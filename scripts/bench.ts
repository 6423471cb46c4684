import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { type AppendComparison, measureAppend } from "./bench/append.ts";
import { type Events, measureArchive, measureVerify } from "./bench/archive.ts";
import { eventsFile } from "./bench/events-file.ts";
import type { Compared, Comparison } from "./bench/figures.ts";
import { type Growth, measureGrowth } from "./bench/growth.ts";
import { hypercore } from "./bench/hypercore.ts";
import { type Machine, machineFacts, pinTo } from "./bench/machine.ts";
import { HELP, type Options, readOptions } from "./bench/options.ts";
import { Refusal, say } from "./bench/process.ts";
import { countRequests, type RequestCounts } from "./bench/requests.ts";
import { countSweep, type SweepCosts } from "./bench/sweep.ts";
import { slogencrypt } from "./bench/slogencrypt.ts";
import { COMMAND } from "./bench/stele.ts";
import { appendTable, comparisonTable, growthTable, requestsTable, sweepTable } from "./bench/tables.ts";
import { zstdThenOpenssl } from "./bench/zstd.ts";

/** What a run gives as JSON. A part that was not asked for is left out. */
interface Result {
  readonly format: "stele-bench/2";
  readonly measured: string;
  readonly runs: number;
  readonly machine: Machine;
  archive?: Comparison[];
  verify?: Comparison[];
  append?: AppendComparison;
  requests?: RequestCounts[];
  sweep?: SweepCosts[];
  growth?: Growth;
}

async function bench(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === null) {
    process.stdout.write(HELP);
    return;
  }
  const { parts, runs, manifests, dir, cores, json } = options;
  if (!existsSync(COMMAND))
    throw new Refusal("dist/cli/main.js is missing: start this with npm run bench, which builds it first");
  if (cores !== null) await pinTo(cores);
  await mkdir(dir, { recursive: true });
  const machine = await machineFacts(dir, cores);
  const result: Result = { format: "stele-bench/2", measured: new Date().toISOString(), runs, machine };

  try {
    if (parts.has("archive") || parts.has("verify")) await measureFiles(options, result);
    if (parts.has("append")) result.append = await measureAppend(dir, runs);
    if (parts.has("requests")) result.requests = await countRequests(dir, manifests);
    if (parts.has("sweep")) result.sweep = await countSweep(dir, manifests);
    if (parts.has("growth")) result.growth = await measureGrowth(dir, runs);
  } finally {
    // Also after a part that failed: the parts before it took minutes.
    print(result);
    if (json !== null) await writeFile(json, `${JSON.stringify(result, null, 2)}\n`);
  }
}

async function measureFiles({ parts, runs, dir, bytes, smallBytes, slowBytes }: Options, result: Result): Promise<void> {
  const events: Events[] = [];
  for (const [small, size] of [[false, bytes] as const, [true, smallBytes] as const]) {
    const all = await eventsFile(dir, { size }, small);
    const part = await eventsFile(dir, { size: slowBytes }, small);
    events.push({ small, all, part: part.bytes < all.bytes ? part : all });
  }
  if (parts.has("archive")) {
    const contenders = [zstdThenOpenssl, await slogencrypt(dir), await hypercore(dir)];
    result.archive = [];
    for (const one of events) result.archive.push(await measureArchive(dir, one, contenders, runs));
  }
  if (parts.has("verify")) {
    result.verify = [];
    for (const one of events) result.verify.push(await measureVerify(dir, one, runs));
  }
}

function print({ machine, runs, archive = [], verify = [], append, requests, sweep, growth }: Result): void {
  const { cpu, processors, cores, memoryBytes, system, fileSystem, node, zstd, openssl } = machine;
  say(`\n${cpu}, ${processors} processors${cores === null ? "" : ` (cores ${cores})`}, ${Math.round(memoryBytes / 2 ** 30)} GiB`);
  say(`${system}, ${fileSystem}, node ${node}, zstd ${zstd}, openssl ${openssl}; medians of ${runs}`);
  for (const comparison of [...archive, ...verify]) say(`\n${comparisonTable(comparison)}`);
  const remarks = new Set([...archive, ...verify].flatMap(({ beside }) => beside.map(inWords)));
  if (remarks.size > 0) say("");
  for (const remark of remarks) say(remark);
  if (append !== undefined) say(`\n${appendTable(append)}`);
  if (requests !== undefined) say(`\n${requestsTable(requests)}`);
  if (sweep !== undefined) say(`\n${sweepTable(sweep)}`);
  if (growth !== undefined) say(`\n${growthTable(growth)}`);
  say("\nMB are 10^6 bytes of events; speeds are of the median run, memory of the largest. Stele also syncs what it writes.");
}

function inWords(compared: Compared): string {
  return "missing" in compared ? `${compared.name} was not measured: ${compared.missing}` : `${compared.name}: ${compared.note}`;
}

try {
  await bench(process.argv.slice(2));
} catch (error) {
  const message =
    error instanceof Refusal ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bench: ${message}\n`);
  process.exitCode = error instanceof Refusal ? 2 : 1;
}
