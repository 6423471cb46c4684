import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { type Archive, openArchive } from "../../archive/archive.ts";
import { anchorLog, type LogAnchoring } from "../../archive/anchor/anchor-log.ts";
import type { AnchorsConfig } from "../../archive/anchor/config.ts";
import { listArchive } from "../../archive/listing.ts";
import { toBase64 } from "../../core/bytes.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import { parseLogName } from "../../core/layout.ts";
import { readAnchoring } from "../anchoring.ts";
import { EXIT, type ExitCode, exitOfError } from "../exit.ts";
import { appended, wholeNumber } from "../option-values.ts";
import { Remarks, style, writeJson, writeLine } from "../output.ts";
import { openStoreWith, readSettings } from "../settings.ts";
import { storeCommand } from "../store-command.ts";
import { counted, printable } from "../words.ts";

const EXAMPLES = `
Witnesses, authorities and second stores come from the configuration's section anchors, and from these options.

Examples:
  $ stele anchor s3://acme-audit --config stele.yaml
  $ stele anchor s3://acme-audit --log app --tsa https://tsa.example.org/tsr --tsa-ca tsa-root.pem --key "..."
  $ stele anchor s3://acme-audit --witness "https://witness.example.org witness.example.org/w1+..." --copy s3://elsewhere
`;

export function anchorCommand(): CommandUnknownOpts {
  return storeCommand("anchor")
    .summary("tie logs to witnesses, time-stamps and a second store")
    .description(
      "Has the heads of logs cosigned, time-stamped and copied elsewhere, so that cutting or rewriting them is found out.",
    )
    .addOption(new Option("--log <LOG>", "only this log (repeatable; default: all)").argParser(appended))
    .addOption(new Option("--witness <URL VKEY>", "have this witness cosign (repeatable)").argParser(appended))
    .option("--quorum <N>", "how many witnesses must cosign (default: all)", (text) => wholeNumber(text, "--quorum"))
    .addOption(new Option("--tsa <URL>", "get a time-stamp from this authority (repeatable)").argParser(appended))
    .addOption(new Option("--tsa-ca <FILE>", "what its certificate must lead to, in PEM; with one --tsa"))
    .addOption(new Option("--copy <STORE>", "put a copy of the checkpoint there (repeatable)").argParser(appended))
    .addOption(
      new Option("--allow-private <ADDRESS>", "an address, CIDR or host that may be private, and http (repeatable)").argParser(
        appended,
      ),
    )
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (location, flags) => {
      const settings = await readSettings(flags);
      const asked = flagged(flags);
      const config = await configured(settings.configuration.anchors ?? {}, asked);
      // Options name files and folders from where the command runs.
      const folder = namesVouchers(asked) ? process.cwd() : settings.folder;
      const given = await readAnchoring(config, { ...settings, folder });
      const names = flags.log?.map(parseLogName);
      const archive = await openArchive(await openStoreWith(location, settings), { pinned: settings.pinned });
      const remarks = new Remarks(flags);
      if (!archive.keyPinned)
        remarks.warn("key not pinned: the keys that the archive names itself are believed; pin one with --key");

      const done: LogAnchoring[] = [];
      const failed: { readonly log: string; readonly error: SteleError }[] = [];
      for (const name of names ?? (await logsOf(archive))) {
        try {
          const anchored = await anchorLog(archive, name, given.anchoring, { now: Date.now, fetch: given.fetch });
          done.push(anchored);
          if (flags.json !== true) print(anchored);
        } catch (error) {
          if (!isSteleError(error)) throw error;
          if (names === undefined && error.code === "log.not-found") {
            remarks.note(`log ${name} holds nothing yet: there is nothing to anchor`);
            continue;
          }
          failed.push({ log: name, error });
          if (flags.json !== true) writeLine(`${style("red", "failed")} ${printable(error.message)}`);
        }
      }
      if (flags.json === true) writeJson(asJson(done, failed));
      process.exitCode = exitOf(done, failed);
    });
}

interface Flags {
  readonly witness?: string[] | undefined;
  readonly quorum?: number | undefined;
  readonly tsa?: string[] | undefined;
  readonly tsaCa?: string | undefined;
  readonly copy?: string[] | undefined;
  readonly allowPrivate?: string[] | undefined;
}

