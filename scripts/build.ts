import { spawnSync } from "node:child_process";
import { chmod, readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COMPILER = fileURLToPath(new URL("../node_modules/typescript-native/bin/tsc", import.meta.url));
const COMMAND = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const SHEBANG = "#!/usr/bin/env node\n";

// What a file that is gone from src had left in dist would still be published.
await rm(new URL("../dist", import.meta.url), { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [COMPILER, "-p", "tsconfig.build.json"], { cwd: ROOT, stdio: "inherit" });
if (status !== 0) process.exit(1);
if (!(await readFile(COMMAND, "utf8")).startsWith(SHEBANG)) {
  process.stderr.write(`build: expected ${COMMAND} to begin with ${SHEBANG}`);
  process.exit(1);
}
await chmod(COMMAND, 0o755);
