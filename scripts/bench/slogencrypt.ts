import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Contender, Missing } from "./contender.ts";
import { countLines } from "./events-file.ts";
import { execute, isMissing, say } from "./process.ts";

const NAME = "slogencrypt";
const PACKAGE = "syslog-ng-mod-slog";
const BY_HAND = `install it on Debian or Ubuntu with: apt-get install ${PACKAGE}`;

/** Environment in which `slogkey` and `slogencrypt` are found. */
type Environment = Record<string, string>;

/**
 * `slogencrypt` of syslog-ng's secure logging: from the PATH, or unpacked into `dir`. It is not installed: that would have
 * syslog-ng take over the machine's system log.
 */
export async function slogencrypt(dir: string): Promise<Contender | Missing> {
  try {
    const env = await environment(dir);
    const version = (await packageVersion()) ?? "";
    return { ...contender(env), name: `${NAME} ${version}`.trim() };
  } catch (error) {
    return { name: NAME, missing: `${error instanceof Error ? error.message : String(error)}; ${BY_HAND}` };
  }
}

function contender(env: Environment): Contender {
  return {
    name: NAME,
    wanted: 4,
    note:
      "each line encrypted (AES-256-GCM) under a key of its own that is derived forwards, and a MAC over all of them; base64, " +
      "one thread, nothing compressed, no datasync",
    slow: true,
    async run(file, folder) {
      const at = (name: string): string => join(folder, name);
      await execute("slogkey", ["-m", at("master.key")], { env });
      await execute("slogkey", ["-d", at("master.key"), "bench-host", "1", at("host.key")], { env });
      // With a new host key there is no MAC yet: it says that it can't read one, and begins.
      await writeFile(at("no.mac"), "");
      const args = ["-k", at("host.key"), "-m", at("no.mac"), at("new.key"), at("new.mac"), file.path, at("out")];
      const run = await execute("slogencrypt", args, { env, codes: [1] });
      // It ends with 1 after success too: what it wrote tells.
      const { events, bytes } = await countLines(at("out"));
      if (events !== file.events || bytes < (file.bytes * 4) / 3) {
        throw new Error(`slogencrypt wrote ${events} lines and ${bytes} bytes for ${file.events} events of ${file.bytes} bytes`);
      }
      return run;
    },
  };
}

async function environment(dir: string): Promise<Environment> {
  if (await works({})) return {};
  const folder = join(dir, PACKAGE);
  if (!existsSync(folder)) await unpack(folder);
  const env = {
    PATH: [join(folder, "usr/bin"), process.env["PATH"] ?? ""].join(delimiter),
    LD_LIBRARY_PATH: (await libraryFolders(folder)).join(delimiter),
  };
  if (await works(env)) return env;
  throw new Error(`what ${PACKAGE} needs is not all in ${folder}`);
}

async function works(env: Environment): Promise<boolean> {
  try {
    await execute("slogencrypt", ["--help"], { env });
    return true;
  } catch (error) {
    if (isMissing(error) || (error instanceof Error && /ended with 127/.test(error.message))) return false;
    throw error;
  }
}

/** Downloads the package and what it needs that is not installed, and unpacks them. Needs no root while apt has its lists. */
async function unpack(folder: string): Promise<void> {
  say(`fetching ${PACKAGE}`);
  let names: string[];
  try {
    names = await toBeInstalled();
  } catch (error) {
    if (isMissing(error)) throw new Error("there is no apt-get here", { cause: error });
    if (process.getuid?.() !== 0)
      throw new Error(`apt does not know ${PACKAGE}, and this user can't update its lists`, { cause: error });
    await execute("apt-get", ["-qq", "update"]);
    names = await toBeInstalled();
  }
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  await execute("sh", ["-c", 'cd "$1" && shift && apt-get -qq download "$@"', "sh", partial, ...names]);
  for (const file of await readdir(partial)) {
    if (file.endsWith(".deb")) await execute("dpkg-deb", ["-x", join(partial, file), partial]);
  }
  await rename(partial, folder);
}

async function toBeInstalled(): Promise<string[]> {
  const { stdout } = await execute("apt-get", ["-qq", "--simulate", "install", "--no-install-recommends", PACKAGE]);
  return [...stdout.matchAll(/^Inst (\S+)/gm)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

async function libraryFolders(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return [...new Set(found.filter(({ name }) => /\.so(\.|$)/.test(name)).map(({ parentPath }) => parentPath))];
}

async function packageVersion(): Promise<string | null> {
  try {
    const { stdout } = await execute("apt-cache", ["policy", PACKAGE]);
    return /(?:Installed|Candidate): (\d\S*)/.exec(stdout)?.[1] ?? null;
  } catch (error) {
    // It was found on the PATH of a system without apt.
    if (isMissing(error)) return null;
    throw error;
  }
}
