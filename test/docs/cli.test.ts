import { readFile } from "node:fs/promises";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { beforeAll, describe, expect, it } from "vitest";
import { finding, type FindingCode } from "../../src/archive/finding.ts";
import { DEFAULT_LIMITS } from "../../src/archive/input/segmenter.ts";
import { ADVICE } from "../../src/cli/advice.ts";
import { exitOfError } from "../../src/cli/exit.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { type ErrorCode, SteleError } from "../../src/core/error.ts";

/** The type asks for every code: what is missing here does not compile. */
const ERROR_CODES: Readonly<Record<ErrorCode, true>> = {
  "input.invalid": true,
  "input.entry-too-large": true,
  "input.unreadable": true,
  "format.encoding": true,
  "format.note": true,
  "format.key": true,
  "format.checkpoint": true,
  "format.manifest": true,
  "format.tile": true,
  "format.proof": true,
  "format.segment": true,
  "format.description": true,
  "proof.signature": true,
  "proof.inclusion": true,
  "proof.consistency": true,
  "proof.entry": true,
  "proof.timestamp": true,
  "store.not-found": true,
  "store.exists": true,
  "store.denied": true,
  "store.locked": true,
  "store.unreachable": true,
  "store.unsupported": true,
  "store.lock-lost": true,
  "store.altered": true,
  "store.too-large": true,
  "log.not-found": true,
  "log.fenced": true,
  "log.closed": true,
  "log.unsound": true,
  "log.key": true,
  "sweep.locked": true,
  "sweep.failed": true,
  "alert.failed": true,
  "anchor.failed": true,
  "spool.full": true,
  "spool.locked": true,
  "spool.damaged": true,
  "spool.failed": true,
};

let page = "";
beforeAll(async () => {
  page = await readFile(new URL("../../docs/CLI.md", import.meta.url), "utf8");
});

/** The text below a heading, up to the next one of its level or above. */
function section(heading: string): string {
  const level = heading.indexOf(" ");
  const lines = page.split("\n");
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`docs/CLI.md has no heading ${heading}`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(" ") <= level);
  return rest.slice(0, end < 0 ? undefined : end).join("\n");
}

/** The cells of a section's table rows, the head left out. */
function rows(heading: string): string[][] {
  return section(heading)
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

/** The long options in the first cells of a section's table. */
function documented(heading: string): string[] {
  return rows(heading).map(([cell = ""]) => /--[a-z0-9-]+/.exec(cell)?.[0] ?? cell);
}

const ownOptions = (command: CommandUnknownOpts): string[] => command.options.map(({ long, flags }) => long ?? flags);

describe("docs/CLI.md", () => {
  it("names every finding, with its usual severity, and none that there is not", () => {
    const listed = new Map(rows("## Findings").map(([code = "", severity = ""]) => [code.slice(1, -1), severity.split(" ")[0]]));
    // The table of advice is typed to hold every code.
    const codes = Object.keys(ADVICE).filter((code): code is FindingCode => code in ADVICE);
    expect([...listed.keys()].sort()).toEqual(codes.toSorted());
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(codes.map((code) => [code, finding(code, "", "").severity])));
    expect(rows("## Findings")).toHaveLength(listed.size);
  });

  it("names every error, with its exit code, and none that there is not", () => {
    const listed = new Map(
      rows("## Error codes").map(([code = "", exit = ""]) => [code.slice(1, -1), Number(exit.split(",")[0])]),
    );
    const codes = Object.keys(ERROR_CODES).filter((code): code is ErrorCode => code in ERROR_CODES);
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(codes.map((code) => [code, exitOfError(new SteleError(code, ""))])),
    );
  });

  it("gives the defaults that hold", () => {
    const { bytes, entries, entryBytes } = DEFAULT_LIMITS;
    const cell = (option: string): string =>
      rows("### stele archive STORE [FILE...]").find(([first]) => first?.includes(option))?.[1] ?? "";
    expect(cell("--max-event-bytes")).toContain(`(default ${entryBytes / 2 ** 20} MiB)`);
    expect(cell("--segment-bytes")).toContain(`(default ${bytes / 2 ** 20} MiB)`);
    expect(cell("--segment-entries")).toContain(`(default ${entries.toLocaleString("en-US")})`);
    for (const [name, value] of Object.entries({ maxEventBytes: entryBytes, segmentBytes: bytes, segmentEntries: entries })) {
      expect(section("## Configuration")).toMatch(new RegExp(`^  ${name}: ${value} `, "m"));
    }
  });

  it("names every option of every command, and none that there is not", async () => {
    const shared = documented("## Options that commands on a store share");
    const leaves = (await buildProgram()).commands.flatMap((command) => [
      // A command that has others may do something by itself as well.
      ...(command.commands.length === 0 || command.registeredArguments.length > 0 ? [[command.name(), command] as const] : []),
      ...command.commands.map((inner) => [`${command.name()} ${inner.name()}`, inner] as const),
    ]);
    for (const [name, command] of leaves) {
      const heading =
        page.split("\n").find((line) => new RegExp(`^### stele ${name}( [A-Z[]|$)`).test(line)) ?? `### stele ${name}`;
      const takesStore = / \[?STORE/.test(heading);
      const expected = [...(takesStore ? shared : []), ...documented(heading)];
      expect({ name, options: ownOptions(command).sort() }).toEqual({ name, options: expected.sort() });
    }
    const headings = page.split("\n").filter((line) => line.startsWith("### stele "));
    expect(headings).toHaveLength(leaves.length);
  });
});
