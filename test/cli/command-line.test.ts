import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { buildProgram } from "../../src/cli/program.ts";
import { VERSION } from "../../src/archive/version.ts";
import { stele } from "./stele.ts";

test("--version prints the version of the package", async () => {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(await readFile("package.json", "utf8")));
  expect(VERSION).toBe(version);
  expect(await stele(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test("every command has a help with an example", async () => {
  const program = await buildProgram();
  const commands = program.commands.flatMap((command) => [
    // A command that has others may do something by itself as well.
    ...(command.commands.length === 0 || command.registeredArguments.length > 0 ? [[command.name()]] : []),
    ...command.commands.map((inner) => [command.name(), inner.name()]),
  ]);
  expect(commands.length).toBeGreaterThan(4);
  for (const path of commands) {
    const { code, stdout, stderr } = await stele([...path, "--help"]);
    expect({ path, code, stderr }).toEqual({ path, code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Usage: stele ${path.join(" ")} `));
    expect(stdout).toMatch(new RegExp(`\\n  \\$ (?:.* \\| )?stele ${path.join(" ")}\\s`));
  }
});

test("a command that does something by itself and has commands of its own shows the options of the former", async () => {
  for (const [name, option, inner] of [
    ["sweep", "--budget <BYTES>", "merge"],
    ["findings", "--all", "ack"],
  ] as const) {
    for (const args of [
      [name, "--help"],
      ["help", name],
    ]) {
      const { code, stdout } = await stele(args);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`^Usage: stele ${name} \\[options\\] <STORE>\n`));
      expect(stdout).toContain(`  ${option} `);
      expect(stdout).toMatch(new RegExp(`\nCommands:\n  ${inner} `));
    }
  }
});

test.each([
  ["a mistyped command", ["archve"], /unknown command 'archve'\n\(Did you mean archive\?\)/],
  ["a mistyped option", ["init", "x", "--orign", "a.example"], /unknown option '--orign'\n\(Did you mean --origin\?\)/],
  [
    "a mistyped option of an inner command",
    ["keys", "generate", "--orgin", "x"],
    /unknown option '--orgin'\n\(Did you mean --origin\?\)/,
  ],
  ["no command", [], /^Usage: stele/],
  ["no STORE", ["archive", "--log", "app"], /missing required argument 'STORE'/],
  ["no --log", ["archive", "x"], /expected the option --log/],
  ["no --origin", ["init", "x"], /expected the option --origin/],
  ["a choice that is none", ["init", "x", "--origin", "a.example", "--mode", "NONE"], /argument 'NONE' is invalid/],
  [
    "a number that is none",
    ["archive", "x", "--log", "app", "--threads", "two"],
    /--threads: expected a whole number from 1, got "two"/,
  ],
  ["a number of bytes that is none", ["sweep", "x", "--bandwidth", "20"], /--bandwidth: expected a number of bytes .*, got "20"/],
  ["too many arguments", ["doctor", "x", "y"], /too many arguments/],
])("%s is wrong use", async (_what, args, message) => {
  const { code, stdout, stderr } = await stele(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
});

const failure = z.strictObject({ ok: z.boolean(), error: z.strictObject({ code: z.string(), message: z.string() }) });

test("with --json an error is one object on standard output, of a wrong option too", async () => {
  for (const args of [
    ["doctor", "/nonexistent/archive", "--json"],
    ["doctor", "x", "--jsn", "--json"],
  ]) {
    const { code, stdout } = await stele(args);
    expect(code).toBeGreaterThan(1);
    expect(failure.parse(JSON.parse(stdout))).toMatchObject({ ok: false });
    expect(stdout.split("\n")).toHaveLength(2);
  }
});

test("an error shows its stack only when asked to", async () => {
  const args = ["doctor", "/nonexistent/archive"];
  expect((await stele(args)).stderr).toBe(
    'stele: there is no folder /nonexistent/archive; check the path and that its disk is mounted, or create an archive there with "stele init"\n',
  );
  expect((await stele(args, { env: { STELE_DEBUG: "1" } })).stderr).toMatch(
    /^SteleError: [^]*\n {4}at [^]*\ncaused by: Error: ENOENT/m,
  );
});
