import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { parseLogName } from "../../core/layout.ts";
import { parseEntryBound, checkRange } from "../entry-bound.ts";
import { EXIT } from "../exit.ts";
import { appended, required } from "../option-values.ts";
import { Remarks, style, writeJson, writeLine } from "../output.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { storeCommand } from "../store-command.ts";
import { counted, printable } from "../words.ts";

const RULES_FILE = "a rules file (YAML)";

const TEST_EXAMPLE = `
Exit code 0 when every test passes, 1 when one does not, 2 when a file is not a rules file.

Example:
  $ stele rules test infra/rules/cloudtrail.yaml
`;

const CHECK_EXAMPLE = `
Exit code 0 when all are rules files, 2 when one is not.

Example:
  $ stele rules check infra/rules/cloudtrail.yaml
`;

const LIST_EXAMPLE = `
Example:
  $ stele rules list infra/rules/cloudtrail.yaml
`;

const RUN_EXAMPLE = `
Entries are verified before a rule sees them. Alarms are printed, not sent.

Example:
  $ stele rules run s3://acme-audit --log cloudtrail --rules infra/rules/cloudtrail.yaml --from 2026-11-01 --proofs found
  $ stele check-proof found/aws.root-used-61234.proof --key "audit.acme.example+..."
`;

export function rulesCommand(): CommandUnknownOpts {
  return new Command("rules")
    .summary("try rules on events, or look for events of the past")
    .description("Works with rules on events: CEL conditions, of which stele watch raises alarms.")
    .addCommand(testCommand())
    .addCommand(checkCommand())
    .addCommand(runCommand())
    .addCommand(listCommand());
}

function testCommand(): CommandUnknownOpts {
  return new Command("test")
    .summary("try rules on the events that stand beside them")
    .description("Tries each rule on its tests.")
    .argument("<FILE...>", RULES_FILE)
    .option("--json", "print one JSON object")
    .addHelpText("after", TEST_EXAMPLE)
    .action(async (files, flags) => {
      const { readRules } = await import("../../alert/rules/rules-file.ts");
      const { tryRules } = await import("../../alert/rules/try-rules.ts");
      const rules = await readRules(files);
      const { results, untested, neverMatched } = await tryRules(rules);
      const failed = results.filter(({ passed }) => !passed);
      if (failed.length > 0) process.exitCode = EXIT.unsound;
      if (flags.json === true) {
        writeJson({ ok: failed.length === 0, rules: rules.length, tests: results.length, failed, untested, neverMatched });
        return;
      }
      for (const { rule, test, why } of failed) {
        writeLine(`${style("red", "FAILED")}  ${rule}, ${printable(test)}: ${printable(why ?? "")}`);
      }
      if (untested.length > 0) writeLine(`${style("yellow", "without a test")}: ${untested.join(", ")}`);
      if (neverMatched.length > 0) writeLine(`${style("yellow", "never matched by a test")}: ${neverMatched.join(", ")}`);
      const verdict = failed.length === 0 ? style("green", "PASSED") : style("red", `${failed.length} FAILED`);
      writeLine(`${verdict}: ${counted(rules.length, "rule")}, ${counted(results.length, "test")}`);
    });
}

function checkCommand(): CommandUnknownOpts {
  return new Command("check")
    .summary("check that files are rules files")
    .description("Reads rules files and says what is wrong in them, line by line.")
    .argument("<FILE...>", RULES_FILE)
    .option("--json", "print one JSON object")
    .addHelpText("after", CHECK_EXAMPLE)
    .action(async (files, flags) => {
      const { readRules } = await import("../../alert/rules/rules-file.ts");
      const rules = await readRules(files);
      if (flags.json === true) writeJson({ ok: true, rules: rules.map(({ name }) => name) });
      else writeLine(`${style("green", "GOOD")}: ${counted(rules.length, "rule")} in ${counted(files.length, "file")}`);
    });
}

function listCommand(): CommandUnknownOpts {
  return new Command("list")
    .summary("list rules")
    .description("Lists the rules of rules files.")
    .argument("<FILE...>", RULES_FILE)
    .option("--json", "print one JSON object")
    .addHelpText("after", LIST_EXAMPLE)
    .action(async (files, flags) => {
      const { readRules } = await import("../../alert/rules/rules-file.ts");
      const rules = await readRules(files);
      if (flags.json === true) {
        writeJson({
          ok: true,
          rules: rules.map(({ name, title, description, severity, logs, where, tags, runbook, file, tests }) => ({
            name,
            title,
            description,
            severity,
            logs,
            where,
            tags,
            runbook: runbook ?? null,
            file,
            tests: tests.length,
          })),
        });
        return;
      }
      const width = Math.max(...rules.map(({ name }) => name.length));
      for (const { name, severity, title } of rules) {
        writeLine(`${name.padEnd(width)}  ${severity.padEnd(8)}  ${printable(title)}`);
      }
    });
}

function runCommand(): CommandUnknownOpts {
  return storeCommand("run")
    .summary("find what rules match among archived events")
    .description("Asks rules about events of the past, each verified before, and proves what they match.")
    .option("--log <LOG>", "the log (required)")
    .addOption(new Option("--rules <FILE>", "a rules file (required, repeatable)").argParser(appended))
    .option("--from <T>", "from this entry on: its index, or a time of arrival (RFC 3339, or a date in UTC)")
    .option("--to <T>", "up to this entry, itself left out")
    .option("--proofs <DIR>", "write each match's proof there, as RULE-INDEX.proof")
    .option("--json", "print one JSON object")
    .addHelpText("after", RUN_EXAMPLE)
    .action(async (location, flags) => {
      const log = parseLogName(required(flags.log, "--log"));
      const files = flags.rules ?? [required(undefined, "--rules")];
      const from = flags.from === undefined ? undefined : parseEntryBound(flags.from, "--from");
      const to = flags.to === undefined ? undefined : parseEntryBound(flags.to, "--to");
      checkRange(from, to);
      const { readRules } = await import("../../alert/rules/rules-file.ts");
      const { openArchive } = await import("../../archive/archive.ts");
      const { printRun, runRules } = await import("../rules-run.ts");
      const rules = await readRules(files);
      const settings = await readSettings(flags);
      const archive = await openArchive(await openStoreWith(location, settings), { pinned: settings.pinned });
      const remarks = new Remarks(flags);
      if (!archive.keyPinned) remarks.note("key not pinned: the key that the archive itself names was believed");
      const result = await runRules(archive, log, rules, { from, to, proofs: flags.proofs });
      if (flags.json === true) writeJson(result);
      else printRun(result, remarks);
    });
}
