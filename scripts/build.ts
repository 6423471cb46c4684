import { spawnSync } from "node:child_process";
import { chmod, copyFile, readFile, rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

const COMPILER = pathOf("node_modules/typescript-native/bin/tsc");
const DIST = pathOf("dist");
const CLI = pathOf("dist/cli");
const COMMAND = pathOf("dist/cli/main.js");
const WORKER = pathOf("dist/archive/segment/worker.js");
const SHEBANG = "#!/usr/bin/env node\n";
/** Comes with the program: loaded as it is installed, its hundred files take as long as all else together. */
const INLINED = "zod";

// What a file that is gone from src had left in dist would still be published.
await rm(DIST, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [COMPILER, "-p", "tsconfig.build.json"], { cwd: pathOf(""), stdio: "inherit" });
if (status !== 0) process.exit(1);
await bundleCommand();
if (!(await readFile(COMMAND, "utf8")).startsWith(SHEBANG)) {
  process.stderr.write(`build: expected ${COMMAND} to begin with ${SHEBANG}`);
  process.exit(1);
}
await chmod(COMMAND, 0o755);

/** The program in few files, which start faster. The thread's is beside them: it is looked for where its starter is. */
async function bundleCommand(): Promise<void> {
  const bundle = await rolldown({
    input: [COMMAND, WORKER],
    platform: "node",
    external: (id) => /^[^./#]/.test(id) && id !== INLINED,
  });
  const bundled = `${CLI}.bundled`;
  await bundle.write({ dir: bundled, entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" });
  await bundle.close();
  await copyFile(pathOf(`node_modules/${INLINED}/LICENSE`), `${bundled}/LICENSE.${INLINED}`);
  await rm(CLI, { recursive: true });
  await rename(bundled, CLI);
}
