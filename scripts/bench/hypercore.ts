import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Contender, Missing } from "./contender.ts";
import { execute, executeNode, isMissing, say } from "./process.ts";

const APPENDER = fileURLToPath(new URL("hypercore-append.ts", import.meta.url));
/** A registry can have a version without what it depends on. */
const VERSIONS_TRIED = 10;

const PACKAGE = z.object({ version: z.string() });
const VERSIONS = z.union([z.array(z.string()), z.string().transform((one) => [one])]);

/** `hypercore` from npm, the newest version that can be installed, in a folder of its own in `dir`. */
export async function hypercore(dir: string): Promise<Contender | Missing> {
  const folder = join(dir, "hypercore");
  try {
    if (!existsSync(folder)) await install(folder);
  } catch (error) {
    if (isMissing(error)) return { name: "hypercore", missing: "npm, which would fetch it, is not on the PATH" };
    return { name: "hypercore", missing: error instanceof Error ? error.message : String(error) };
  }
  const { version } = PACKAGE.parse(JSON.parse(await readFile(join(folder, "node_modules/hypercore/package.json"), "utf8")));
  return {
    name: `hypercore ${version}, batches of 1,000`,
    wanted: 5,
    note: "a signed append-only log: each batch hashed into a tree, signed and appended as it is by default; nothing compressed",
    slow: true,
    async run(file, run) {
      return executeNode([APPENDER, folder, file.path, join(run, "core"), String(file.events)], run);
    },
  };
}

async function install(folder: string): Promise<void> {
  const npm = (...args: string[]): ReturnType<typeof execute> => execute("npm", args);
  const { stdout } = await npm("view", "hypercore", "versions", "--json");
  const versions = VERSIONS.parse(JSON.parse(stdout)).filter((version) => /^\d+\.\d+\.\d+$/.test(version));
  const partial = `${folder}.partial`;
  let refused: unknown;
  for (const version of versions.slice(-VERSIONS_TRIED).reverse()) {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    await writeFile(join(partial, "package.json"), '{ "private": true }\n');
    say(`installing hypercore ${version} into ${dirname(folder)}`);
    try {
      await npm("install", "--prefix", partial, "--save-exact", "--no-audit", "--no-fund", `hypercore@${version}`);
      await rename(partial, folder);
      return;
    } catch (error) {
      refused = error;
    }
  }
  throw new Error(`npm could install none of the newest ${VERSIONS_TRIED} versions of hypercore`, { cause: refused });
}
