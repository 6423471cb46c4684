import { stat } from "node:fs/promises";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { openArchive } from "../../archive/archive.ts";
import { SteleError } from "../../core/error.ts";
import { renameVerifierKey, type VerifierKey } from "../../core/key.ts";
import { logOrigin, parseLogName, parseOrigin } from "../../core/layout.ts";
import { required } from "../option-values.ts";
import { Remarks, writeJson, writeLine } from "../output.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { createKeyFile, defaultKeyFile, readKeyFile } from "../signing-key.ts";
import { storeCommand } from "../store-command.ts";

const GENERATE_EXAMPLE = `
Example:
  $ stele keys generate --origin audit.acme.example -o stele.key
`;

const SHOW_EXAMPLES = `
Examples:
  $ stele keys show stele.key
  $ stele keys show s3://acme-audit --log app
`;

export function keysCommand(): CommandUnknownOpts {
  const keys = new Command("keys")
    .summary("make and show keys")
    .description("Makes signing keys, and shows the verifier keys of key files and archives.");
  for (const command of [generateCommand(), showCommand()]) keys.addCommand(command);
  return keys;
}

function generateCommand(): CommandUnknownOpts {
  return new Command("generate")
    .summary("make a signing key")
    .description("Makes an Ed25519 signing key in a new file that only its owner may read, and prints its verifier key.")
    .option("--origin <NAME>", "the archive that it is to sign for, such as audit.acme.example (required)")
    .option("-o, --output <FILE>", "the new file (default: where init looks for it)")
    .option("--json", "print one JSON object")
    .option("-q, --quiet", "print no remarks")
    .addHelpText("after", GENERATE_EXAMPLE)
    .action(async (flags) => {
      const origin = parseOrigin(required(flags.origin, "--origin"));
      const keyFile = flags.output ?? defaultKeyFile(origin);
      const signer = await createKeyFile(keyFile, origin);
      if (signer === null) {
        throw new SteleError(
          "input.invalid",
          `${keyFile} is there already, and keys are never overwritten: name another file with -o`,
        );
      }
      const { vkey } = signer.key;
      if (flags.json === true) writeJson({ ok: true, origin, vkey, keyFile });
      else writeLine(vkey);
      new Remarks(flags).note(
        `The signing key is in ${keyFile}. Back it up and keep it from others: whoever has it can sign as ${origin}.`,
      );
    });
}

function showCommand(): CommandUnknownOpts {
  return storeCommand("show")
    .summary("show the verifier keys of a key file or an archive")
    .description("Prints verifier keys: that of a key file (STORE may be one), or those that an archive names.")
    .option("--log <LOG>", "of this log: the archive's key under the log's name")
    .option("--json", "print one JSON object")
    .addHelpText("after", SHOW_EXAMPLES)
    .action(async (location, flags) => {
      const remarks = new Remarks(flags);
      const log = flags.log === undefined ? undefined : parseLogName(flags.log);
      const info = await stat(location).catch(() => null);
      let origin: string;
      let keys: readonly VerifierKey[];
      if (info !== null && !info.isDirectory()) {
        const { key } = await readKeyFile(location, (message) => remarks.warn(message));
        origin = key.name;
        keys = [key];
      } else {
        const settings = await readSettings(flags);
        const archive = await openArchive(await openStoreWith(location, settings), { pinned: settings.pinned });
        ({ origin, keys } = archive);
        if (!archive.keyPinned) {
          remarks.note(
            "These are the keys that the archive itself names. Compare them with what its owner gave you before you trust them.",
          );
        }
      }
      const shown = log === undefined ? keys : keys.map((key) => renameVerifierKey(key, logOrigin(origin, log)));
      if (flags.json === true) writeJson({ ok: true, origin, log: log ?? null, keys: shown.map(({ vkey }) => vkey) });
      else for (const { vkey } of shown) writeLine(vkey);
    });
}
