import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/archive/input/segmenter.ts";
import { WriterMetrics } from "../../src/archive/log/metrics.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = await readFile(new URL("docs/LIBRARY.md", ROOT), "utf8");
const README = await readFile(new URL("README.md", ROOT), "utf8");
const CLI_PAGE = await readFile(new URL("docs/CLI.md", ROOT), "utf8");
const COMPILER = fileURLToPath(new URL("node_modules/typescript-native/bin/tsc", ROOT));

interface Program {
  readonly name: string;
  readonly text: string;
  /** What the page says that it prints. */
  readonly output: string;
}

/** The `ts` blocks of a page, each with the `text` block that comes before the next of them. */
function programs(page: string): Program[] {
  const found: { name: string; text: string; output: string }[] = [];
  for (const [, language, text = ""] of page.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
    if (language === "ts") found.push({ name: /^\/\/ (\S+\.ts)\n/.exec(text)?.[1] ?? "", text, output: "" });
    const last = found.at(-1);
    if (language === "text" && last !== undefined) last.output = text;
  }
  return found;
}

const PROGRAMS = programs(PAGE);

/** All programs of the page lie in one folder, and share its archive. */
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stele-library-"));
  await install(folder);
  for (const { name, text } of PROGRAMS) await writeFile(join(folder, name), text);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Puts `stele` where programs of the folder find it: its doors lead to the sources, which Node takes as they are elsewhere only. */
async function install(into: string): Promise<void> {
  const modules = join(into, "node_modules");
  await mkdir(join(modules, "stele"), { recursive: true });
  const exported = { ".": "./index.js", "./pino": "./pino.js" };
  await writeFile(join(modules, "stele/package.json"), JSON.stringify({ name: "stele", type: "module", exports: exported }));
  const source = (file: string): string => JSON.stringify(new URL(`src/${file}`, ROOT).href);
  await writeFile(join(modules, "stele/index.js"), `export * from ${source("index.ts")};\n`);
  await writeFile(join(modules, "stele/pino.js"), `export { default } from ${source("pino.ts")};\n`);
  for (const name of ["pino", "prom-client"]) {
    await symlink(fileURLToPath(new URL(`node_modules/${name}`, ROOT)), join(modules, name));
  }
  await writeFile(join(into, "package.json"), '{"type":"module"}');
  await writeFile(
    join(into, "tsconfig.json"),
    JSON.stringify({
      extends: fileURLToPath(new URL("tsconfig.json", ROOT)),
      compilerOptions: {
        paths: { stele: [fileURLToPath(new URL("src/index.ts", ROOT))] },
        typeRoots: [fileURLToPath(new URL("node_modules/@types", ROOT))],
        isolatedDeclarations: false,
        declaration: false,
      },
      include: ["*.ts"],
    }),
  );
}

function run(args: readonly string[]): Promise<{ code: number | string | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? null), stdout, stderr }),
    );
  });
}

/** The cells of the rows of all tables under a heading. */
function rows(page: string, heading: string): string[][] {
  const level = heading.indexOf(" ");
  const lines = page.split("\n");
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`the page has no heading ${heading}`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(" ") <= level);
  return rest
    .slice(0, end < 0 ? undefined : end)
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.slice(1, -1).split("|"))
    .map((cells) => cells.map((cell) => cell.trim()));
}

const quoted = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);

describe("docs/LIBRARY.md", () => {
  it("has a name for each of its programs", () => {
    expect(PROGRAMS.length).toBeGreaterThan(10);
    expect(PROGRAMS.map(({ name }) => name)).not.toContain("");
    expect(new Set(PROGRAMS.map(({ name }) => name)).size).toBe(PROGRAMS.length);
  });

  // In the page's order: each goes on with the archive as those before left it.
  it.each(PROGRAMS.map(({ name, output }) => [name, output]))("%s runs, and prints what the page says", async (name, output) => {
    expect(await run(["--conditions=stele-source", name])).toEqual({ code: 0, stdout: output, stderr: "" });
  });

  it("and README.md's program runs on the same archive", async () => {
    const [program] = programs(README);
    await writeFile(join(folder, "readme.ts"), program?.text ?? "");
    await copyFile(join(folder, "audit.key"), join(folder, "audit.example.org.key"));
    const { code, stdout, stderr } = await run(["--conditions=stele-source", "readme.ts"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [, first] = /^entry (\d+) is under this checkpoint:\naudit\.example\.org\/app\n/m.exec(stdout) ?? [];
    expect(stdout).toContain(`${Number(first) - 1} {"who":"ada","did":"read","what":"file 7"}\n${first} the vault was opened\n`);
  });

  it("has programs of the right types", async () => {
    const { stdout } = await run([COMPILER, "--noEmit", "--listFiles", "-p", join(folder, "tsconfig.json")]);
    const lines = stdout.split("\n");
    for (const { name } of PROGRAMS) expect(lines).toContain(join(folder, name));
    // What is wrong in the sources is for their own check to say.
    expect(lines.filter((line) => /^[^/.][^(]*\.ts\(/.test(line))).toEqual([]);
  });

  it("names every metric with its type, and none that there is not", async () => {
    const registry = new Registry();
    expect(new WriterMetrics(registry, Date.now)).toBeDefined();
    const listed = rows(PAGE, "## Metrics").map(([name, type]) => [quoted(name)[0], type]);
    const registered = (await registry.getMetricsAsJSON()).map(({ name }) => name);
    expect(listed.map(([name]) => name)).toEqual(registered);
    const text = await registry.metrics();
    for (const [name, type] of listed) expect(text).toContain(`# TYPE ${name} ${type}\n`);
  });

  it("names only error codes that there are", () => {
    const codes = new Set(rows(CLI_PAGE, "## Error codes").flatMap(([cell]) => quoted(cell)));
    const listed = rows(PAGE, "## Errors").flatMap(([cell]) => quoted(cell));
    expect(listed.filter((code) => !codes.has(code))).toEqual([]);
    expect(listed.length).toBeGreaterThan(15);
    const writing = [...codes].filter((code) => /^(?:spool|log)\./.test(code) && code !== "log.not-found");
    expect(listed).toEqual(expect.arrayContaining(writing));
  });

  it("gives the limits that hold", () => {
    const { bytes, entries, ageMillis, entryBytes } = DEFAULT_LIMITS;
    const [, , cell] = rows(PAGE, "## Opening").find(([name]) => name === "`limits`") ?? [];
    const number = (value: number): string => value.toLocaleString("en-US");
    expect(cell).toBe(`${bytes / 2 ** 20} MiB, ${number(entries)}, ${number(ageMillis)}; ${entryBytes / 2 ** 20} MiB`);
  });

  it("links only to headings that it has", () => {
    const anchors = [...PAGE.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, "")
        .replaceAll(" ", "-"),
    );
    for (const [, anchor] of PAGE.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
  });
});
