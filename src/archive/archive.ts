import type { Description } from "../core/description.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import type { VerifierKey } from "../core/key.ts";
import { ARCHIVE_DESCRIPTION_KEY, logOrigin, parseLogName, parseOrigin } from "../core/layout.ts";
import { formatPeriod } from "../core/retention.ts";
import type { Store } from "../store/port.ts";
import { believeDescription, type DescriptionTerms, putDescription, readDescription } from "./descriptions.ts";
import { keysOfArchive, keysOfLog } from "./key-ring.ts";

/** An archive as a reader sees it: where it lies, what it is called, whom to believe. */
export interface Archive {
  readonly store: Store;
  readonly origin: string;
  /** What `archive.json` says; null where it can't be had and pinned keys stand in. */
  readonly description: Description | null;
  /** Keys to believe: the pinned ones and those that they signed for single logs, else those that the archive names. */
  readonly keys: readonly VerifierKey[];
  readonly keyPinned: boolean;
}

/** A log of an archive. */
export interface LogIdentity {
  readonly name: string;
  readonly origin: string;
}

/** Where a copy of an archive's description is kept, for when the store can't be reached. */
export interface DescriptionCopy {
  read(): Promise<Uint8Array | null>;
  write(bytes: Uint8Array): Promise<void>;
}

/**
 * Opens an archive for reading. With `pinned` keys nothing is believed that they did not sign, `archive.json` included. With
 * a `copy` as well, that stands in while the store can't be reached: a description never changes.
 *
 * @throws SteleError `store.not-found` where there is no archive, `proof.signature` or `format.description` where
 *   `archive.json` was changed, `store.*`
 */
export async function openArchive(
  store: Store,
  options: { readonly pinned?: readonly VerifierKey[]; readonly copy?: DescriptionCopy | undefined } = {},
): Promise<Archive> {
  const { pinned = [], copy } = options;
  const description = await readOrRecall(store, pinned, copy);
  const keys = keysOfArchive(description, pinned);
  return { store, origin: description.origin, description, keys, keyPinned: pinned.length > 0 };
}

async function readOrRecall(
  store: Store,
  pinned: readonly VerifierKey[],
  copy: DescriptionCopy | undefined,
): Promise<Description> {
  try {
    const stored = await readDescription(store, ARCHIVE_DESCRIPTION_KEY, "archive", pinned.length > 0 ? pinned : null);
    if (stored === null) {
      throw new SteleError(
        "store.not-found",
        `${store.url}: no archive there (no ${ARCHIVE_DESCRIPTION_KEY}). Make one with: stele init ${store.url} --origin audit.example.org`,
      );
    }
    await copy?.write(stored.bytes);
    return stored.description;
  } catch (error) {
    if (!isSteleError(error, "store.unreachable")) throw error;
    const kept = await copy?.read();
    if (kept === undefined || kept === null) throw error;
    return believeDescription(kept, "archive", pinned, store.url);
  }
}

/** The keys to believe for one log. */
export function logKeys(archive: Archive, log: LogIdentity): VerifierKey[] {
  return keysOfLog(archive.keys, log.origin);
}

export function logOf(archive: Archive, name: string): LogIdentity {
  return { name, origin: logOrigin(archive.origin, name) };
}

/** What a new archive is to be. */
export interface ArchiveOptions extends DescriptionTerms {
  readonly origin: string;
}

/**
 * Writes an archive's description, unless the same one is there.
 * @returns whether it was written now
 * @throws SteleError `store.exists` when the place holds another archive; `input.invalid` when a delegated key is of none of
 *   its logs
 */
export async function createArchive(
  store: Store,
  options: ArchiveOptions,
): Promise<{ created: boolean; description: Description }> {
  const { signer, mode, period, now, delegated = [] } = options;
  const origin = parseOrigin(options.origin);
  for (const { name } of delegated) requireDelegable(name, origin);
  const signerOfArchive = signer.rename(origin);
  const existing = await readDescription(store, ARCHIVE_DESCRIPTION_KEY, "archive", null);
  if (existing !== null) {
    const { description } = existing;
    const same = description.origin === origin && description.keys.includes(signerOfArchive.key.vkey);
    const missing = delegated.filter(({ vkey }) => !description.keys.includes(vkey));
    if (same && missing.length > 0) {
      throw new SteleError(
        "store.exists",
        `${store.url} already holds the archive ${origin}, whose ${ARCHIVE_DESCRIPTION_KEY} does not name ${missing.map(({ vkey }) => vkey).join(", ")} ` +
          `and can't be changed. Its own key signs all of its logs.`,
      );
    }
    if (!same || description.retention.mode !== mode || description.retention.period !== formatPeriod(period)) {
      throw new SteleError(
        "store.exists",
        `${store.url} already holds an archive: ${description.origin}, ${description.retention.mode} ${description.retention.period}, ` +
          `key ${description.keys.join(", ")}; asked for ${origin}, ${mode} ${formatPeriod(period)}, key ${signerOfArchive.key.vkey}. ` +
          `An archive's description can't be changed: use another place, or the same options.`,
      );
    }
    return { created: false, description };
  }
  const identity = { kind: "archive", origin } as const;
  const description = await putDescription(store, ARCHIVE_DESCRIPTION_KEY, identity, {
    signer: signerOfArchive,
    mode,
    period,
    now,
    delegated,
  });
  const written = await readDescription(store, ARCHIVE_DESCRIPTION_KEY, "archive", [signerOfArchive.key]);
  if (written?.description.created !== description.created) {
    throw new SteleError("store.exists", `${store.url}: someone else made an archive there just now; run the command again`);
  }
  return { created: true, description };
}

function requireDelegable(name: string, origin: string): void {
  if (!name.startsWith(`${origin}/`)) {
    throw new SteleError(
      "input.invalid",
      `delegated key: expected one of a log of ${origin}, such as ${origin}/_sweeps, got ${name}`,
    );
  }
  parseLogName(name.slice(origin.length + 1));
}
