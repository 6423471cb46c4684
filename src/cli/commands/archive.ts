import { hostname } from "node:os";
import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { type Archive, openArchive } from "../../archive/archive.ts";
import { type ArchiveResult, archiveSources } from "../../archive/archive-sources.ts";
import type { SegmentLimits, SourceReport } from "../../archive/input/segmenter.ts";
import type { Source } from "../../archive/input/source.ts";
import { fromUtf8, toBase64 } from "../../core/bytes.ts";
import { encodeCheckpoint } from "../../core/checkpoint.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import type { Signer } from "../../core/key.ts";
import { parseLogName } from "../../core/layout.ts";
import type { Store } from "../../store/port.ts";
import { writeCheckpointFile } from "../checkpoint-file.ts";
import { type Interruption, onInterrupt } from "../interrupt.ts";
import { segmentLimits } from "../limits.ts";
import { appended, required, wholeNumber } from "../option-values.ts";
import { Remarks, style, writeJson, writeLine } from "../output.ts";
import { showProgress } from "../progress.ts";
import { readRemembered, requireStillHeld } from "../remembered.ts";
import { openStoreWith, readSettings, type Settings } from "../settings.ts";
import { defaultKeyFile, isThere, readKeyFile } from "../signing-key.ts";
import { namedSources } from "../sources.ts";
import { storeCommand, threadsOption } from "../store-command.ts";
import { counted, duration, printable, size, speed } from "../words.ts";

const EXAMPLES = `
Files may be patterns, and compressed (.gz, .zst). Running it again with the same files goes on where it stopped.

Examples:
  $ stele archive s3://acme-audit --log app /var/log/app/*.log
  $ kubectl logs -f app | stele archive s3://acme-audit --log app --source k8s/app
  $ stele archive s3://acme-audit --log app app.log --save-checkpoint app.checkpoint
`;

type Number = (text: string) => number;
const number =
  (what: string): Number =>
  (text) =>
    wholeNumber(text, what);

export function archiveCommand(): CommandUnknownOpts {
  return storeCommand("archive")
    .summary("archive files or standard input")
    .description('Archives events, one a line, into a log: from files, or from standard input without FILE or with "-".')
    .argument("[FILE...]", "what to archive")
    .option("--log <LOG>", "the log to append to (required)")
    .option("--key-file <FILE>", "the signing key (default: where init put it)")
    .option("--source <NAME>", "who delivers what comes from standard input, as manifests name it")
    .option("--no-resume", "archive files whole, even if they were archived before")
    .option("--max-event-bytes <N>", "longest event; longer ones stop the run (default: 8 MiB)", number("--max-event-bytes"))
    .option("--segment-bytes <N>", "bytes of events in a segment (default: 16 MiB)", number("--segment-bytes"))
    .option("--segment-entries <N>", "events in a segment (default: 65536)", number("--segment-entries"))
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
      const remarks = new Remarks(flags);
      const store = await openStoreWith(location, settings);
      const { archive, signer } = await openForWriting(store, settings, remarks);
      const sources = await namedSources(files, flags.source);
      await requireStillHeld(archive, log, await readRemembered(flags.checkpoint));

      using interruption = onInterrupt(
        "stopping: what was read so far is being archived. Interrupt again to end at once (what was committed stays).",
      );
      const started = performance.now();
      const result = await archiveWithProgress(archive, log, sources, {
        signer,
        interruption,
        limits: segmentLimits({ ...settings.limits, ...flags }),
        threads: flags.threads ?? settings.limits.threads,
        resume: flags.resume,
        quiet: flags.quiet,
        remarks,
      });
      const millis = performance.now() - started;

      const { head } = result;
      if (flags.saveCheckpoint !== undefined) {
        if (head === null) remarks.warn(`log ${log} is empty and has no checkpoint yet: ${flags.saveCheckpoint} was not written`);
        else await writeCheckpointFile(flags.saveCheckpoint, head.checkpoint);
      }
      const code = interruption.exitCode();
      if (code !== null) process.exitCode = code;
      if (flags.json === true) writeJson({ ok: code === null, ...asJson(archive, log, result) });
      else printResult(archive, log, result, millis);
    });
}

/**
 * Opens an archive with the key that is to sign. Unless the user pinned a key, it is the signer's own that `archive.json`
 * must bear: a writer must not append to what someone else put in the archive's place.
 */
async function openForWriting(store: Store, settings: Settings, remarks: Remarks): Promise<{ archive: Archive; signer: Signer }> {
  const warn = (message: string): void => remarks.warn(message);
  if (settings.keyFile !== undefined) {
    const signer = await readKeyFile(settings.keyFile, warn);
    return { archive: await openPinned(store, settings, signer), signer };
  }
  // Only to learn the name under which init put the key: what the archive says is believed once the key has signed it.
  const { origin } = await openArchive(store, { pinned: settings.pinned });
  const keyFile = defaultKeyFile(origin);
  if (!(await isThere(keyFile))) {
    throw new SteleError(
      "input.unreadable",
      `there is no signing key for ${origin}: expected it in ${keyFile}; name it with --key-file or STELE_KEY_FILE`,
    );
  }
  const signer = await readKeyFile(keyFile, warn);
  return { archive: await openPinned(store, settings, signer), signer };
}

