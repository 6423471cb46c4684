import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { isSteleError, SteleError } from "../../core/error.ts";
import { parseLogName } from "../../core/layout.ts";
import { parseByteCount } from "../../sweep/byte-count.ts";
import { mergeSweeps } from "../../sweep/merge.ts";
import { openForSweep } from "../../sweep/open-for-sweep.ts";
import { type RoundName, ROUNDS } from "../../sweep/place.ts";
import type { RoundProgress } from "../../sweep/rounds/context.ts";
import { parseShard, WHOLE } from "../../sweep/shard.ts";
import { sweep } from "../../sweep/sweep.ts";
import { parseSweepJson, sweepAsJson } from "../../sweep/sweep-json.ts";
import { readAnchoring } from "../anchoring.ts";
import { exitOfVerdict } from "../exit.ts";
import { readTextFile } from "../files.ts";
import { onInterrupt } from "../interrupt.ts";
import { appended, wholeNumber } from "../option-values.ts";
import { Remarks, writeJson } from "../output.ts";
import { type Progress, showProgress } from "../progress.ts";
import { readRemembered } from "../remembered.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { storeCommand, threadsOption } from "../store-command.ts";
import { warnOfRules } from "../rule-warnings.ts";
import { readObservers } from "../sweep-observers.ts";
import { printSweep } from "../sweep-report.ts";
import { catchUp, recordSweep, tellAlarms } from "../sweep-run.ts";
import { openSweepState, sweepSigner, thisSweeper } from "../sweep-state.ts";
import { counted, size } from "../words.ts";

const EXAMPLES = `
What earlier sweeps saw is remembered on this machine and in the archive's log _sweeps: a tail that is cut off, a head that
changed, a finding that is gone. It goes on where an interrupted sweep stopped.
Ends with SOUND (exit code 0), NOT SOUND (1) or COULD NOT TELL (3).

Examples:
  $ stele sweep s3://acme-audit --key "audit.acme.example+..."
  $ stele sweep s3://acme-audit --rounds head --rules rules.yaml
  $ stele sweep s3://acme-audit --rounds content --budget auto --bandwidth 20MB
  $ stele sweep s3://acme-audit --shard 1/4 --json > 1.json
  $ stele sweep merge 1.json 2.json 3.json 4.json
`;

const MERGE_EXAMPLES = `
Says which shards are missing, and then that it could not tell.

Example:
  $ stele sweep merge 1.json 2.json 3.json
`;

/** A report names every finding. */
const MAX_REPORT_BYTES = 1 << 28;

