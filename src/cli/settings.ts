import { homedir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { parseVerifierKey, type VerifierKey } from "../core/key.ts";
import { openStore, type S3Access } from "../store/open.ts";
import type { Store } from "../store/port.ts";
import type { Configuration } from "./configuration.ts";
import type { StoreFlags } from "./store-command.ts";

/** What holds for one run: the configuration file, over it the environment, over that the flags. */
export interface Settings {
  /** Keys that the user pinned. */
  readonly pinned: readonly VerifierKey[];
  /** Path of the signing key's file, where one was named. */
  readonly keyFile: string | undefined;
  readonly s3: S3Access;
  readonly limits: NonNullable<Configuration["limits"]>;
  /** Absolute path of the folder of all spools. */
  readonly spool: string;
  /** All that the configuration file says; nothing where there is none. */
  readonly configuration: Configuration;
  /** The folder that paths in the configuration are relative to. */
  readonly folder: string;
}

/** @throws SteleError `input.*` where the configuration is wrong, `format.key` where a key is */
export async function readSettings(
  flags: Omit<StoreFlags, "quiet"> & { readonly keyFile?: string | undefined; readonly spool?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): Promise<Settings> {
  const configuration = flags.config === undefined ? {} : await configurationIn(flags.config);
  const besideConfiguration = (path: string | undefined): string | undefined =>
    path === undefined || flags.config === undefined ? undefined : resolve(dirname(flags.config), path);
  const keys = flags.key ?? listed(env["STELE_KEY"]) ?? configuration.keys ?? [];
  return {
    pinned: keys.map(parseVerifierKey),
    keyFile: flags.keyFile ?? given(env["STELE_KEY_FILE"]) ?? besideConfiguration(configuration.keyFile),
    s3: {
      endpoint: flags.endpoint ?? configuration.s3?.endpoint,
      region: flags.region ?? configuration.s3?.region,
      pathStyle: flags.pathStyle ?? configuration.s3?.pathStyle,
      checksum: flags.s3Checksum ?? configuration.s3?.checksum,
    },
    limits: configuration.limits ?? {},
    spool: resolve(flags.spool ?? given(env["STELE_SPOOL"]) ?? besideConfiguration(configuration.spool) ?? defaultSpool(env)),
    configuration,
    folder: flags.config === undefined ? process.cwd() : resolve(dirname(flags.config)),
  };
}

/** Where events wait for the store when nobody says otherwise: with what a user's programs keep on this machine. */
export function defaultSpool(env: NodeJS.ProcessEnv = process.env): string {
  const state = env["XDG_STATE_HOME"];
  const base = state !== undefined && state.startsWith(sep) ? state : join(homedir(), ".local", "state");
  return join(base, "stele", "spool");
}

/** The store that a command works on. */
export async function openStoreWith(location: string, settings: Settings): Promise<Store> {
  return openStore(location, { s3: settings.s3 });
}

/** YAML takes longer to load than a small archive to verify: only where there is some. */
async function configurationIn(file: string): Promise<Configuration> {
  const { readConfiguration } = await import("./configuration.ts");
  return readConfiguration(file);
}

function given(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function listed(value: string | undefined): string[] | undefined {
  return given(value)
    ?.split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");
}
