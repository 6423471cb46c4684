import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

const PACKAGES = ["ceph-mon", "ceph-osd", "radosgw", "ceph-common"] as const;
const PROGRAMS = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool", "setpriv"] as const;

/**
 * Makes sure that Ceph's programs are on the PATH, installing Debian's packages when this process may.
 * apt-get is never interrupted: a killed dpkg leaves the whole machine's package state half-configured.
 * @throws Error saying what to install, when it can't be done here.
 */
export async function ensureCephPackages(log: (line: string) => void): Promise<void> {
  const missing = await missingPrograms();
  if (missing.length === 0) return;
  const byHand = `install them on Debian 12 with: apt-get install --no-install-recommends ${PACKAGES.join(" ")}`;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !(await onPath("apt-get"))) {
    throw new Error(`Ceph's programs are missing (${missing.join(", ")}) and this user can't install packages; ${byHand}`);
  }
  log(`installing ${PACKAGES.join(" ")} (about half a minute)`);
  try {
    await aptGet(["update"]);
    await aptGet(["install", "--yes", "--no-install-recommends", ...PACKAGES]);
  } catch (error) {
    throw new Error(`could not install Ceph; ${byHand}`, { cause: error });
  }
  const still = await missingPrograms();
  if (still.length > 0) throw new Error(`Ceph's packages are installed but ${still.join(", ")} is not on the PATH`);
}

async function missingPrograms(): Promise<string[]> {
  const present = await Promise.all(PROGRAMS.map(onPath));
  return PROGRAMS.filter((_, i) => present[i] === false);
}

async function onPath(program: string): Promise<boolean> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    try {
      await access(join(folder, program), constants.X_OK);
      return true;
    } catch {
      continue;
    }
  }
  return false;
}

function aptGet(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    // In its own process group: Ctrl-C at the terminal must not reach dpkg either.
    const child = spawn("apt-get", ["-qq", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    let output = "";
    const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`apt-get ${args.join(" ")} ended with ${code}:\n${output.trim()}`));
    });
  });
}
