import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { logKeys, logOf, openArchive } from "../../archive/archive.ts";
import { proveEntry } from "../../archive/prove.ts";
import { parseLogName } from "../../core/layout.ts";
import { formatSteleProof } from "../../core/stele-proof.ts";
import { replaceFile } from "../files.ts";
import { required, wholeNumber } from "../option-values.ts";
import { Remarks, writeBytes, writeJson, writeLine } from "../output.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { storeCommand } from "../store-command.ts";

const EXAMPLE = `
The proof holds the event itself. It can be checked without the archive, with the verifier key alone.

Example:
  $ stele prove s3://acme-audit --log app 61234 -o event.proof
  $ stele check-proof event.proof --key "audit.acme.example+..."
`;

export function proveCommand(): CommandUnknownOpts {
  return storeCommand("prove")
    .summary("make a proof of one event")
    .description("Makes the proof that an event is in a log, for whoever has the log's verifier key and nothing else.")
    .argument("<INDEX>", "the event's index in the log, from 0", (text) => wholeNumber(text, "INDEX", 0))
    .option("--log <LOG>", "the log (required)")
    .option("-o, --output <FILE>", "where to put the proof (default: standard output)")
    .option("--json", "print one JSON object: the proof, or with -o what was written")
    .addHelpText("after", EXAMPLE)
    .action(async (location, index, flags) => {
      const log = parseLogName(required(flags.log, "--log"));
      const settings = await readSettings(flags);
      const archive = await openArchive(await openStoreWith(location, settings), { pinned: settings.pinned });
      const bytes = formatSteleProof(await proveEntry(archive, log, index));
      const identity = logOf(archive, log);
      const keys = logKeys(archive, identity).map(({ vkey }) => vkey);
      if (flags.output === undefined) await writeBytes(bytes);
      else {
        await replaceFile(flags.output, bytes);
        if (flags.json === true)
          writeJson({ ok: true, log, origin: identity.origin, index, file: flags.output, bytes: bytes.length, keys });
        else writeLine(`Proof of entry ${index} of ${identity.origin} written to ${flags.output}`);
      }
      const remarks = new Remarks(flags);
      if (!archive.keyPinned) remarks.note("key not pinned: the key that the archive itself names was believed");
      remarks.note(`It is checked with: stele check-proof ${flags.output ?? "FILE"} --key '${keys[0] ?? ""}'`);
    });
}
