import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Refusal } from "./process.ts";

export const HELP: string = `npm run bench -- [options]

Measures Stele beside what a user could pick instead, in one run, each in turns, medians counting:

  archive   a file of events into a folder, as a whole process; beside zstd -3 on one thread and then openssl dgst -sha256,
            slogencrypt (fetched with apt, not installed), and hypercore (fetched with npm)
  verify    that archive, down to every byte; beside zstd -d | openssl dgst -sha256
  append    single durable events of 64 concurrent callers; beside a bare loop of write and datasync with group commit
  requests  how many requests to the store a long log's readers make
  sweep     how many requests each round of a sweep makes, of how many bytes, and what AWS charges for them
  growth    archive at 10^5, 10^6 and 10^7 events (needs 5 GB and many minutes; only when asked for)

The first two with events of 1.2 KB and of 200 B on average. A ratio that is wanted and not met does not fail the run.

  --only PARTS        some of archive,verify,append,requests,sweep,growth
  --growth            growth as well
  --manifests N       manifests of the largest log on which requests are counted (default 10000; with --growth 100000, which
                      takes minutes)
  --runs N            how often each is run (default 5)
  --bytes SIZE        size of the events of 1.2 KB (default 1GB)
  --small-bytes SIZE  size of the events of 200 B (default 200MB)
  --slow-bytes SIZE   how much of them slogencrypt and hypercore get (default 50MB)
  --cores LIST        run everything on these cores only, such as 0,1 (Linux)
  --json FILE         write the figures, and what machine they are of, to FILE
  --dir DIR           where events and tools are kept for the next time, and archives are made and removed again; must be on
                      a real disk for append to say anything (default: stele-bench in the folder for temporary files)
`;

const PARTS = ["archive", "verify", "append", "requests", "sweep", "growth"] as const;
type Part = (typeof PARTS)[number];

export interface Options {
  readonly parts: ReadonlySet<Part>;
  readonly runs: number;
  /** Of the largest log on which requests are counted. */
  readonly manifests: number;
  readonly bytes: string;
  readonly smallBytes: string;
  /** What is slow gets no more than this. */
  readonly slowBytes: string;
  /** null: any. */
  readonly cores: string | null;
  readonly json: string | null;
  readonly dir: string;
}

/**
 * @returns null when only help is wanted
 * @throws Refusal naming the option
 */
export function readOptions(args: readonly string[]): Options | null {
  const values = readFlags(args);
  if (values === null) return null;
  const asked = values.only?.split(",") ?? PARTS.filter((part) => part !== "growth");
  return {
    parts: new Set<Part>([...asked.map(partNamed), ...(values.growth ? (["growth"] as const) : [])]),
    runs: numberFrom(1, 99, "--runs", values.runs),
    manifests: numberFrom(1000, 1e6, "--manifests", values.manifests ?? (values.growth ? "100000" : "10000")),
    bytes: size("--bytes", values.bytes),
    smallBytes: size("--small-bytes", values["small-bytes"]),
    slowBytes: size("--slow-bytes", values["slow-bytes"]),
    cores: values.cores ?? null,
    json: values.json ?? null,
    dir: resolve(values.dir),
  };
}

interface Flags {
  readonly only?: string | undefined;
  readonly growth: boolean;
  readonly manifests?: string | undefined;
  readonly runs: string;
  readonly bytes: string;
  readonly "small-bytes": string;
  readonly "slow-bytes": string;
  readonly cores?: string | undefined;
  readonly json?: string | undefined;
  readonly dir: string;
}

function readFlags(args: readonly string[]): Flags | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: "string" },
        growth: { type: "boolean", default: false },
        manifests: { type: "string" },
        runs: { type: "string", default: "5" },
        bytes: { type: "string", default: "1GB" },
        "small-bytes": { type: "string", default: "200MB" },
        "slow-bytes": { type: "string", default: "50MB" },
        cores: { type: "string" },
        json: { type: "string" },
        dir: { type: "string", default: join(tmpdir(), "stele-bench") },
        help: { type: "boolean", short: "h" },
      },
    });
    return values.help === true ? null : values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Refusal(error.message, { cause: error });
  }
}

function partNamed(name: string): Part {
  const found = PARTS.find((part) => part === name);
  if (found === undefined) throw new Refusal(`--only: expected some of ${PARTS.join(",")}, got ${JSON.stringify(name)}`);
  return found;
}

function numberFrom(least: number, most: number, option: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new Refusal(`${option}: expected a number from ${least} to ${most}, got ${JSON.stringify(text)}`);
}

function size(option: string, text: string): string {
  if (/^[1-9]\d*(?:[KMG]i?B?|B)?$/.test(text)) return text;
  throw new Refusal(`${option}: expected a size such as 500MB or 64MiB, got ${JSON.stringify(text)}`);
}
