import { spawn } from "node:child_process";
import { constants, type Dirent, existsSync } from "node:fs";
import { chmod, cp, lstat, mkdir, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeEvents } from "./gen-events.ts";

const HELP = `npm run demo -- [--dir FOLDER]

Shows in a minute what Stele does: archives generated events into a folder, verifies them, tampers with a copy, has the copy
verified, and proves one event. Everything it makes lies in FOLDER (default: ./stele-demo), which each run makes anew.
`;

const COMMAND = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const MARKER = ".made-by-stele-demo";
/** All that a run puts into its folder. Whatever else lies there is somebody's, and stays. */
const OWN = new Set([MARKER, "app.ndjson", "app.checkpoint", "archive", "config", "copy", "demo.key", "event.proof"]);

const ORIGIN = "audit.demo.example";
const EVENTS = 20_000;
const SEGMENT_EVENTS = 4000;
const PROVEN = 12_345;

/** What a user is to be told without a stack. */
class Refusal extends Error {}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { dir: { type: "string", default: "stele-demo" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  if (!existsSync(COMMAND)) throw new Refusal("dist/cli/main.js is missing: start this with npm run demo, which builds it first");
  const folder = values.dir;
  await makeAnew(folder);
  await show(folder);
}

async function show(folder: string): Promise<void> {
  const started = performance.now();
  const stele = (expected: number, ...args: string[]): Promise<string> => runStele(folder, expected, args);
  const archive = join(folder, "archive");
  const copy = join(folder, "copy");
  const key = join(folder, "demo.key");
  const file = join(folder, "app.ndjson");
  const checkpoint = join(folder, "app.checkpoint");
  const proof = join(folder, "event.proof");

  title(`Audit events, one JSON object a line: ${EVENTS.toLocaleString("en-US")} of them, made up`);
  say(`$ node scripts/gen-events.ts --count ${EVENTS} --seed demo -o ${file}`);
  await writeEvents(file, { count: EVENTS, seed: "demo" });

  title("A place for the archive, and the key that signs it");
  await stele(0, "init", archive, "--origin", ORIGIN, "--retention", "90d", "--key-file", key);
  const vkey = (await stele(0, "keys", "show", key)).trim();

  title("Archive the events, in small segments so that there are several, and keep the signed checkpoint apart from them");
  const small = ["--segment-entries", String(SEGMENT_EVENTS)];
  await stele(0, "archive", archive, "--log", "app", "--key-file", key, ...small, "--save-checkpoint", checkpoint, file);

  title("Verify it: every signature, every link, every byte, with the key that you were given, not one found in the archive");
  expectSaid(await stele(0, "verify", archive, "--key", vkey, "--checkpoint", checkpoint), "SOUND");

  title("Now somebody changes one byte of one segment, in a copy");
  say(`$ cp -R ${archive} ${copy}`);
  await cp(archive, copy, { recursive: true });
  await changeOneByte(await nthFile(join(copy, "app/segments"), 1));
  const altered = await stele(1, "verify", copy, "--key", vkey);
  expectSaid(altered, "segment.altered");
  expectSaid(altered, "NOT SOUND");

  title("And removes a manifest from the middle of the log");
  const manifest = await nthFile(join(copy, "app/manifests"), 3);
  say(`$ rm -f ${manifest}`);
  await rm(manifest);
  expectSaid(await stele(1, "verify", copy, "--key", vkey), "manifest.missing");

  title(`Prove one event, entry ${PROVEN}, to somebody who has neither the archive nor a network: the key is enough`);
  await stele(0, "prove", archive, "--log", "app", String(PROVEN), "--key", vkey, "-o", proof);
  expectSaid(await stele(0, "check-proof", proof, "--key", vkey), "PROVEN");

  say(next(folder, { archive, key, vkey, checkpoint }, (performance.now() - started) / 1000));
}

function next(
  folder: string,
  { archive, key, vkey, checkpoint }: Record<"archive" | "key" | "vkey" | "checkpoint", string>,
  seconds: number,
): string {
  return `
== Done in ${seconds.toFixed(0)} s. Everything lies in ${folder}; remove it when you like.

Try next, here (npx stele is the built command):
  npx stele cat ${archive} --log app --first 100 --count 3 --key '${vkey}'
  npx stele archive ${archive} --log app --key-file ${key} more.ndjson
  npx stele verify ${archive} --log app --checkpoint ${checkpoint} --key '${vkey}'
  npx stele doctor ${archive}

A folder shows tampering and can't prevent it: its owner can delete what is in it. A bucket with Object Lock in COMPLIANCE
mode can prevent deletion. With credentials and region as every AWS tool takes them:
  npx stele init s3://YOUR-BUCKET --origin audit.example.org --retention 1d
  npx stele doctor s3://YOUR-BUCKET
  npx stele archive s3://YOUR-BUCKET --log app app.ndjson
(What is put there stays, and costs, until its lock ends: begin with 1d.) Without an account at hand, a local Ceph is an S3
server that enforces Object Lock: node scripts/ceph.ts --help

How it works: docs/FORMAT.md. What it protects against, and what not: docs/THREAT-MODEL.md.`;
}

/** An empty folder. What an earlier run made there is removed; anything else is left, and refused. */
async function makeAnew(folder: string): Promise<void> {
  const present = await lstat(folder).catch(() => null);
  if (present !== null) {
    const names = present.isDirectory() ? await readdir(folder) : [];
    const strange = names.filter((name) => !OWN.has(name));
    const isOurs = present.isDirectory() && (names.length === 0 || names.includes(MARKER));
    if (!isOurs) throw new Refusal(`${folder} is there already and was not made by this demo: name another folder with --dir`);
    if (strange.length > 0) {
      throw new Refusal(
        `${folder} holds what this demo did not make (${strange.join(", ")}): move it, or name another folder with --dir`,
      );
    }
    for (const name of names.filter((one) => one !== MARKER)) await rm(join(folder, name), { recursive: true, force: true });
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, MARKER), "npm run demo made this folder, and removes what is in it when it runs again.\n");
}

