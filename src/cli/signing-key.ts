import { randomBytes } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { utf8 } from "../core/bytes.ts";
import { SteleError } from "../core/error.ts";
import { formatKeyFile, parseKeyFile, type Signer } from "../core/key.ts";
import { parseOrigin } from "../core/layout.ts";
import { makeFolders } from "../store/directory/make-folders.ts";
import { createSecretFile, readTextFile } from "./files.ts";

const MAX_KEY_FILE_BYTES = 4096;
const SEED_SIZE = 32;

/** Where the signing key of an archive lies, when nobody says otherwise: in the user's configuration, never in the archive. */
export function defaultKeyFile(origin: string, env: NodeJS.ProcessEnv = process.env): string {
  const configured = env["XDG_CONFIG_HOME"];
  const base = configured !== undefined && configured.startsWith(sep) ? configured : join(homedir(), ".config");
  return join(base, "stele", "keys", `${origin.replaceAll("/", "_")}.key`);
}

/**
 * Reads a key file.
 * @throws SteleError `input.unreadable`, `format.key`
 */
export async function readKeyFile(path: string, warn: (message: string) => void): Promise<Signer> {
  const text = await readTextFile(path, MAX_KEY_FILE_BYTES);
  const signer = withPath(path, () => parseKeyFile(text));
  const info = await stat(path).catch(() => null);
  if (info?.isFile() === true && (info.mode & 0o077) !== 0) {
    warn(`${path} can be read by others than its owner, who could then sign as this archive: chmod 600 ${path}`);
  }
  return signer;
}

/**
 * Makes a new key and its file.
 * @returns null when there is a file already, which is left as it is
 * @throws SteleError `input.*`
 */
export async function createKeyFile(path: string, origin: string): Promise<Signer | null> {
  const name = parseOrigin(origin);
  const seed = new Uint8Array(randomBytes(SEED_SIZE));
  await makeFolders(dirname(resolve(path)), 0o700).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SteleError("input.unreadable", `the folder of ${path} can't be made: ${reason}`, { cause });
  });
  const text = formatKeyFile(name, seed);
  return (await createSecretFile(path, utf8(text))) ? parseKeyFile(text) : null;
}

export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

/**
 * Refuses a key file within an archive's folder: whoever copies or serves the archive would give away its key.
 * @throws SteleError `input.invalid`
 */
export async function refuseInside(keyFile: string, archiveFolder: string): Promise<void> {
  const from = await realpath(archiveFolder).catch(() => resolve(archiveFolder));
  const target = resolve(keyFile);
  const folder = await realpath(dirname(target)).catch(() => dirname(target));
  const way = relative(from, folder);
  if (way === ".." || way.startsWith(`..${sep}`)) return;
  throw new SteleError(
    "input.invalid",
    `key file: expected a place outside the archive's folder ${archiveFolder}, got ${keyFile}: whoever gets a copy of the archive would get its key`,
  );
}

function withPath(path: string, parse: () => Signer): Signer {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof SteleError) throw new SteleError(cause.code, `${path}: ${cause.message}`, { cause });
    throw cause;
  }
}
