import { statfs } from "node:fs/promises";
import { availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { execute, isMissing, Refusal } from "./process.ts";

/** What the figures are of. */
export interface Machine {
  readonly cpu: string;
  /** How many the measured processes may use. */
  readonly processors: number;
  /** Those named with --cores; null: any. */
  readonly cores: string | null;
  readonly memoryBytes: number;
  readonly system: string;
  /** Of the folder in which all is written. */
  readonly fileSystem: string;
  readonly node: string;
  readonly zstd: string;
  readonly openssl: string;
}

/** statfs(2)'s magic numbers. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x2fc12fc1, "zfs"],
  [0x794c7630, "overlayfs"],
  [0x01021994, "tmpfs, where syncing costs nothing"],
]);

/** Has this process, and so all that it will start, run on some cores only. Linux. */
export async function pinTo(cores: string): Promise<void> {
  if (!/^\d+([,-]\d+)*$/.test(cores))
    throw new Refusal(`--cores: expected numbers such as 0,1 or 0-3, got ${JSON.stringify(cores)}`);
  try {
    await execute("taskset", ["--all-tasks", "--cpu-list", "--pid", cores, String(process.pid)]);
  } catch (error) {
    const why = isMissing(error)
      ? "it needs taskset (Debian and Ubuntu: util-linux)"
      : error instanceof Error
        ? error.message
        : "";
    throw new Refusal(`--cores ${cores}: ${why}`);
  }
}

export async function machineFacts(dir: string, cores: string | null): Promise<Machine> {
  const { type } = await statfs(dir);
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    processors: availableParallelism(),
    cores,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    fileSystem: FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`,
    node: process.version,
    zstd: await versionOf("zstd", "--version"),
    openssl: await versionOf("openssl", "version"),
  };
}

async function versionOf(program: string, flag: string): Promise<string> {
  try {
    const { stdout } = await execute(program, [flag]);
    return /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0].replace(/,$/, "") ?? stdout.trim();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new Refusal(
      `${program} is not installed, and the measurement compares with it. Debian and Ubuntu: apt-get install zstd openssl; macOS: brew install zstd openssl`,
    );
  }
}