/** Runs the built command, and prints it as it is typed with all that it said. @returns its standard output */
async function runStele(folder: string, expected: number, args: readonly string[]): Promise<string> {
  say(`$ npx stele ${args.map(quoted).join(" ")}`);
  const env = {
    ...process.env,
    // Nothing of the user's own is read or written.
    XDG_CONFIG_HOME: resolve(folder, "config"),
    STELE_KEY: "",
    STELE_KEY_FILE: "",
    STELE_DEBUG: "",
  };
  const child = spawn(process.execPath, [COMMAND, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    process.stdout.write(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => process.stdout.write(chunk));
  const code = await new Promise<number | null>((done, failed) => {
    child.once("error", failed);
    child.once("close", done);
  });
  if (expected !== 0) say(`(exit code ${code})`);
  if (code !== expected)
    throw new Refusal(`stele ${args[0]} ended with exit code ${code}, expected ${expected}: see its output above`);
  return stdout;
}

/** Turns over the bits of the byte in a file's middle. */
async function changeOneByte(path: string): Promise<void> {
  const at = Math.floor((await stat(path)).size / 2);
  await chmod(path, 0o644);
  const file = await open(path, constants.O_RDWR);
  try {
    const { buffer } = await file.read(new Uint8Array(1), 0, 1, at);
    const changed = 0xff - (buffer[0] ?? 0);
    await file.write(Uint8Array.of(changed), 0, 1, at);
    const octal = changed.toString(8).padStart(3, "0");
    say(`$ chmod u+w ${path}`);
    say(`$ printf '\\${octal}' | dd of=${path} bs=1 seek=${at} conv=notrunc status=none`);
  } finally {
    await file.close();
  }
}

/** The nth file below a folder, in order of name. */
async function nthFile(folder: string, n: number): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry: Dirent) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const path = files.toSorted()[n];
  if (path === undefined) throw new Refusal(`${folder}: expected more than ${n} files, got ${files.length}`);
  return relative("", path);
}

function expectSaid(output: string, expected: string): void {
  if (!output.includes(expected)) throw new Refusal(`expected the command to say ${expected}: see its output above`);
}

function quoted(argument: string): string {
  return /^[\w./:=@-]+$/.test(argument) ? argument : `'${argument}'`;
}

function title(text: string): void {
  say(`\n== ${text}\n`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const message =
    error instanceof Refusal ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`\ndemo: ${message}\n`);
  process.exitCode = 1;
}
