import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Archive, logKeys, logOf } from "../archive/archive.ts";
import type { Signer } from "../core/key.ts";
import { SteleError } from "../core/error.ts";
import { SWEEPS_LOG } from "../sweep/report.ts";
import { stateFolder } from "../sweep/state/folder.ts";
import { SweepState } from "../sweep/state/state.ts";
import { defaultSpool, type Settings } from "./settings.ts";
import { defaultKeyFile, isThere, readKeyFile } from "./signing-key.ts";

/** The folder of what sweeps of all archives remember on this machine, beside the spools. */
export function defaultSweepsFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(dirname(defaultSpool(env)), "sweep");
}

/** How this process is called in what it writes down. */
export function thisSweeper(): string {
  return `${hostname()}/${process.pid}`;
}

/**
 * Opens what sweeps of an archive remember on this machine.
 * @param base the folder given by `--state`; default: {@link defaultSweepsFolder}
 * @throws SteleError `sweep.locked`, `sweep.failed`
 */
export function openSweepState(
  { origin, store }: Pick<Archive, "origin" | "store">,
  base: string | undefined,
  options: { readonly remindEveryMillis?: number | undefined; readonly maxAlarms?: number | undefined } = {},
): SweepState {
  return SweepState.open(sweepFolder(origin, base), { origin, place: store.url, now: Date.now, ...options });
}

export function sweepFolder(origin: string, base: string | undefined): string {
  return stateFolder(resolve(base ?? defaultSweepsFolder()), origin);
}

/**
 * The key that signs the archive's log of sweeps: the one named; else the one that `init --sweep-key` put in its usual place, or,
 * where the archive names no key of its own for that log, the archive's. null: none is at hand, and nothing is reported there.
 *
 * @throws SteleError `log.key` when a key that was named is not the log's; `input.unreadable`, `format.key`
 */
export async function sweepSigner(
  archive: Archive,
  settings: Pick<Settings, "keyFile">,
  keyFile: string | undefined,
  warn: (message: string) => void,
): Promise<Signer | null> {
  const log = logOf(archive, SWEEPS_LOG);
  const believed = logKeys(archive, log);
  const fits = (signer: Signer): boolean => believed.some(({ vkey }) => vkey === signer.rename(log.origin).key.vkey);
  if (keyFile !== undefined) {
    const named = await readKeyFile(keyFile, warn);
    if (fits(named)) return named;
    throw new SteleError(
      "log.key",
      `${keyFile}: expected a key of ${log.origin} that the archive names, ${believed.map(({ vkey }) => vkey).join(" or ")}; got ${named.key.vkey}`,
    );
  }
  const usual = [defaultKeyFile(log.origin), settings.keyFile ?? defaultKeyFile(archive.origin)];
  for (const file of usual) {
    if (!(await isThere(file))) continue;
    const signer = await readKeyFile(file, warn);
    if (fits(signer)) return signer;
  }
  return null;
}
