import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const USAGE = `usage: npm test [-- VITEST-ARGUMENT...]
       npm run test:unit [-- VITEST-ARGUMENT...]

Everything that must hold before a commit: types, lint, layers, build, tests; it stops at the first that does not.
The last line says how many tests passed, failed and were skipped; a step before the tests that fails counts as one.
  --unit  only the tests that need no S3 server
`;

const PINNED_MAJOR = 26;
const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Step {
  readonly name: string;
  /** Programs and their arguments, run one after the other. */
  readonly commands: readonly (readonly string[])[];
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

function tool(path: string, ...args: string[]): readonly string[] {
  return [process.execPath, join(ROOT, "node_modules", path), ...args];
}

const SOURCES = ["src", "test", "scripts", "vitest.config.ts"];
const TYPESCRIPT = "typescript-native/bin/tsc";
const STEPS: readonly Step[] = [
  {
    name: "typecheck",
    commands: ["tsconfig.json", "src/core/tsconfig.json"].map((project) => tool(TYPESCRIPT, "--noEmit", "-p", project)),
  },
  {
    name: "lint",
    commands: [
      tool("oxlint/bin/oxlint", "--type-aware", "--deny-warnings", ...SOURCES),
      tool("oxfmt/bin/oxfmt", "--check", ...SOURCES),
    ],
  },
  {
    name: "layers",
    commands: [tool("dependency-cruiser/bin/dependency-cruiser.mjs", "--config", ".dependency-cruiser.cjs", "src")],
  },
  { name: "build", commands: [[process.execPath, join(ROOT, "scripts/build.ts")]] },
];

let interrupted: NodeJS.Signals | null = null;

async function main(args: readonly string[]): Promise<number> {
  const { unit, forVitest } = readArguments(args);
  for (const { name, commands } of STEPS) {
    const code = await timed(name, () => runAll(commands));
    if (code !== 0) return finish({ passed: 0, failed: 1, skipped: 0 }, `stopped at ${name}; no test was run`, code);
  }
  const folder = await mkdtemp(join(tmpdir(), "stele-test-"));
  try {
    const file = join(folder, "results.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const projects = unit ? ["--project=unit"] : [];
    const vitest = tool("vitest/vitest.mjs", "run", ...projects, ...reporters, ...forVitest);
    const code = await timed("tests", () => run(vitest));
    return judge(await readCounts(file), code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readArguments(args: readonly string[]): { unit: boolean; forVitest: string[] } {
  if (args.includes("--help")) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  return { unit: args.includes("--unit"), forVitest: args.filter((argument) => argument !== "--unit" && argument !== "--") };
}

async function timed(name: string, work: () => Promise<number>): Promise<number> {
  process.stdout.write(`\n== ${name}\n`);
  const started = performance.now();
  const code = await work();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`== ${name}: ${code === 0 ? "ok" : `failed with exit code ${code}`}, ${seconds} s\n`);
  return code;
}

async function runAll(commands: readonly (readonly string[])[]): Promise<number> {
  for (const command of commands) {
    const code = await run(command);
    if (code !== 0) return code;
  }
  return 0;
}

/** Runs a program in the repository's root, its output with ours, and gives its exit code. */
function run([program = "", ...args]: readonly string[]): Promise<number> {
  const path = [join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  const child = spawn(program, args, { cwd: ROOT, env: { ...process.env, PATH: path }, stdio: ["ignore", "inherit", "inherit"] });
  // A terminal sends Ctrl-C to the child as well; a signal to this process alone must reach it too.
  const pass = (name: NodeJS.Signals): void => {
    interrupted = name;
    child.kill(name);
  };
  process.on("SIGINT", pass).on("SIGTERM", pass);
  return new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`can't run ${program}: ${error.message}`, { cause: error })));
    child.once("close", (code, name) => {
      if (interrupted !== null) resolve(128 + constants.signals[interrupted]);
      else resolve(code ?? (name === null ? 1 : 128 + constants.signals[name]));
    });
  }).finally(() => process.off("SIGINT", pass).off("SIGTERM", pass));
}

const RESULTS = z.object({
  testResults: z.array(
    z.object({
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

/** What Vitest wrote down; null when it did not get that far, as when the S3 server did not start. */
async function readCounts(file: string): Promise<Counts | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const { status, assertionResults } of RESULTS.parse(JSON.parse(text)).testResults) {
    const count = (wanted: string): number => assertionResults.filter((test) => test.status === wanted).length;
    passed += count("passed");
    // A file that can't be loaded, or whose hook fails, has no failed test to show for it.
    failed += status === "failed" ? Math.max(1, count("failed")) : 0;
    skipped += assertionResults.length - count("passed") - count("failed");
  }
  return { passed, failed, skipped };
}

function judge(counts: Counts | null, code: number): number {
  if (counts === null) return finish({ passed: 0, failed: 1, skipped: 0 }, "the tests did not run", code || 1);
  const { passed, failed, skipped } = counts;
  if (failed > 0) return finish(counts, `failed: ${failed}`, code || 1);
  // Such as an error that nobody caught, after its test had passed.
  if (code !== 0)
    return finish({ passed, failed: 1, skipped }, `Vitest ended with exit code ${code}, without a failed test`, code);
  if (passed === 0) return finish({ passed, failed: 1, skipped }, "no test ran", 1);
  return finish(counts, null, 0);
}

function finish({ passed, failed, skipped }: Counts, why: string | null, code: number): number {
  if (why !== null) process.stderr.write(`\n${why}\n`);
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`);
  return code;
}

const major = Number(process.versions.node.split(".")[0]);
if (major < PINNED_MAJOR) {
  process.stderr.write(
    `the tests need Node ${PINNED_MAJOR} or newer, and this is ${process.version}: start them with \`npm test\` or ` +
      "`npm run test:unit`, which use the Node that `npm ci` has installed\n",
  );
  process.exitCode = finish({ passed: 0, failed: 1, skipped: 0 }, null, 1);
} else {
  process.exitCode = await main(process.argv.slice(2));
}
