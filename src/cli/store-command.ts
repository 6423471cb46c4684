import { Command, Option } from "@commander-js/extra-typings";
import type { ChecksumChoice } from "../store/s3/checksum.ts";
import { appended, wholeNumber } from "./option-values.ts";

/** What every command on a store takes. */
export type StoreFlags = {
  key?: string[] | undefined;
  config?: string | undefined;
  pathStyle?: true | undefined;
  endpoint?: string | undefined;
  region?: string | undefined;
  s3Checksum?: ChecksumChoice | undefined;
  quiet?: true | undefined;
};

const CHECKSUMS: readonly ChecksumChoice[] = ["auto", "sha256", "md5"];

const STORE = "s3://bucket[/prefix] or a folder";

/** A command whose first argument is STORE, with the options that all of them share. */
export function storeCommand(name: string): Command<[string], StoreFlags> {
  return withStoreOptions(new Command(name).argument("<STORE>", STORE));
}

/** {@link storeCommand}, where STORE may be left out. */
export function optionalStoreCommand(name: string): Command<[string | undefined], StoreFlags> {
  return withStoreOptions(new Command(name).argument("[STORE]", STORE));
}

function withStoreOptions<Args extends unknown[]>(command: Command<Args>): Command<Args, StoreFlags> {
  return command
    .optionsGroup("Common:")
    .addOption(new Option("--key <VKEY>", "believe this key, and none that the archive names (repeatable)").argParser(appended))
    .option("--config <FILE>", "read settings from FILE (YAML)")
    .option("-q, --quiet", "print no remarks and no progress")
    .optionsGroup("S3:")
    .option("--endpoint <URL>", "where the S3 service is")
    .option("--region <REGION>", "its region")
    .option("--path-style", "put the bucket into the path of URLs, not the host name")
    .addOption(new Option("--s3-checksum <KIND>", "checksum sent with what is written").choices(CHECKSUMS))
    .optionsGroup("Options:");
}

export function threadsOption(): Option<"--threads <N>", undefined, undefined, number> {
  return new Option("--threads <N>", "threads that hash and compress (default: one for each processor, at most 3)").argParser(
    (text) => wholeNumber(text, "--threads"),
  );
}
