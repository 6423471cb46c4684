import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { createArchive } from "../src/archive/archive.ts";
import { openArchive } from "../src/archive/log/open-archive.ts";
import { formatKeyFile, parseKeyFile } from "../src/core/key.ts";
import { parsePeriod } from "../src/core/retention.ts";
import { createDirectoryStore } from "../src/store/directory/directory.ts";

const ORIGIN = "audit.example";
const LOG = "app";
const KEY_FILE = formatKeyFile(ORIGIN, new Uint8Array(32).fill(7));
const SIGNER = parseKeyFile(KEY_FILE);
const TARGET = fileURLToPath(new URL("../src/pino.ts", import.meta.url));
const PINO = import.meta.resolve("pino");

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-pino-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "key"), KEY_FILE);
  const store = await createDirectoryStore(join(folder, "archive"));
  await createArchive(store, {
    origin: ORIGIN,
    signer: SIGNER,
    mode: "COMPLIANCE",
    period: parsePeriod("1d"),
    now: Date.now(),
  });
});

function options(more: object = {}): object {
  return { archive: join(folder, "archive"), log: LOG, keyFile: join(folder, "key"), spool: join(folder, "spool"), ...more };
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program that logs with pino through the transport, in a process of its own. It has `logger`, `transport` and `said`,
 * whose text is printed.
 */
async function run(body: string, given: object = options()): Promise<Ended> {
  const program = `
    import { once } from "node:events";
    import { rename } from "node:fs/promises";
    import { writeSync } from "node:fs";
    import pino from ${JSON.stringify(PINO)};
    const said = (text) => writeSync(1, text + "\\n");
    const transport = pino.transport({ target: ${JSON.stringify(TARGET)}, options: ${JSON.stringify(given)} });
    const logger = pino({ base: null, timestamp: false }, transport);
    ${body}`;
  await writeFile(join(folder, "program.mjs"), program);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--conditions=stele-source", "program.mjs"], { cwd: folder });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (part: Buffer) => {
      stdout += part.toString();
    });
    child.stderr.on("data", (part: Buffer) => {
      stderr += part.toString();
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Says at the end what the transport failed with. pino lets a program end while its transport is idle: a timer has to keep it. */
const UNTIL_CLOSED = `
    const errors = [];
    transport.on("error", (error) => errors.push(error.message));
    const alive = setInterval(() => undefined, 1000);
    transport.on("close", () => clearInterval(alive));
    process.on("exit", () => said(JSON.stringify(errors)));`;

/** What the log holds, verified. */
async function archived(log = LOG): Promise<string[]> {
  const archive = await openArchive(join(folder, "archive"), { keys: [SIGNER.key] });
  const lines: string[] = [];
  for await (const { bytes } of archive.log(log)) lines.push(Buffer.from(bytes).toString());
  return lines;
}

/** What the spool holds that is not archived: taken in by a writer of the next start. */
async function leftInSpool(): Promise<number> {
  await using archive = await openArchive(join(folder, "archive"), { signer: SIGNER, spool: join(folder, "spool") });
  const { recovery } = await archive.log(LOG).open();
  return recovery.entries;
}

/** A line as pino writes it, with neither time nor host. */
function line(fields: object, msg?: string): string {
  return JSON.stringify({ level: 30, ...fields, ...(msg === undefined ? {} : { msg }) });
}

test("what pino logs is archived byte for byte and in order", async () => {
  const ended = await run(`
    ${UNTIL_CLOSED}
    logger.info("plain");
    logger.info({ who: "Zoë 🦉", what: "\\u0000\\n\\t\\"\\\\ \\u2028", none: null }, "привет");
    logger.info({ a: { b: [1, { c: "d" }] } });
    logger.info({ large: "é".repeat(100_000) });
    for (let i = 0; i < 2000; i++) logger.info({ i });
    transport.end();`);
  expect(ended).toEqual({ code: 0, signal: null, stdout: "[]\n", stderr: "" });
  expect(await archived()).toEqual([
    line({}, "plain"),
    line({ who: "Zoë 🦉", what: '\u0000\n\t"\\ \u2028', none: null }, "привет"),
    line({ a: { b: [1, { c: "d" }] } }),
    line({ large: "é".repeat(100_000) }),
    ...Array.from({ length: 2000 }, (_, i) => line({ i })),
  ]);
  expect(await leftInSpool()).toBe(0);
});

test("lines that are larger than what goes between the threads at once stay whole", async () => {
  const lines = [5_000_001, 10, 4_194_304, 7_999_000, 1];
  const ended = await run(`
    for (const length of ${JSON.stringify(lines)}) logger.info({ s: "€".repeat(length / 3) });
    transport.end();`);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(await archived()).toEqual(lines.map((length) => line({ s: "€".repeat(length / 3) })));
});

test("the next start goes on where the last one ended", async () => {
  for (const round of [0, 1, 2]) {
    expect(await run(`logger.info({ round: ${round} }); logger.info({ again: ${round} });`)).toMatchObject({
      code: 0,
      stderr: "",
    });
  }
  expect(await archived()).toEqual([0, 1, 2].flatMap((round) => [line({ round }), line({ again: round })]));
});

test("a transport may be ended and begun again in one process", async () => {
  const ended = await run(`
    ${UNTIL_CLOSED}
    logger.info({ n: 1 });
    transport.end();
    await once(transport, "close");
    const second = pino.transport({ target: ${JSON.stringify(TARGET)}, options: ${JSON.stringify(options())} });
    pino({ base: null, timestamp: false }, second).info({ n: 2 });`);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(await archived()).toEqual([line({ n: 1 }), line({ n: 2 })]);
});

test.each([
  ["returning from the program", ""],
  ["process.exit() right after the last line", "process.exit(0);"],
  [
    "process.exit() before the transport is ready, and after much was logged",
    "for (let i = 0; i < 20_000; i++) logger.info({ i }); process.exit(0);",
  ],
])("%s loses nothing", async (_, end) => {
  const ended = await run(`logger.info({ first: true }); ${end}`);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  const lines = await archived();
  expect(lines[0]).toBe(line({ first: true }));
  expect(lines.slice(1)).toEqual(Array.from({ length: end.startsWith("for") ? 20_000 : 0 }, (__, i) => line({ i })));
});

test("an uncaught exception loses nothing of what was logged before it", async () => {
  const ended = await run(`
    await once(transport, "ready");
    logger.info({ last: "words" });
    throw new Error("thrown by the test");`);
  expect(ended).toMatchObject({ code: 1 });
  expect(ended.stderr).toMatch(/thrown by the test/);
  expect(await archived()).toEqual([line({ last: "words" })]);
});

// Few lines and many: what fills the stream's buffer is waited for on another way than what does not.
test.each([1, 10_000])(
  "once flush() called back, not even SIGKILL takes one of %d lines; what comes after may be lost",
  async (count) => {
    const ended = await run(
      `
    await once(transport, "ready");
    for (let i = 0; i < ${count}; i++) logger.info({ i, filled: "x".repeat(1000) });
    logger.flush((error) => {
      logger.info({ after: true });
      said(error ? "failed" : "flushed");
      process.kill(process.pid, "SIGKILL");
    });`,
      options({ limits: { ageMillis: 3_600_000 } }),
    );
    expect(ended).toMatchObject({ signal: "SIGKILL", stdout: "flushed\n" });
    expect(await leftInSpool()).toBeGreaterThanOrEqual(count);
    const lines = await archived();
    expect(lines.slice(0, count)).toEqual(Array.from({ length: count }, (_, i) => line({ i, filled: "x".repeat(1000) })));
    expect([[], [line({ after: true })]]).toContainEqual(lines.slice(count));
  },
);

test("one of several targets gets the lines of its level", async () => {
  const program = (body: string): string => `
    const several = pino.transport({ targets: [
      { level: "warn", target: ${JSON.stringify(TARGET)}, options: ${JSON.stringify(options())} },
      { level: "info", target: "pino/file", options: { destination: "all.txt" } },
    ] });
    const both = pino({ base: null, timestamp: false }, several);
    ${body}`;
  const unused = options({ log: "unused", spool: join(folder, "unused") });
  const ended = await run(program(`both.info({ n: 1 }); both.warn({ n: 2 });`), unused);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(await archived()).toEqual([JSON.stringify({ level: 40, n: 2 })]);
});

test.each<[string, object, RegExp]>([
  ["no log", { log: undefined }, /^input\.invalid: options of stele\/pino: log: /],
  ["a mistyped option", { onfull: "refuse" }, /^input\.invalid: options of stele\/pino: unknown: onfull$/],
  ["a mistyped limit", { limits: { ageMilis: 1 } }, /^input\.invalid: options of stele\/pino: unknown: limits\.ageMilis$/],
  ["a number that is none", { maxSpoolBytes: "4GiB" }, /^input\.invalid: options of stele\/pino: maxSpoolBytes: .*number/],
  ["a wait longer than pino's own", { drainMillis: 10_000 }, /^input\.invalid: options of stele\/pino: drainMillis: .*9000/],
  [
    "a heartbeat too long for a timer",
    { heartbeatMillis: 30 * 86_400_000 },
    /^input\.invalid: options of stele\/pino: heartbeatMillis: /,
  ],
  [
    "a key file that is not there",
    { keyFile: "/nowhere/key" },
    /^input\.unreadable: options of stele\/pino: keyFile: ENOENT.*\/nowhere\/key/,
  ],
  ["a name that no log has", { log: "No Log" }, /^input\.invalid: /],
  ["a place that is no archive", { archive: "/nowhere" }, /^store\.not-found: .*\/nowhere/],
])("%s is said at the start", async (_, wrong, message) => {
  const ended = await run(UNTIL_CLOSED, options(wrong));
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(ended.stdout)).toEqual([expect.stringMatching(message)]);
});

test("without a listener for the transport's errors the program ends, and says why", async () => {
  const ended = await run(`setInterval(() => logger.info("on"), 10);`, options({ archive: "/nowhere" }));
  expect(ended.code).not.toBe(0);
  expect(ended.stderr).toMatch(/store\.not-found: .*\/nowhere/);
});

test("a log that another process writes is refused at the start", async () => {
  await using archive = await openArchive(join(folder, "archive"), { signer: SIGNER, spool: join(folder, "spool") });
  await archive.log(LOG).open();
  const ended = await run(UNTIL_CLOSED);
  expect(JSON.parse(ended.stdout)).toEqual([expect.stringMatching(/^spool\.locked: /)]);
});

test("a log that stops is the transport's error at once, and what was flushed stays in the spool", async () => {
  const index = new URL("../src/index.ts", import.meta.url).href;
  const ended = await run(
    `
    ${UNTIL_CLOSED}
    import { openArchive, parseKeyFile } from ${JSON.stringify(index)};
    await once(transport, "ready");
    const other = await openArchive("archive", { signer: parseKeyFile(${JSON.stringify(KEY_FILE)}), spool: "another" });
    await other.log(${JSON.stringify(LOG)}).append("by another writer", { ack: "archived" });
    await other.close();
    logger.info({ kept: true });
    logger.flush(() => said("flushed"));`,
    options({ limits: { ageMillis: 100 } }),
  );
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  const [flushed, errors = ""] = ended.stdout.split("\n");
  expect(flushed).toBe("flushed");
  expect(JSON.parse(errors)).toEqual([expect.stringMatching(/^log\.fenced: /)]);
  expect(await archived()).toEqual(["by another writer"]);
  const files = await readdir(join(folder, "spool", `${ORIGIN}+${LOG}`));
  const kept = files.filter((name) => name.endsWith(".spool"));
  expect(kept).toHaveLength(1);
  expect(await readFile(join(folder, "spool", `${ORIGIN}+${LOG}`, kept[0] ?? ""), "utf8")).toContain(line({ kept: true }));
});

test("lines that the store does not take within drainMillis stay in the spool, and the program ends", async () => {
  const ended = await run(
    `
    await once(transport, "ready");
    await rename("archive", "moved");
    logger.info({ waits: true });`,
    options({ drainMillis: 50 }),
  );
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  await rename(join(folder, "moved"), join(folder, "archive"));
  expect(await leftInSpool()).toBe(1);
  expect(await archived()).toEqual([line({ waits: true })]);
});

test("a full spool refuses: the transport fails, and what it took is kept", async () => {
  const ended = await run(
    `
    ${UNTIL_CLOSED}
    await once(transport, "ready");
    logger.info({ n: 1 });
    await new Promise((resolve) => logger.flush(resolve));
    logger.info({ large: "x".repeat(2000) });`,
    options({ maxSpoolBytes: 1000, onFull: "refuse" }),
  );
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(ended.stdout)).toEqual([expect.stringMatching(/^spool\.full: /)]);
  expect(await archived()).toEqual([line({ n: 1 })]);
});
