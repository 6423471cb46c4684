import { hostname } from "node:os";
import { stat } from "node:fs/promises";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { logOf, openArchive } from "../../archive/archive.ts";
import { type OpenArchive, spoolFolder } from "../../archive/log/open-archive.ts";
import { finishReindex, reindexSpool } from "../../archive/log/reindex.ts";
import { LogWriter, type WriterOptions } from "../../archive/log-writer.ts";
import { isSteleError } from "../../core/error.ts";
import type { Signer } from "../../core/key.ts";
import { logOrigin, parseLogName } from "../../core/layout.ts";
import { reportArchived } from "../archive-result.ts";
import { drainCommand } from "../command-words.ts";
import { DurableLog, type DurableLogOptions } from "../durable-log.ts";
import { onInterrupt } from "../interrupt.ts";
import { segmentLimits } from "../limits.ts";
import { openDurable } from "../open-durable.ts";
import { required } from "../option-values.ts";
import { Remarks, writeJson } from "../output.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { listSpools } from "../spool-list.ts";
import { printSpools, spoolsExit } from "../spool-table.ts";
import { optionalStoreCommand, storeCommand, threadsOption } from "../store-command.ts";
import { count, counted } from "../words.ts";
import { writerSettings } from "../writer-options.ts";

const STATUS_EXAMPLES = `
Each spool is opened for a moment to be looked at; what another process has open is left alone.

Examples:
  $ stele spool status
  $ stele spool status s3://acme-audit --log app --json
`;

const DRAIN_EXAMPLES = `
It archives what a run left behind that was killed, or could not reach the store, and ends.

Examples:
  $ stele spool drain s3://acme-audit --log app
  $ stele spool drain s3://acme-audit --log app --quarantine
`;

export function spoolCommand(): CommandUnknownOpts {
  const spool = new Command("spool")
    .summary("look at and archive what waits on this machine")
    .description("Looks at what waits on this machine to be archived, and archives it.");
  for (const command of [statusCommand(), drainingCommand()]) spool.addCommand(command);
  return spool;
}

function statusCommand(): CommandUnknownOpts {
  return optionalStoreCommand("status")
    .summary("show what waits to be archived")
    .description("Shows the spools on this machine, and what in them is not archived yet: of all archives, or of one.")
    .option("--log <LOG>", "only of this log")
    .option("--spool <DIR>", "the folder of spools (default: ~/.local/state/stele/spool)")
    .option("--json", "print one JSON object")
    .addHelpText("after", STATUS_EXAMPLES)
    .action(async (location, flags) => {
      const log = flags.log === undefined ? null : parseLogName(flags.log);
      const settings = await readSettings(flags);
      const origin = location === undefined ? null : await originOf(location, settings);
      const wanted = (candidate: string): boolean => {
        if (origin !== null && log !== null) return candidate === logOrigin(origin, log);
        if (origin !== null) return candidate.startsWith(`${origin}/`);
        return log === null || candidate.endsWith(`/${log}`);
      };
      const spools = await listSpools(settings.spool, wanted);
      process.exitCode = spoolsExit(spools);
      if (flags.json === true) writeJson({ ok: process.exitCode === 0, spool: settings.spool, spools });
      else printSpools(settings.spool, spools);
    });
}

async function originOf(location: string, settings: Awaited<ReturnType<typeof readSettings>>): Promise<string> {
  const { origin } = await openArchive(await openStoreWith(location, settings), { pinned: settings.pinned });
  return origin;
}

function drainingCommand(): CommandUnknownOpts {
  return storeCommand("drain")
    .summary("archive what waits in a log's spool")
    .description("Archives what waits in a log's spool on this machine.")
    .option("--log <LOG>", "the log (required)")
    .option("--key-file <FILE>", "the signing key (default: where init put it)")
    .option("--spool <DIR>", "the folder of spools (default: ~/.local/state/stele/spool)")
    .option("--quarantine", "set a damaged spool file aside, and record in the log what was lost")
    .option("--reindex", "where another writer took the places of what waits: archive it behind them")
    .addOption(threadsOption())
    .option("--save-checkpoint <FILE>", "keep the head's signed checkpoint, for verify --checkpoint")
    .option("--json", "print one JSON object")
    .addHelpText("after", DRAIN_EXAMPLES)
    .action(async (location, flags) => {
      const log = parseLogName(required(flags.log, "--log"));
      const settings = await readSettings(flags);
      const limits = segmentLimits(settings.limits);
      const threads = flags.threads ?? settings.limits.threads;
      const remarks = new Remarks(flags);
      const store = await openStoreWith(location, settings);
      const { archive, signer } = await openDurable(store, settings, threads, remarks);
      const options: DurableLogOptions = {
        log,
        spool: settings.spool,
        limits,
        // At a signal it ends at once: what is not archived then stays where it was.
        writer: writerSettings({ drainTimeout: 0 }, limits),
        quarantine: flags.quarantine,
        quiet: flags.quiet,
        progressLines: true,
        remarks,
        drainCommand: drainCommand(location, flags),
      };
      const durable = await openToDrain(archive, signer, options, flags.reindex === true);
      const report = { json: flags.json === true, saveCheckpoint: flags.saveCheckpoint, remarks };
      if (durable === null) {
        remarks.note(`log ${log} has no spool in ${settings.spool}: nothing waits here`);
        const { head } = await LogWriter.open(archive, log, writerOf(signer));
        const nothing = { entries: 0, segments: 0, rawBytes: 0, storedBytes: 0, spooled: { entries: 0, bytes: 0 }, millis: 0 };
        await reportArchived({ ...nothing, log, origin: archive.origin, head }, { ...report, ok: true });
        return;
      }
      await using open = durable;
      using interruption = onInterrupt("stopping: what is not archived yet stays in the spool.");
      const archived = await open.finish(interruption);
      const exitCode = interruption.exitCode();
      if (exitCode !== null) process.exitCode = exitCode;
      await reportArchived(archived, { ...report, ok: exitCode === null });
    });
}

/** Opens the log's spool; null where there is none. */
async function openToDrain(
  archive: OpenArchive,
  signer: Signer,
  options: DurableLogOptions,
  reindex: boolean,
): Promise<DurableLog | null> {
  const { log, remarks } = options;
  const { origin } = logOf(archive, log);
  const folder = spoolFolder(options.spool, origin);
  if (await finishReindex(folder)) remarks.note("an interrupted reindexing of the spool was finished");
  if ((await stat(folder).catch(() => null)) === null) return null;
  try {
    return await DurableLog.open(archive, options);
  } catch (error) {
    if (!reindex || !isSteleError(error, "log.fenced")) throw error;
    // What was opened with it is not to be used again.
    await archive.log(log).close();
  }
  const writer = await LogWriter.open(archive, log, writerOf(signer));
  const moved = await reindexSpool(folder, { origin, next: writer.nextEntry, now: Date.now });
  if (moved !== null) {
    const { entries, from, to, keptAs } = moved;
    const last = entries - 1;
    remarks.warn(
      `${counted(entries, "entry", "entries")} moved from ${count(from)} to ${count(from + last)}, where others stand, to ${count(to)} to ${count(to + last)}. ` +
        `Whoever was told the old indexes has to know. The old spool is kept as ${keptAs}`,
    );
  }
  return DurableLog.open(archive, options);
}

function writerOf(signer: Signer): WriterOptions {
  return { signer, writerId: `${hostname()}/${process.pid}`, now: Date.now };
}
