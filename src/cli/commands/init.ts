import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { type Archive, createArchive, openArchive } from "../../archive/archive.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import type { Signer, VerifierKey } from "../../core/key.ts";
import { logOrigin, parseOrigin } from "../../core/layout.ts";
import { describePeriod, type LockMode, parsePeriod, type Period } from "../../core/retention.ts";
import { openStore, parseStoreLocation, type StoreLocation } from "../../store/open.ts";
import type { Store } from "../../store/port.ts";
import { SWEEPS_LOG } from "../../sweep/report.ts";
import { required } from "../option-values.ts";
import { Remarks, style, writeJson, writeLine } from "../output.ts";
import { readSettings, type Settings } from "../settings.ts";
import { createKeyFile, defaultKeyFile, isThere, readKeyFile, refuseInside } from "../signing-key.ts";
import { storeCommand } from "../store-command.ts";

const MODES: readonly LockMode[] = ["COMPLIANCE", "GOVERNANCE"];

const EXAMPLES = `
Examples:
  $ stele init s3://acme-audit --origin audit.acme.example
  $ stele init s3://acme-audit/eu --origin audit.acme.example/eu --retention 10y --key-file /run/secrets/stele.key
  $ stele init s3://acme-audit --origin audit.acme.example --sweep-key ~/.config/stele/keys/audit.acme.example__sweeps.key
  $ stele init ./trial --origin trial.example --retention 1d

Running it again with the same options changes nothing.
`;

const GOVERNANCE =
  "GOVERNANCE mode: whoever has the right s3:BypassGovernanceRetention, the account's root user among them, can delete " +
  "what is archived before its time. Use COMPLIANCE for what must be kept.";
const FOLDER =
  "a folder shows tampering and does not prevent it: its owner and root can delete or rewrite everything in it. " +
  "For what must be kept, use a bucket with Object Lock.";

export function initCommand(): CommandUnknownOpts {
  return storeCommand("init")
    .summary("make a place an archive")
    .description(
      "Creates or checks the bucket or folder, makes the signing key unless there is one, and writes the archive's description.",
    )
    .option("--origin <NAME>", "what the archive is called, such as audit.acme.example/prod (required)")
    .option("--retention <PERIOD>", "how long what is archived stays locked: 7y, 18m, 90d, 36h", "7y")
    .addOption(new Option("--mode <MODE>", "lock mode of Object Lock").choices(MODES).default("COMPLIANCE" as const))
    .option("--key-file <FILE>", "the signing key; made when there is none")
    .option("--sweep-key <FILE>", "a second key, only for the log of sweeps; made when there is none. It signs no events")
    .option("--bucket-default", "S3: also set the retention as the bucket's default, where it has none")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (location, flags) => {
      const settings = await readSettings(flags);
      const origin = parseOrigin(required(flags.origin, "--origin"));
      const period = parsePeriod(flags.retention);
      const { mode } = flags;
      const remarks = new Remarks(flags);
      const place = parseStoreLocation(location);
      const keyFile = settings.keyFile ?? defaultKeyFile(origin);
      for (const file of [keyFile, ...(flags.sweepKey === undefined ? [] : [flags.sweepKey])]) {
        if (place.kind === "directory") await refuseInside(file, place.path);
      }

      const { store, bucket } = await prepare(place, settings, flags.bucketDefault === true ? { mode, period } : undefined);
      const { signer, made } = await signingKey(store, origin, keyFile, remarks);
      const sweeps = flags.sweepKey === undefined ? null : await sweepKey(store, origin, flags.sweepKey, remarks);
      const delegated = sweeps === null ? [] : [sweeps.key];
      const { created } = await createArchive(store, { origin, signer, mode, period, now: Date.now(), delegated });

      const vkey = signer.rename(origin).key.vkey;
      const warnings = [...(mode === "GOVERNANCE" ? [GOVERNANCE] : []), ...(place.kind === "directory" ? [FOLDER] : [])];
      if (flags.json === true) {
        writeJson({
          ok: true,
          store: store.url,
          origin,
          vkey,
          keyFile,
          created,
          keyCreated: made,
          ...(sweeps === null ? {} : { sweepKey: { vkey: sweeps.key.vkey, keyFile: flags.sweepKey, created: sweeps.made } }),
          retention: { mode, period: flags.retention },
          warnings,
        });
        return;
      }
      const rows = [
        ["archive", `${origin} in ${store.url}${created ? "" : " (was there already, unchanged)"}`],
        ...(bucket === null ? [] : [["bucket", bucket]]),
        ["retention", `${describePeriod(period)}, ${mode}`],
        ["verifier key", vkey],
        ["signing key", `${keyFile}${made ? " (made now)" : " (was there already)"}`],
        ...(sweeps === null
          ? []
          : [
              ["sweeps' key", `${flags.sweepKey}${sweeps.made ? " (made now)" : " (was there already)"}`],
              ["", `${sweeps.key.vkey}, believed by whoever believes the archive's`],
            ]),
      ];
      for (const [name = "", value = ""] of rows) writeLine(`${style("bold", name.padEnd(13))} ${value}`);
      if (made) writeLine(`\n${BACKUP}`);
      for (const warning of warnings) remarks.warn(warning);
      if (flags.quiet !== true) writeLine(`\n${nextSteps(location, vkey)}`);
    });
}

