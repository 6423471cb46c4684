import { resolve } from "node:path";
import { parseStoreLocation } from "../store/open.ts";
import type { StoreFlags } from "./store-command.ts";

/** What a command that archives was given, as far as another one needs it to reach the same log's spool. */
export interface SpoolFlags extends StoreFlags {
  readonly log?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly spool?: string | undefined;
}

/** The command that archives what waits in the spool, to be pasted into a shell in whatever folder. */
export function drainCommand(location: string, flags: SpoolFlags): string {
  const store = parseStoreLocation(location);
  const words = ["stele", "spool", "drain", store.kind === "directory" ? resolve(store.path) : location];
  const option = (name: string, value: string | undefined): void => {
    if (value !== undefined) words.push(name, value);
  };
  const file = (name: string, path: string | undefined): void => option(name, path === undefined ? path : resolve(path));
  option("--log", flags.log);
  file("--spool", flags.spool);
  file("--config", flags.config);
  file("--key-file", flags.keyFile);
  for (const key of flags.key ?? []) option("--key", key);
  option("--endpoint", flags.endpoint);
  option("--region", flags.region);
  if (flags.pathStyle === true) words.push("--path-style");
  option("--s3-checksum", flags.s3Checksum);
  return words.map(quoted).join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
