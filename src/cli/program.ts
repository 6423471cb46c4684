import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { VERSION } from "../archive/version.ts";
import { archiveCommand } from "./commands/archive.ts";
import { closeCommand } from "./commands/close.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { initCommand } from "./commands/init.ts";
import { catCommand } from "./commands/cat.ts";
import { checkProofCommand } from "./commands/check-proof.ts";
import { keysCommand } from "./commands/keys.ts";
import { proveCommand } from "./commands/prove.ts";
import { spoolCommand } from "./commands/spool.ts";
import { verifyCommand } from "./commands/verify.ts";

const INTRODUCTION = `Audit logs that nobody can rewrite, and the proof of it.

STORE is s3://bucket[/prefix] (region, endpoint and credentials as every AWS tool takes them) or a folder.`;

const EXITS = `
Exit codes: 0 as asked and sound; 1 the archive is not sound; 2 wrong use; 3 could not tell.

Example:
  $ stele init s3://acme-audit --origin audit.acme.example
  $ kubectl logs app | stele archive s3://acme-audit --log app
  $ stele verify s3://acme-audit --key "audit.acme.example+..."
`;

const COMMANDS: readonly (() => CommandUnknownOpts)[] = [
  initCommand,
  archiveCommand,
  spoolCommand,
  verifyCommand,
  catCommand,
  proveCommand,
  checkProofCommand,
  closeCommand,
  doctorCommand,
  keysCommand,
];

/** All commands. Parsing throws a CommanderError instead of ending the process. */
export function buildProgram(): Command {
  const program = new Command("stele")
    .description(INTRODUCTION)
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .configureHelp({ groupItems: ownOptionsFirst })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "stele: ")) })
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", EXITS)
    .exitOverride();
  for (const command of COMMANDS) addCommand(program, command());
  return program;
}

/** Settings are passed on to commands of commands as well: they are added ready-made, which leaves them out. */
function addCommand(parent: CommandUnknownOpts, command: CommandUnknownOpts): void {
  parent.addCommand(command.copyInheritedSettings(parent));
  for (const inner of command.commands) inner.copyInheritedSettings(command);
}

/** What a command is for comes before what all of them take. */
function ownOptionsFirst<T>(unsorted: T[], visible: T[], groupOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>([["Options:", []]]);
  for (const item of unsorted) groups.set(groupOf(item), []);
  for (const item of visible) groups.set(groupOf(item), [...(groups.get(groupOf(item)) ?? []), item]);
  return groups;
}