const BACKUP = `Back the signing key up now, and keep it from others: without it nothing can be added to this archive, and whoever
has it can sign in its name. The verifier key is public: give it to everyone who is to check the archive.`;

function nextSteps(location: string, vkey: string): string {
  return `Next:
  stele archive ${location} --log app app.log      archive a file, one event a line
  stele verify ${location} --key '${vkey}'
  stele doctor ${location}                         see what this store really enforces`;
}

async function prepare(
  place: StoreLocation,
  { s3 }: Settings,
  defaultRetention: { readonly mode: LockMode; readonly period: Period } | undefined,
): Promise<{ store: Store; bucket: string | null }> {
  if (place.kind === "directory") {
    if (defaultRetention !== undefined)
      throw new SteleError("input.invalid", "--bucket-default: expected a bucket, got a folder");
    return { store: await openStore(place, { create: true }), bucket: null };
  }
  const { provisionBucket } = await import("../../store/s3/provision.ts");
  const result = await provisionBucket({ bucket: place.bucket, prefix: place.prefix, ...s3, defaultRetention });
  const found = result.defaultRetention;
  const byDefault =
    found === null
      ? "no default retention (every object is locked by itself)"
      : `default retention ${describePeriod(found.period)}, ${found.mode}${result.defaultRetentionSet ? " (set now)" : ""}`;
  const bucket = `${place.bucket}, ${result.bucket === "created" ? "created" : "found"}: Object Lock and versioning are on; ${byDefault}`;
  return { store: await openStore(place, { s3 }), bucket };
}

/** A key is made only where there is no archive yet: a new key could not sign for the one that is there. */
async function signingKey(
  store: Store,
  origin: string,
  keyFile: string,
  remarks: Remarks,
): Promise<{ signer: Signer; made: boolean }> {
  if (!(await isThere(keyFile))) {
    const present = await presentArchive(store);
    if (present !== null) {
      throw new SteleError(
        "store.exists",
        `${store.url} already holds the archive ${present.origin}, signed by ${present.keys.map(({ vkey }) => vkey).join(", ")}, ` +
          `and there is no key file ${keyFile}: name its key file with --key-file, or use another place`,
      );
    }
    const signer = await createKeyFile(keyFile, origin);
    if (signer !== null) return { signer, made: true };
  }
  const signer = await readKeyFile(keyFile, (message) => remarks.warn(message));
  // The writer believes an archive that its key signed under the key's own name, or below it.
  if (signer.key.name !== origin && !origin.startsWith(`${signer.key.name}/`)) {
    throw new SteleError(
      "input.invalid",
      `${keyFile}: expected a key of ${origin}, got one of ${signer.key.name}: name another with --key-file`,
    );
  }
  return { signer, made: false };
}

/** The key of the log of sweeps: named in the archive's description, which can't be changed later. */
async function sweepKey(
  store: Store,
  origin: string,
  keyFile: string,
  remarks: Remarks,
): Promise<{ key: VerifierKey; made: boolean }> {
  const name = logOrigin(origin, SWEEPS_LOG);
  if (!(await isThere(keyFile))) {
    if ((await presentArchive(store)) !== null) {
      throw new SteleError(
        "store.exists",
        `${store.url} already holds an archive, whose description can't be changed: a new key for ${name} can't be named in it. ` +
          `The archive's own key signs that log as well; or use another place`,
      );
    }
    const signer = await createKeyFile(keyFile, name);
    if (signer !== null) return { key: signer.key, made: true };
  }
  const { key } = await readKeyFile(keyFile, (message) => remarks.warn(message));
  if (key.name === name) return { key, made: false };
  throw new SteleError(
    "input.invalid",
    `${keyFile}: expected a key of ${name}, got one of ${key.name}: name another with --sweep-key`,
  );
}

async function presentArchive(store: Store): Promise<Archive | null> {
  try {
    return await openArchive(store);
  } catch (error) {
    if (isSteleError(error, "store.not-found")) return null;
    throw error;
  }
}