async function openPinned(store: Store, settings: Settings, signer: Signer): Promise<Archive> {
  if (settings.pinned.length > 0) return openArchive(store, { pinned: settings.pinned });
  try {
    return await openArchive(store, { pinned: [signer.key] });
  } catch (error) {
    if (!isSteleError(error, "proof.signature", "log.key")) throw error;
    throw new SteleError(
      error.code,
      `${error.message}. The signing key ${signer.key.vkey} has not signed this archive's description: it is the key of another ` +
        `archive, or a later key of this one; if so, pin the archive's first key with --key`,
      { cause: error },
    );
  }
}

interface Run {
  readonly signer: Signer;
  readonly interruption: Interruption;
  readonly limits: SegmentLimits;
  readonly threads: number | undefined;
  readonly resume: boolean;
  readonly quiet: true | undefined;
  readonly remarks: Remarks;
}

async function archiveWithProgress(archive: Archive, log: string, sources: readonly Source[], run: Run): Promise<ArchiveResult> {
  const { interruption, remarks } = run;
  const total = sources.reduce<number | null>((sum, { bytes }) => (sum === null || bytes === null ? null : sum + bytes), 0);
  const progress = showProgress(run);
  const reports: SourceReport[] = [];
  let done = 0;
  let entries = 0;
  try {
    return await archiveSources(archive, log, sources, {
      signer: run.signer,
      writerId: `${hostname()}/${process.pid}`,
      now: Date.now,
      limits: run.limits,
      resume: run.resume,
      stop: interruption.stop,
      signal: interruption.abort,
      ...(run.threads === undefined ? {} : { threads: run.threads }),
      onReport: (report) => {
        reports.push(report);
        if (report.kind !== "replaced") done += report.end;
      },
      onCommit: ({ manifest }) => {
        done += manifest.segment?.rawBytes ?? 0;
        entries += manifest.entries.count;
        const of = total === null ? "" : ` of ${size(total)}`;
        progress.update(
          total === null || total === 0 ? null : done / total,
          `${size(done)}${of}, ${counted(entries, "entry", "entries")}`,
        );
      },
    });
  } catch (error) {
    // What is thrown on the way out of an abort may be anything.
    interruption.abort.throwIfAborted();
    throw error;
  } finally {
    progress.stop();
    for (const report of reports) remarks.note(inWords(report));
  }
}

function inWords({ source, kind, end }: SourceReport): string {
  const name = printable(source.label);
  switch (kind) {
    case "complete":
      return `${name}: nothing new, all ${size(end)} are archived already`;
    case "resumed":
      return `${name}: went on after the ${size(end)} that are archived already`;
    case "torn-line":
      return `${name}: went on after ${size(end)}; its last line then had no end yet, and is archived again, whole`;
    case "replaced":
      return `${name}: is not the file any more whose first ${size(end)} are archived; archived from its beginning`;
  }
}

function asJson(archive: Archive, log: string, { entries, segments, rawBytes, storedBytes, head }: ArchiveResult): object {
  return {
    log,
    origin: `${archive.origin}/${log}`,
    entries,
    segments,
    rawBytes,
    storedBytes,
    head:
      head === null
        ? null
        : {
            size: head.checkpoint.size,
            root: toBase64(head.checkpoint.root),
            checkpoint: fromUtf8(encodeCheckpoint(head.checkpoint)),
          },
  };
}

function printResult(archive: Archive, log: string, result: ArchiveResult, millis: number): void {
  const { entries, segments, rawBytes, storedBytes, head } = result;
  writeLine(
    `${style("bold", counted(entries, "entry", "entries"))} archived into ${log} of ${archive.origin}, in ${counted(segments, "segment")}`,
  );
  if (entries > 0) {
    const facts = [
      `${size(rawBytes)} of events`,
      `${size(storedBytes)} stored (${(rawBytes / storedBytes).toFixed(1)} : 1)`,
      duration(millis),
    ];
    // What takes a moment is mostly starting up.
    if (millis >= 1000) facts.push(speed(rawBytes, millis));
    writeLine(facts.join(", "));
  }
  if (head === null) {
    writeLine("The log is still empty: until something is archived, verify finds that (unless told --allow-empty).");
    return;
  }
  const { first, count: last } = head.manifest.entries;
  writeLine(
    `head: ${counted(head.checkpoint.size, "manifest")}, ${counted(first + last, "entry", "entries")}, root ${toBase64(head.checkpoint.root)}`,
  );
  writeLine(`locked until ${head.manifest.retention.until} (${head.manifest.retention.mode})`);
}
