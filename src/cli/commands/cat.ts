import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { openArchive } from "../../archive/archive.ts";
import { readEntries, type VerifiedEntries } from "../../archive/log-reader.ts";
import type { EntryBound } from "../../archive/range.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import { logOrigin, parseLogName } from "../../core/layout.ts";
import { checkRange, parseEntryBound } from "../entry-bound.ts";
import { appended, required, wholeNumber } from "../option-values.ts";
import { isOutputClosed, Remarks, writeBytes } from "../output.ts";
import { readRemembered, requireOrigins } from "../remembered.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { storeCommand, threadsOption } from "../store-command.ts";

const EXAMPLES = `
What is printed was verified; at the first byte that does not hold, printing ends with exit code 1.

Examples:
  $ stele cat s3://acme-audit --log app --key "audit.acme.example+..." > app.ndjson
  $ stele cat s3://acme-audit --log app --from 2026-11-23T08:00:00Z --to 2026-11-23T09:00:00Z | jq .user
  $ stele cat s3://acme-audit --log app --first 61234 --count 10
`;

export function catCommand(): CommandUnknownOpts {
  return storeCommand("cat")
    .summary("print verified events, byte for byte")
    .description("Prints the events of a log to standard output, byte for byte, each verified before it is printed.")
    .option("--log <LOG>", "the log (required)")
    .option("--from <T>", "from this entry on: its index, or a time of arrival (RFC 3339, or a date in UTC)")
    .option("--to <T>", "up to this entry, itself left out")
    .addOption(
      new Option("--first <N>", "from this entry on")
        .argParser((text) => wholeNumber(text, "--first", 0))
        .conflicts(["from", "to"]),
    )
    .addOption(
      new Option("--count <N>", "so many entries").argParser((text) => wholeNumber(text, "--count")).conflicts(["from", "to"]),
    )
    .addOption(
      new Option("--checkpoint <FILE>", "the log must still hold what this checkpoint says (repeatable)").argParser(appended),
    )
    .addOption(threadsOption())
    .addHelpText("after", EXAMPLES)
    .action(async (location, flags) => {
      const log = parseLogName(required(flags.log, "--log"));
      const { from, to } = rangeOf(flags);
      const settings = await readSettings(flags);
      const remembered = await readRemembered(flags.checkpoint);
      const archive = await openArchive(await openStoreWith(location, settings), { pinned: settings.pinned });
      requireOrigins(remembered, [logOrigin(archive.origin, log)]);
      if (!archive.keyPinned) new Remarks(flags).note("key not pinned: the key that the archive itself names is believed");
      const threads = flags.threads ?? settings.limits.threads;
      const pieces = readEntries(archive, log, {
        checkpoints: remembered.map(({ checkpoint }) => checkpoint),
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(threads === undefined ? {} : { threads }),
      });
      await printEntries(pieces);
    });
}

/** At the first thing that does not hold, the error says how far the output can be relied on. */
async function printEntries(pieces: AsyncIterable<VerifiedEntries>): Promise<void> {
  let printed: VerifiedEntries | null = null;
  try {
    for await (const piece of pieces) {
      await writeBytes(piece.bytes);
      printed = piece;
      if (isOutputClosed()) break;
    }
  } catch (error) {
    if (!isSteleError(error)) throw error;
    const extent =
      printed === null
        ? "Nothing was printed"
        : `What was printed, up to entry ${printed.first + printed.count - 1}, was verified`;
    throw new SteleError(error.code, `${error.message}. ${extent}`, { cause: error });
  }
}

function rangeOf(flags: {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly first?: number | undefined;
  readonly count?: number | undefined;
}): { from: EntryBound | undefined; to: EntryBound | undefined } {
  if (flags.first !== undefined || flags.count !== undefined) {
    const index = flags.first ?? 0;
    return { from: { index }, to: flags.count === undefined ? undefined : { index: index + flags.count } };
  }
  const from = flags.from === undefined ? undefined : parseEntryBound(flags.from, "--from");
  const to = flags.to === undefined ? undefined : parseEntryBound(flags.to, "--to");
  checkRange(from, to);
  return { from, to };
}
