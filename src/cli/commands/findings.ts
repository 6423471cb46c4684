import { userInfo } from "node:os";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { type Archive, openArchive } from "../../archive/archive.ts";
import { verdict } from "../../archive/finding.ts";
import { SteleError } from "../../core/error.ts";
import type { Signer } from "../../core/key.ts";
import { type Timestamp, timestamp, toMillis } from "../../core/time.ts";
import { type Acknowledging, acknowledge, acknowledgementLines } from "../../sweep/acknowledge.ts";
import type { FindingRecord } from "../../sweep/finding-record.ts";
import { appendReports, record, type RecordOptions } from "../../sweep/record.ts";
import { SWEEPS_LOG } from "../../sweep/report.ts";
import { parseInstant } from "../entry-bound.ts";
import { EXIT, exitOfVerdict } from "../exit.ts";
import { type Listed, listedAsJson, printListed } from "../findings-list.ts";
import { type Known, knownFindings } from "../known-findings.ts";
import { required } from "../option-values.ts";
import { Remarks, style, writeJson, writeLine } from "../output.ts";
import { openStoreWith, readSettings, type Settings } from "../settings.ts";
import { storeCommand } from "../store-command.ts";
import { sweepSigner, thisSweeper } from "../sweep-state.ts";
import { counted, printable } from "../words.ts";

const EXAMPLES = `
What is open stays open until a later sweep no longer finds it, or someone acknowledges it.
Ends with 0 when nothing is open that nobody answers for, 1 when something is wrong, 3 when it could not be told.

Examples:
  $ stele findings s3://acme-audit
  $ stele findings s3://acme-audit --all --json
  $ stele findings ack s3://acme-audit 3f2a... --why "orphan of the crash on 2 May, harmless" --until 2027-01-01
`;

const ACK_EXAMPLES = `
No more reminders come, until it is gone or --until has come. Who and why are written into the archive's log of sweeps,
signed and locked. ID is a finding's, or the subject of an alarm that told of many at once.

Example:
  $ stele findings ack s3://acme-audit 3f2a... --why "orphan of the crash on 2 May, harmless" --by "Kim, SRE"
`;

const STATE = "the folder of what sweeps remember (default: ~/.local/state/stele/sweep)";

export function findingsCommand(): CommandUnknownOpts {
  const command = storeCommand("findings")
    .usage("[options] <STORE>")
    .summary("list what sweeps found, and acknowledge it")
    .description("Lists what sweeps found and is still open: what, where, for how long, and what to do.")
    .option("--all", "also what was acknowledged, and what is closed and still remembered on this machine")
    .option("--state <DIR>", STATE)
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (location, flags) => {
      const settings = await readSettings(flags);
      const archive = await openArchive(await openStoreWith(location, settings), { pinned: settings.pinned });
      const known = await knownFindings(archive, flags.state);
      const remarks = new Remarks(flags);
      if (known.from === null) {
        process.exitCode = EXIT.unknown;
        if (flags.json === true) writeJson({ ok: false, from: null, findings: [] });
        else
          writeLine(
            `No sweep of ${archive.origin} is known here: nothing was looked at, so nothing can be said. Run: stele sweep`,
          );
        return;
      }
      const all = listed(known);
      const open = all.filter(isUnanswered);
      const result = verdict(open);
      process.exitCode = exitOfVerdict(result);
      const shown = flags.all === true ? all : open;
      if (flags.json === true) {
        writeJson({ ok: result === "sound", from: known.from, findings: shown.map(listedAsJson) });
        return;
      }
      if (known.from === "archive") remarks.note(`from the archive's log ${SWEEPS_LOG}, as of its last report: ${known.because}`);
      printListed(shown, Date.now());
      const answered = all.filter((one) => isOpen(one) && !isUnanswered(one)).length;
      if (shown.length > 0) writeLine();
      const rest =
        answered > 0 ? `; ${counted(answered, "finding")} acknowledged${flags.all === true ? "" : " (shown with --all)"}` : "";
      writeLine(`${style(open.length === 0 ? "green" : "bold", `${counted(open.length, "finding")} open`)}${rest}`);
    });
  command.addCommand(ackCommand());
  return command;
}

