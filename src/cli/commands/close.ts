import { hostname } from "node:os";
import { type CommandUnknownOpts } from "@commander-js/extra-typings";
import { LogWriter } from "../../archive/log-writer.ts";
import { fromUtf8, toBase64 } from "../../core/bytes.ts";
import { encodeCheckpoint } from "../../core/checkpoint.ts";
import type { Commit } from "../../core/commit.ts";
import { SteleError } from "../../core/error.ts";
import { parseLogName } from "../../core/layout.ts";
import { writeCheckpointFile } from "../checkpoint-file.ts";
import { drainCommand } from "../command-words.ts";
import { confirm, isAttended } from "../confirm.ts";
import { holdSpool } from "../held-spool.ts";
import { segmentLimits } from "../limits.ts";
import { openForWriting } from "../open-for-writing.ts";
import { required } from "../option-values.ts";
import { Remarks, style, writeJson, writeLine, writeStderr } from "../output.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { storeCommand } from "../store-command.ts";
import { counted } from "../words.ts";
import { writerSettings } from "../writer-options.ts";

const EXAMPLES = `
A closed log can be read, verified and proved from as before, and its locks stay. What is to come goes to another log.

Examples:
  $ stele close s3://acme-audit --log app-2026
  $ stele close s3://acme-audit --log app-2026 --yes --save-checkpoint app-2026.checkpoint
`;

export function closeCommand(): CommandUnknownOpts {
  return storeCommand("close")
    .summary("end a log for good")
    .description("Ends a log with a last signed manifest, after which nothing can ever be appended to it. This can't be undone.")
    .option("--log <LOG>", "the log to close (required)")
    .option("--yes", "do not ask; needed where nobody can be asked")
    .option("--key-file <FILE>", "the signing key (default: where init put it)")
    .option("--spool <DIR>", "the folder of spools (default: ~/.local/state/stele/spool)")
    .option("--save-checkpoint <FILE>", "keep the final checkpoint, for verify --checkpoint")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (location, flags) => {
      const log = parseLogName(required(flags.log, "--log"));
      const settings = await readSettings(flags);
      const remarks = new Remarks(flags);
      const store = await openStoreWith(location, settings);
      const { archive, signer } = await openForWriting(store, settings, remarks);
      const limits = segmentLimits(settings.limits);
      const held = await holdSpool(archive, signer, {
        log,
        spool: settings.spool,
        limits,
        writer: writerSettings({ drainTimeout: 0 }, limits),
        quiet: flags.quiet,
        progressLines: true,
        remarks,
        drainCommand: drainCommand(location, flags),
        threads: settings.limits.threads,
      });
      let head: Commit;
      try {
        const writer = await LogWriter.open(archive, log, { signer, writerId: `${hostname()}/${process.pid}`, now: Date.now });
        if (writer.head === null) {
          throw new SteleError("log.not-found", `log ${log} of ${archive.origin} has no manifest: there is nothing to close`);
        }
        if (flags.yes !== true) await requireConsent(log, archive.origin, writer.head);
        head = await writer.finish();
      } finally {
        await held[Symbol.asyncDispose]();
      }
      if (flags.saveCheckpoint !== undefined) await writeCheckpointFile(flags.saveCheckpoint, head.checkpoint);
      if (flags.json === true) writeJson(asJson(log, archive.origin, head));
      else printResult(log, archive.origin, head);
    });
}

async function requireConsent(log: string, origin: string, head: Commit): Promise<void> {
  const what = `closing log ${log} of ${origin}, with ${counted(entriesIn(head), "entry", "entries")}, can't be undone`;
  if (!isAttended()) throw new SteleError("input.invalid", `${what}: give --yes to say that it is meant. Nothing was closed`);
  const warning = style("yellow", "warning:", process.stderr);
  writeStderr(
    `${warning} ${what}.\nNothing can ever be appended to it again, by anyone; a process that still archives into it is stopped. ` +
      "What it holds stays as it is.\n",
  );
  const streams = { input: process.stdin, output: process.stderr };
  if (await confirm(`To close it, type its name, ${log}: `, log, streams)) return;
  throw new SteleError("input.invalid", `that is not its name: log ${log} was not closed`);
}

function entriesIn({ manifest }: Commit): number {
  return manifest.entries.first + manifest.entries.count;
}

function asJson(log: string, origin: string, head: Commit): object {
  return {
    ok: true,
    log,
    origin: `${origin}/${log}`,
    entries: entriesIn(head),
    head: {
      size: head.checkpoint.size,
      root: toBase64(head.checkpoint.root),
      checkpoint: fromUtf8(encodeCheckpoint(head.checkpoint)),
    },
  };
}

function printResult(log: string, origin: string, head: Commit): void {
  const { index, retention } = head.manifest;
  writeLine(
    `${style("bold", `log ${log} of ${origin} is closed`)} with manifest ${index}: nothing can be appended to it any more`,
  );
  writeLine(
    `head: ${counted(head.checkpoint.size, "manifest")}, ${counted(entriesIn(head), "entry", "entries")}, root ${toBase64(head.checkpoint.root)}`,
  );
  writeLine(`locked until ${retention.until} (${retention.mode})`);
  writeLine("\nIts final checkpoint. Keep it where nobody who can write to the archive can change it:\n");
  writeLine(fromUtf8(encodeCheckpoint(head.checkpoint)).trimEnd());
}
