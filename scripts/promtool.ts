import { spawn } from "node:child_process";
import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Beside what other tools of the repository keep: `npm ci` takes it away. */
const CACHE = fileURLToPath(new URL("../node_modules/.cache/promtool", import.meta.url));
const PACKAGE = "prometheus";
const BY_HAND = `install it on Debian 12 with: apt-get install --no-install-recommends ${PACKAGE}`;

/**
 * The path of promtool: the one on the PATH, or Debian's, taken out of its package without installing that: neither its daemon
 * nor its web pages are needed.
 * @throws Error saying what to install, when it can't be had here
 */
export async function ensurePromtool(): Promise<string> {
  const cached = join(CACHE, "promtool");
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder !== "" && (await isProgram(join(folder, "promtool")))) return join(folder, "promtool");
  }
  if (await isProgram(cached)) return cached;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "package-"));
  try {
    // Without the lists of packages, as in a fresh container, there is nothing to download: they are fetched then.
    await run("apt-get", ["-qq", "download", PACKAGE], folder).catch(async () => {
      await run("apt-get", ["-qq", "update"], folder);
      await run("apt-get", ["-qq", "download", PACKAGE], folder);
    });
    const [file] = (await readdir(folder)).filter((name) => name.endsWith(".deb"));
    if (file === undefined) throw new Error(`apt-get download ${PACKAGE} left no package`);
    await run("dpkg-deb", ["--extract", file, "content"], folder);
    await rename(join(folder, "content/usr/bin/promtool"), cached);
  } catch (cause) {
    throw new Error(`promtool is missing and could not be had; ${BY_HAND}`, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return cached;
}

/** Runs a program to its end. @throws Error with what it printed */
export function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ${args.join(" ")} ended with ${code}:\n${output.trim()}`));
    });
  });
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
