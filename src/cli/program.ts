import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { VERSION } from "../archive/version.ts";

const INTRODUCTION = `Audit logs that nobody can rewrite, and the proof of it.

STORE is s3://bucket[/prefix] (region, endpoint and credentials as every AWS tool takes them) or a folder.`;

const EXITS = `
Exit codes: 0 as asked and sound; 1 the archive is not sound; 2 wrong use; 3 could not tell.

Example:
  $ stele init s3://acme-audit --origin audit.acme.example
  $ kubectl logs app | stele archive s3://acme-audit --log app
  $ stele verify s3://acme-audit --key "audit.acme.example+..."
`;

const COMMANDS: ReadonlyMap<string, () => Promise<CommandUnknownOpts>> = new Map([
  ["init", async () => (await import("./commands/init.ts")).initCommand()],
  ["archive", async () => (await import("./commands/archive.ts")).archiveCommand()],
  ["spool", async () => (await import("./commands/spool.ts")).spoolCommand()],
  ["verify", async () => (await import("./commands/verify.ts")).verifyCommand()],
  ["sweep", async () => (await import("./commands/sweep.ts")).sweepCommand()],
  ["cat", async () => (await import("./commands/cat.ts")).catCommand()],
  ["prove", async () => (await import("./commands/prove.ts")).proveCommand()],
  ["check-proof", async () => (await import("./commands/check-proof.ts")).checkProofCommand()],
  ["close", async () => (await import("./commands/close.ts")).closeCommand()],
  ["watch", async () => (await import("./commands/watch.ts")).watchCommand()],
  ["anchor", async () => (await import("./commands/anchor.ts")).anchorCommand()],
  ["doctor", async () => (await import("./commands/doctor.ts")).doctorCommand()],
  ["alarms", async () => (await import("./commands/alarms.ts")).alarmsCommand()],
  ["rules", async () => (await import("./commands/rules.ts")).rulesCommand()],
  ["findings", async () => (await import("./commands/findings.ts")).findingsCommand()],
  ["keys", async () => (await import("./commands/keys.ts")).keysCommand()],
] as const);

/**
 * The commands: the one that `args` begin with, or all of them where they begin with none, as for help. To load them all takes
 * longer than most of them do. Parsing throws a CommanderError instead of ending the process.
 */
export async function buildProgram(args: readonly string[] = []): Promise<Command> {
  const named = COMMANDS.get(args[0] ?? "");
  const program = new Command("stele")
    .description(INTRODUCTION)
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .configureHelp({ groupItems: ownOptionsFirst })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "stele: ")) })
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", EXITS)
    // What stands behind the name of an inner command is that one's, though the outer one may have an option of that name.
    .enablePositionalOptions()
    .exitOverride();
  for (const load of named === undefined ? COMMANDS.values() : [named]) addCommand(program, await load());
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