/** What the options ask for; where there are any, they stand in for what the configuration says of anchors. */
function flagged({ witness, quorum, tsa, tsaCa, copy, allowPrivate }: Flags): AnchorsConfig {
  if (tsaCa !== undefined && tsa?.length !== 1) {
    throw new SteleError(
      "input.invalid",
      "--tsa-ca: expected exactly one --tsa with it; for more, use the section anchors of a configuration",
    );
  }
  const asked = {
    witnesses: witness?.map((text) => {
      const [url = "", key, ...rest] = text.trim().split(/\s+/);
      if (key === undefined || rest.length > 0) {
        throw new SteleError(
          "input.invalid",
          `--witness: expected its URL, a space and its vkey in one argument, got ${JSON.stringify(text)}`,
        );
      }
      return { url, key };
    }),
    quorum,
    timestamps: tsa?.map((url) => ({ url, ...(tsaCa === undefined ? {} : { ca: tsaCa }) })),
    copies: copy,
    allowPrivate,
  };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
}

function namesVouchers({ witnesses, timestamps, copies }: AnchorsConfig): boolean {
  return witnesses !== undefined || timestamps !== undefined || copies !== undefined;
}

async function configured(section: AnchorsConfig, asked: AnchorsConfig): Promise<AnchorsConfig> {
  const chosen = namesVouchers(asked) ? asked : { ...section, ...asked };
  if (!namesVouchers(chosen)) {
    throw new SteleError(
      "input.invalid",
      "nobody is named who is to anchor: give --witness, --tsa or --copy, or a configuration with a section anchors",
    );
  }
  const { anchorsConfigSchema } = await import("../../archive/anchor/config.ts");
  const checked = anchorsConfigSchema.safeParse(chosen);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new SteleError("input.invalid", `anchors: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}`);
}

async function logsOf({ store }: Archive): Promise<string[]> {
  const names: string[] = [];
  for await (const item of listArchive(store, "")) if (item.kind === "log") names.push(item.name);
  return names;
}

function print({ log, checkpoint, outcomes }: LogAnchoring): void {
  writeLine(`${style("bold", log.name)}: ${counted(checkpoint.size, "manifest")}, root ${toBase64(checkpoint.root)}`);
  for (const { kind, by, outcome, time, object, error } of outcomes) {
    const what = `${kind.padEnd(9)} ${printable(by)}`;
    const where = object === null ? "" : ` -> ${object}`;
    if (error !== null) writeLine(`  ${style("red", "failed  ")} ${what}: ${printable(error.message)}`);
    else writeLine(`  ${outcome.padEnd(8)} ${what}${time === null ? "" : ` at ${time}`}${where}`);
  }
}

function asJson(done: readonly LogAnchoring[], failed: readonly { readonly log: string; readonly error: SteleError }[]): object {
  const told = (error: SteleError | null): object | null =>
    error === null ? null : { code: error.code, message: error.message };
  return {
    ok: failed.length === 0 && done.every(({ complete }) => complete),
    logs: [
      ...done.map(({ log, checkpoint, outcomes, complete }) => ({
        log: log.name,
        origin: log.origin,
        complete,
        size: checkpoint.size,
        root: toBase64(checkpoint.root),
        anchors: outcomes.map(({ error, ...outcome }) => ({ ...outcome, error: told(error) })),
        error: null,
      })),
      ...failed.map(({ log, error }) => ({
        log,
        origin: null,
        complete: false,
        size: null,
        root: null,
        anchors: [],
        error: told(error),
      })),
    ],
  };
}

/** Not sound goes before could not tell, and that before wrong use. Witnesses that were not needed do not count. */
function exitOf(done: readonly LogAnchoring[], failed: readonly { readonly error: SteleError }[]): ExitCode {
  const errors = [
    ...failed.map(({ error }) => error),
    ...done.flatMap(({ outcomes, complete }) =>
      outcomes.flatMap(({ error }) => (error !== null && (!complete || error.code === "log.unsound") ? [error] : [])),
    ),
  ];
  const exits = errors.map(exitOfError);
  return [EXIT.unsound, EXIT.unknown, EXIT.usage].find((exit) => exits.includes(exit)) ?? EXIT.sound;
}
