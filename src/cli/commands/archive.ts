import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import type { Archive } from "../../archive/archive.ts";
import type { SegmentLimits } from "../../archive/input/segmenter.ts";
import { SteleError } from "../../core/error.ts";
import { parseLogName } from "../../core/layout.ts";
import { archiveDurably, type Input } from "../archive-durably.ts";
import { archiveFiles } from "../archive-files.ts";
import { type Archived, reportArchived } from "../archive-result.ts";
import { drainCommand } from "../command-words.ts";
import type { DurableLogOptions } from "../durable-log.ts";
import { followedFiles } from "../followed-files.ts";
import { holdSpool } from "../held-spool.ts";
import { onInterrupt } from "../interrupt.ts";
import { MIN_AGE_MILLIS, segmentLimits } from "../limits.ts";
import { openDurable } from "../open-durable.ts";
import { openForWriting } from "../open-for-writing.ts";
import { appended, byteSize, required, timeSpan, wholeNumber } from "../option-values.ts";
import { Remarks } from "../output.ts";
import { readRemembered, requireStillHeld } from "../remembered.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { namedSources, streamName } from "../sources.ts";
import { storeCommand, threadsOption } from "../store-command.ts";
import { refuseWriterFlags, writerSettings } from "../writer-options.ts";

const EXAMPLES = `
Files may be patterns, and compressed (.gz, .zst). Running it again with the same files goes on where it stopped.
Standard input and followed files go through a spool on this machine: what was read is safe there, also while the store
can't be reached, and is archived in the background, at the end and by the next run.

Examples:
  $ stele archive s3://acme-audit --log app /var/log/app/*.log
  $ kubectl logs -f app | stele archive s3://acme-audit --log app --source k8s/app --heartbeat 1h
  $ stele archive s3://acme-audit --log app --follow /var/log/app/app.log
  $ stele archive s3://acme-audit --log app app.log --save-checkpoint app.checkpoint
`;

type Number = (text: string) => number;
const number =
  (what: string): Number =>
  (text) =>
    wholeNumber(text, what);

const LEAST_HEARTBEAT_MILLIS = 1000;

export function archiveCommand(): CommandUnknownOpts {
  return storeCommand("archive")
    .summary("archive files or standard input")
    .description('Archives events, one a line, into a log: from files, or from standard input without FILE or with "-".')
    .argument("[FILE...]", "what to archive")
    .option("--log <LOG>", "the log to append to (required)")
    .option("--key-file <FILE>", "the signing key (default: where init put it)")
    .option("--source <NAME>", "who delivers what comes from standard input, as manifests name it")
    .option("--follow", "go on with what is written to the files, over rotations, until a signal")
    .option("--no-resume", "archive files whole, even if they were archived before")
    .optionsGroup("Spool:")
    .option("--spool <DIR>", "where events wait for the store (default: ~/.local/state/stele/spool)")
    .option("--max-spool <SIZE>", "pause reading when so much waits (default: 4GiB)", (text) => byteSize(text, "--max-spool"))
    .option("--drain-timeout <PERIOD>", "archive for so long after a signal (default: 30s)", (text) =>
      timeSpan(text, "--drain-timeout", 0),
    )
    .option("--heartbeat <PERIOD>", "a signed empty manifest when nothing came for so long, such as 1h", (text) =>
      timeSpan(text, "--heartbeat", LEAST_HEARTBEAT_MILLIS),
    )
    .optionsGroup("Options:")
    .option("--max-event-bytes <N>", "longest event; longer ones stop the run (default: 8 MiB)", number("--max-event-bytes"))
    .option("--segment-bytes <N>", "bytes of events in a segment (default: 16 MiB)", number("--segment-bytes"))
    .option("--segment-entries <N>", "events in a segment (default: 65536)", number("--segment-entries"))
    .option("--segment-age <PERIOD>", "longest wait of an event for its segment to fill (default: 1m)", (text) =>
      timeSpan(text, "--segment-age", MIN_AGE_MILLIS),
    )
    .addOption(threadsOption())
    .addOption(
      new Option("--checkpoint <FILE>", "append only if the log still holds what this checkpoint says (repeatable)").argParser(
        appended,
      ),
    )
    .option("--save-checkpoint <FILE>", "keep the head's signed checkpoint, for verify --checkpoint")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (location, files, flags) => {
      const log = parseLogName(required(flags.log, "--log"));
      const settings = await readSettings(flags);
      const limits: SegmentLimits = segmentLimits({ ...settings.limits, ...flags });
      const threads = flags.threads ?? settings.limits.threads;
      const remarks = new Remarks(flags);
      const options: DurableLogOptions = {
        log,
        spool: settings.spool,
        limits,
        writer: writerSettings(flags, limits),
        quiet: flags.quiet,
        progressLines: flags.follow !== true,
        remarks,
        drainCommand: drainCommand(location, flags),
      };
      const input = await durableInput(files, flags);
      if (input === null) refuseWriterFlags(flags);
      const store = await openStoreWith(location, settings);

      const requireHeld = async (archive: Archive): Promise<void> =>
        requireStillHeld(archive, log, await readRemembered(flags.checkpoint));
      const report = (archived: Archived, ok: boolean): Promise<void> =>
        reportArchived(archived, { json: flags.json === true, ok, saveCheckpoint: flags.saveCheckpoint, remarks });

      if (input !== null) {
        const { archive } = await openDurable(store, settings, threads, remarks);
        await requireHeld(archive);
        const { archived, exitCode } = await archiveDurably(archive, input, options, onInterrupt);
        if (exitCode !== null) process.exitCode = exitCode;
        await report(archived, exitCode === null);
        return;
      }
      const { archive, signer } = await openForWriting(store, settings, remarks);
      const sources = await namedSources(files);
      await requireHeld(archive);
      await using spool = await holdSpool(archive, signer, { ...options, threads });
      for (const { name, label } of flags.resume ? sources : []) {
        if (!spool.follows(name)) continue;
        throw new SteleError(
          "input.invalid",
          `${label}: is followed into log ${log} from this machine, and how far it was read is known there: ` +
            `go on with --follow, or archive it whole once more with --no-resume`,
        );
      }
      using interruption = onInterrupt(
        "stopping: what was read so far is being archived. Interrupt again to end at once (what was committed stays).",
      );
      const { resume, quiet } = flags;
      const archived = await archiveFiles(archive, sources, {
        log,
        signer,
        interruption,
        limits,
        threads,
        resume,
        quiet,
        remarks,
      });
      const exitCode = interruption.exitCode();
      if (exitCode !== null) process.exitCode = exitCode;
      await report(archived, exitCode === null);
    });
}

/** What goes through the spool; null where files are archived to their end. @throws SteleError `input.*` */
async function durableInput(
  files: readonly string[],
  flags: { readonly follow?: true | undefined; readonly source?: string | undefined; readonly resume: boolean },
): Promise<Input | null> {
  if (flags.follow === true) {
    if (flags.source !== undefined) {
      throw new SteleError("input.invalid", "--source: names what comes from standard input; followed files go by their paths");
    }
    return { kind: "files", files: await followedFiles(files), resume: flags.resume };
  }
  const source = streamName(files, flags.source);
  return source === null ? null : { kind: "stream", source };
}