function ackCommand(): CommandUnknownOpts {
  return storeCommand("ack")
    .summary("acknowledge a finding: who, and why")
    .description("Says that someone looked at a finding and answers for it.")
    .argument("<ID>", "the finding's id, as listed")
    .option("--why <TEXT>", "why it needs no more attention (required)")
    .option("--by <WHO>", "who says so (default: your user name)")
    .option("--until <DATE>", "when it opens again, if it is still there: a date in UTC or a time")
    .option("--state <DIR>", STATE)
    .option("--sweep-key <FILE>", "the key of the log of sweeps (default: where init put it)")
    .option("--key-file <FILE>", "the archive's signing key, where it names no key of its own for that log")
    .option("--spool <DIR>", "the folder of spools (default: ~/.local/state/stele/spool)")
    .option("--json", "print one JSON object")
    .addHelpText("after", ACK_EXAMPLES)
    .action(async (location, id, flags) => {
      const why = required(flags.why, "--why");
      const settings = await readSettings(flags);
      const remarks = new Remarks(flags);
      const archive = await openArchive(await openStoreWith(location, settings), { pinned: settings.pinned });
      const signer = await sweepSigner(archive, settings, flags.sweepKey, (message) => remarks.warn(message));
      const until = flags.until === undefined ? null : parseUntil(flags.until);
      const acknowledging: Acknowledging = {
        by: flags.by ?? userInfo().username,
        why,
        until,
        sweeper: thisSweeper(),
        now: Date.now(),
      };
      const { found, recorded } = await answer(
        archive,
        await knownFindings(archive, flags.state),
        id,
        acknowledging,
        signer,
        settings,
      );
      if (flags.json === true) {
        writeJson({ ok: true, recorded, findings: found.map((one) => ({ id: one.id, code: one.code, log: one.log, until })) });
        return;
      }
      for (const { code, log, id: one } of found)
        writeLine(`acknowledged: ${printable(code)} in ${printable(log || "the archive")} (${one})`);
      if (recorded) writeLine(`written into the log ${SWEEPS_LOG} of ${archive.origin}`);
      else {
        remarks.warn(
          `no key of the log ${SWEEPS_LOG} is at hand (--sweep-key): this is only remembered on this machine, until a sweep with a key writes it down`,
        );
      }
    });
}

/** Acknowledges in this machine's state, where it can be had; else straight in the archive, from where a running sweep takes it over. */
async function answer(
  archive: Archive,
  known: Known,
  id: string,
  acknowledging: Acknowledging,
  signer: Signer | null,
  settings: Settings,
): Promise<{ readonly found: readonly FindingRecord[]; readonly recorded: boolean }> {
  const options: RecordOptions | null = signer === null ? null : { signer, spool: settings.spool, writerId: thisSweeper() };
  if (known.from === "state") {
    using state = known.state;
    const found = acknowledge(state, id, acknowledging);
    if (options !== null) await record(archive, state, options);
    return { found, recorded: options !== null };
  }
  const open = known.from === null ? [] : known.open;
  const { found, lines } = acknowledgementLines(archive.origin, open, id, acknowledging);
  if (options === null) {
    throw new SteleError(
      "input.invalid",
      `no key of the log ${SWEEPS_LOG} is at hand, and what this machine remembers can't be written to: name the key with --sweep-key`,
    );
  }
  await appendReports(archive, lines, options);
  return { found, recorded: true };
}

function listed(known: Exclude<Known, { from: null }>): readonly Listed[] {
  if (known.from === "archive") return known.open;
  using state = known.state;
  return state.ledger.all();
}

function isOpen({ closedAt = null }: Listed): boolean {
  return closedAt === null;
}

function isUnanswered(one: Listed): boolean {
  const { acknowledged } = one;
  const isOver = acknowledged?.until != null && toMillis(acknowledged.until) <= Date.now();
  return isOpen(one) && (acknowledged === null || isOver);
}

function parseUntil(text: string): Timestamp {
  const instant = parseInstant(text);
  if (instant !== null) return timestamp(instant);
  throw new SteleError(
    "input.invalid",
    `--until: expected a date in UTC such as 2027-01-01, or a time such as 2027-01-01T09:00:00Z, got ${JSON.stringify(text)}`,
  );
}
