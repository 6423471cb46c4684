import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { keysOfLog } from "../../archive/key-ring.ts";
import { fromUtf8, toBase64 } from "../../core/bytes.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { MAX_PROOF_BYTES, parseSteleProof, type ProvenEntry, verifySteleProof } from "../../core/stele-proof.ts";
import { EXIT } from "../exit.ts";
import { readNamedFile } from "../files.ts";
import { appended } from "../option-values.ts";
import { style, writeJson, writeLine } from "../output.ts";
import { readSettings } from "../settings.ts";
import { counted, printable, size } from "../words.ts";

const EXAMPLE = `
Exit code 0 when the proof holds, 1 when it does not (or is malformed), 2 when it can't be judged: no such file, no key.

Example:
  $ stele check-proof event.proof --key "audit.acme.example+..."
`;

export function checkProofCommand(): CommandUnknownOpts {
  return new Command("check-proof")
    .summary("check the proof of one event, offline")
    .description("Checks a proof made by prove, with the log's or the archive's verifier key and nothing else.")
    .argument("<FILE>", "the proof; - for standard input")
    .addOption(new Option("--key <VKEY>", "the log's or the archive's verifier key (repeatable)").argParser(appended))
    .option("--config <FILE>", "read settings from FILE (YAML)")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLE)
    .action(async (file, flags) => {
      const { pinned } = await readSettings(flags);
      if (pinned.length === 0) {
        throw new SteleError(
          "input.invalid",
          "expected the log's verifier key: --key VKEY. A proof shows nothing to whoever takes its key from it; ask the archive's owner for the key",
        );
      }
      const bytes = await readNamedFile(file, MAX_PROOF_BYTES);
      let proven: ProvenEntry;
      try {
        proven = check(bytes, pinned);
      } catch (error) {
        if (!isSteleError(error) || !/^(?:format|proof)\./.test(error.code)) throw error;
        process.exitCode = EXIT.unsound;
        if (flags.json === true) writeJson({ ok: false, error: { code: error.code, message: error.message } });
        else writeLine(`${style("red", "NOT PROVEN:")} ${printable(error.message)}`);
        return;
      }
      if (flags.json === true) writeJson(asJson(proven));
      else print(proven);
    });
}

function check(bytes: Uint8Array, pinned: readonly VerifierKey[]): ProvenEntry {
  const proof = parseSteleProof(bytes);
  const { origin } = proof.tlogProof.checkpoint;
  const keys = keysOfLog(pinned, origin);
  if (keys.length === 0) {
    throw new SteleError(
      "input.invalid",
      `--key: the proof is of log ${JSON.stringify(origin)}, and no given key is of that log or of its archive: ${pinned.map(({ vkey }) => vkey).join(", ")}`,
    );
  }
  return verifySteleProof(proof, keys);
}

function print({ entry, index, manifest, checkpoint, signedBy }: ProvenEntry): void {
  const run = manifest.appends.find(({ first, count }) => index >= first && index < first + count);
  writeLine(`${style("green", "PROVEN:")} this event is entry ${index} of ${style("bold", printable(checkpoint.origin))}`);
  const rows = [
    ...(run === undefined ? [] : [["arrived", `${run.time}, from ${run.source} (by the writer's clock and word)`]]),
    [
      "sealed",
      `${manifest.sealed}, in manifest ${manifest.index}, locked until ${manifest.retention.until} (${manifest.retention.mode})`,
    ],
    ["checkpoint", `of ${counted(checkpoint.size, "manifest")}, root ${toBase64(checkpoint.root)}`],
    ["signed by", signedBy.map(({ vkey }) => vkey).join(", ")],
  ];
  for (const [name = "", value = ""] of rows) writeLine(`  ${name.padEnd(10)}  ${printable(value)}`);
  const text = asText(entry);
  writeLine(text === null ? `The event (${size(entry.length)}, not text), in base64:` : `The event (${size(entry.length)}):`);
  writeLine(text === null ? toBase64(entry) : printable(text));
}

function asJson({ entry, index, manifest, checkpoint, signedBy }: ProvenEntry): object {
  const run = manifest.appends.find(({ first, count }) => index >= first && index < first + count);
  return {
    ok: true,
    origin: checkpoint.origin,
    index,
    event: { text: asText(entry), base64: toBase64(entry) },
    arrived: run === undefined ? null : { time: run.time, source: run.source },
    manifest: { index: manifest.index, sealed: manifest.sealed, retention: manifest.retention },
    checkpoint: { size: checkpoint.size, root: toBase64(checkpoint.root) },
    signedBy: signedBy.map(({ vkey }) => vkey),
  };
}

function asText(bytes: Uint8Array): string | null {
  try {
    return fromUtf8(bytes);
  } catch {
    return null;
  }
}
