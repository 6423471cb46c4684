import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { type AnchorPolicy, NO_POLICY } from "../../archive/anchor/anchoring.ts";
import { verifyArchive } from "../../archive/verify/verify.ts";
import { parseCosignerKey } from "../../core/cosignature.ts";
import { SteleError } from "../../core/error.ts";
import { parseLogName } from "../../core/layout.ts";
import { writeCheckpointFile } from "../checkpoint-file.ts";
import { checkRange, parseEntryBound } from "../entry-bound.ts";
import { exitOfVerdict } from "../exit.ts";
import { appended } from "../option-values.ts";
import { Remarks, writeJson } from "../output.ts";
import { showProgress } from "../progress.ts";
import { readRemembered } from "../remembered.ts";
import { openStoreWith, readSettings, type Settings } from "../settings.ts";
import { storeCommand, threadsOption } from "../store-command.ts";
import { LEVELS, printReport, reportAsJson } from "../verify-report.ts";
import { counted, size } from "../words.ts";

const EXAMPLES = `
Ends with SOUND (exit code 0), NOT SOUND (1) or COULD NOT TELL (3).

Examples:
  $ stele verify s3://acme-audit --key "audit.acme.example+..."
  $ stele verify s3://acme-audit --log app --from 2026-11-01 --to 2026-12-01 --key "..."
  $ stele verify s3://acme-audit --log app --checkpoint app.checkpoint --save-checkpoint app.checkpoint --key "..."
`;

export function verifyCommand(): CommandUnknownOpts {
  return storeCommand("verify")
    .summary("check that an archive is whole and unchanged")
    .description("Verifies logs from their signatures down to every byte of every event.")
    .addOption(new Option("--log <LOG>", "only this log (repeatable; default: all)").argParser(appended))
    .option("--from <T>", "only from this entry on: its index, or a time of arrival (RFC 3339, or a date in UTC)")
    .option("--to <T>", "only up to this entry, itself left out")
    .addOption(new Option("--level <LEVEL>", "how deep to go").choices(LEVELS).default("content" as const))
    .addOption(
      new Option("--checkpoint <FILE>", "the log must still hold what this checkpoint says (repeatable)").argParser(appended),
    )
    .addOption(
      new Option("--anchors-from <STORE>", "copies of checkpoints that are kept there must still hold (repeatable)").argParser(
        appended,
      ),
    )
    .addOption(new Option("--witness <VKEY>", "believe this witness's cosignatures (repeatable)").argParser(appended))
    .addOption(
      new Option("--tsa-ca <FILE>", "time-stamps must lead to a CA certificate in FILE (PEM; repeatable)").argParser(appended),
    )
    .option("--save-checkpoint <FILE>", "keep the head's checkpoint, when the log is sound (with one --log)")
    .option("--allow-empty", "do not fail where nothing was archived yet")
    .addOption(threadsOption())
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (location, flags) => {
      const settings = await readSettings(flags);
      const logs = flags.log?.map(parseLogName);
      const from = flags.from === undefined ? undefined : parseEntryBound(flags.from, "--from");
      const to = flags.to === undefined ? undefined : parseEntryBound(flags.to, "--to");
      checkRange(from, to);
      if (flags.saveCheckpoint !== undefined && logs?.length !== 1) {
        throw new SteleError(
          "input.invalid",
          "--save-checkpoint: expected exactly one --log, since each log has its own checkpoint",
        );
      }
      const remembered = await readRemembered(flags.checkpoint);
      const store = await openStoreWith(location, settings);
      const remarks = new Remarks(flags);
      const anchors = await anchorPolicy(settings, flags);

      const progress = showProgress(flags);
      const report = await verifyArchive(store, {
        pinned: settings.pinned,
        level: flags.level,
        checkpoints: remembered.map(({ checkpoint }) => checkpoint),
        now: Date.now(),
        anchors,
        allowEmpty: flags.allowEmpty === true,
        ...(logs === undefined ? {} : { logs }),
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...threadsOf(flags.threads ?? settings.limits.threads),
        onProgress: ({ log, manifests, entries, bytes, totalManifests }) => {
          const fraction = totalManifests === null || totalManifests === 0 ? null : manifests / totalManifests;
          progress.update(
            fraction,
            `${log}: ${counted(manifests, "manifest")}, ${counted(entries, "entry", "entries")}, ${size(bytes)}`,
          );
        },
      }).finally(() => progress.stop());

      process.exitCode = exitOfVerdict(report.verdict);
      if (flags.json === true) writeJson(reportAsJson(report));
      else
        printReport(report, {
          store: store.url,
          level: flags.level,
          locks: store.capabilities.locks !== "none",
          range: inWords(flags),
        });

      if (flags.saveCheckpoint !== undefined) {
        const head = report.logs[0]?.checkpoint ?? null;
        if (report.verdict === "sound" && head !== null) await writeCheckpointFile(flags.saveCheckpoint, head);
        else remarks.warn(`${flags.saveCheckpoint} was not written: only the head of a sound log is worth remembering`);
      }
    });
}

/** Whom the options name, and whom the configuration has logs anchored by: a verifier believes both. */
async function anchorPolicy(
  settings: Settings,
  { anchorsFrom = [], witness = [], tsaCa = [] }: { anchorsFrom?: string[]; witness?: string[]; tsaCa?: string[] },
): Promise<AnchorPolicy> {
  const section = settings.configuration.anchors;
  if (section === undefined && anchorsFrom.length + witness.length + tsaCa.length === 0) return NO_POLICY;
  const { openSecondStore, readAnchoring, readCertificates } = await import("../anchoring.ts");
  const { policy } = await readAnchoring(section ?? {}, settings);
  return {
    ...policy,
    witnesses: [...policy.witnesses, ...witness.map(parseCosignerKey)],
    authorities: [...policy.authorities, ...(await Promise.all(tsaCa.map(readCertificates))).flat()],
    copies: [...policy.copies, ...(await Promise.all(anchorsFrom.map((place) => openSecondStore(place, settings))))],
  };
}

function threadsOf(threads: number | undefined): { threads?: number } {
  return threads === undefined ? {} : { threads };
}

function inWords({ from, to }: { readonly from?: string | undefined; readonly to?: string | undefined }): string | null {
  if (from === undefined && to === undefined) return null;
  return [...(from === undefined ? [] : [`from ${from}`]), ...(to === undefined ? [] : [`up to ${to}`])].join(" ");
}