export function sweepCommand(): CommandUnknownOpts {
  const command = storeCommand("sweep")
    .usage("[options] <STORE>")
    .summary("check what changed, every lock, and all bytes bit by bit")
    .description("Sweeps an archive, going on from what earlier sweeps saw.")
    .option("--rounds <ROUNDS>", "head, locks, content, separated by commas (default: all)")
    .addOption(new Option("--log <LOG>", "only this log (repeatable; default: all)").argParser(appended))
    .option("--shard <I/N>", "only the I-th of N parts, for sweeps that divide the work between them")
    .option("--budget <BYTES>", "read at most so much, such as 10GB; auto: what is due. The head round is always done")
    .addOption(
      new Option("--max-requests <N>", "make at most so many requests").argParser((text) => wholeNumber(text, "--max-requests")),
    )
    .option("--bandwidth <BYTES>", "read at most so much a second, such as 20MB")
    .addOption(
      new Option("--connections <N>", "objects asked for at a time").argParser((text) => wholeNumber(text, "--connections")),
    )
    .option("--state <DIR>", "the folder of what sweeps remember (default: ~/.local/state/stele/sweep)")
    .option("--no-record", "do not write the report to the archive's log of sweeps")
    .option("--sweep-key <FILE>", "the key that signs the log of sweeps (default: where init put it, or the archive's)")
    .option("--spool <DIR>", "the folder of spools, where the report waits for the store")
    .addOption(
      new Option("--checkpoint <FILE>", "the log must still hold what this checkpoint says (repeatable)").argParser(appended),
    )
    .addOption(new Option("--rules <FILE>", "ask these rules about new events (repeatable)").argParser(appended))
    .option("--allow-empty", "do not fail where nothing was archived yet")
    .addOption(threadsOption())
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (location, flags) => {
      const settings = await readSettings(flags);
      const config = settings.configuration.sweep ?? {};
      const rounds = flags.rounds === undefined ? ROUNDS : parseRounds(flags.rounds);
      const logs = flags.log?.map(parseLogName);
      const shard = flags.shard === undefined ? WHOLE : parseShard(flags.shard);
      const bytes = flags.budget === undefined ? config.budget : parseBudget(flags.budget);
      const bandwidth = flags.bandwidth === undefined ? config.bandwidth : parseBytes(flags.bandwidth, "--bandwidth");
      const remembered = await readRemembered(flags.checkpoint);
      const { observers, rules } = await readObservers(settings, flags.rules);
      const { anchors } = settings.configuration;
      const anchoring = anchors === undefined ? null : await readAnchoring(anchors, settings);
      const remarks = new Remarks(flags);

      const archive = await openForSweep(await openStoreWith(location, settings), settings.pinned);
      const signer = flags.record
        ? await sweepSigner(archive, settings, flags.sweepKey, (message) => remarks.warn(message))
        : null;
      using interruption = onInterrupt(
        "stopping: what is under way is finished and remembered; the same command goes on from there. Once more: at once",
      );
      using state = openSweepState(archive, flags.state, { remindEveryMillis: config.remindEvery, maxAlarms: config.maxAlarms });
      const { abort: signal } = interruption;
      await catchUp(archive, state, remarks, signal);
      const progress = showProgress(flags);
      const result = await sweep(archive, {
        state,
        now: Date.now,
        rounds,
        logs,
        shard,
        observers,
        checkpoints: remembered.map(({ checkpoint }) => checkpoint),
        budget: { bytes, requests: flags.maxRequests ?? config.maxRequests },
        contentDays: config.contentDays,
        bandwidth,
        connections: flags.connections ?? config.connections,
        policy: config.policy,
        anchors: anchoring?.policy,
        graceMillis: config.grace,
        allowEmpty: flags.allowEmpty === true,
        sweeper: thisSweeper(),
        threads: flags.threads ?? settings.limits.threads,
        stop: interruption.stop,
        signal,
        onProgress: (at) => show(progress, at),
      }).finally(() => progress.stop());
      if (rules !== null) warnOfRules(rules(), remarks);
      if (flags.record) await recordSweep(archive, state, { signer, settings, remarks, signal });
      await tellAlarms(archive, state, { settings, base: flags.state, remarks, signal });

      process.exitCode = interruption.exitCode() ?? exitOfVerdict(result.verdict);
      const json = sweepAsJson(result);
      if (flags.json === true) writeJson(json);
      else printSweep(json, archive.store.url);
    });
  command.addCommand(mergeCommand());
  return command;
}

function mergeCommand(): CommandUnknownOpts {
  return new Command("merge")
    .summary("make one result of those of shards")
    .description("Makes one result of the --json output of sweeps that divided an archive between them.")
    .argument("<FILE...>", "what the shards printed with --json")
    .option("--json", "print one JSON object")
    .addHelpText("after", MERGE_EXAMPLES)
    .action(async (files, flags) => {
      const parts = await Promise.all(
        files.map(async (file) => parseSweepJson(await readTextFile(file, MAX_REPORT_BYTES), file)),
      );
      const merged = mergeSweeps(parts);
      process.exitCode = exitOfVerdict(merged.verdict);
      if (flags.json === true) writeJson(merged);
      else printSweep(merged, null);
    });
}

function parseRounds(text: string): RoundName[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !ROUNDS.some((round) => round === name));
  if (unknown === undefined) return ROUNDS.filter((round) => names.includes(round));
  throw new SteleError(
    "input.invalid",
    `--rounds: expected ${ROUNDS.join(", ")}, separated by commas, got ${JSON.stringify(unknown)}`,
  );
}

function parseBudget(text: string): number | "auto" {
  return text === "auto" ? text : parseBytes(text, "--budget");
}

function parseBytes(text: string, option: string): number {
  try {
    return parseByteCount(text);
  } catch (error) {
    if (!isSteleError(error)) throw error;
    throw new SteleError(error.code, `${option}: ${error.message}`, { cause: error });
  }
}

function show(progress: Progress, { round, log, manifests, entries, bytes, totalManifests }: RoundProgress): void {
  const fraction = totalManifests === null || totalManifests === 0 ? null : manifests / totalManifests;
  const deep = round === "content" ? `, ${counted(entries, "entry", "entries")}, ${size(bytes)}` : "";
  progress.update(fraction, `${round} round, ${log}: ${counted(manifests, "manifest")}${deep}`);
}
