import {
  type Description,
  encodeDescription,
  MAX_DESCRIPTION_BYTES,
  parseDescription,
  verifyDescription,
} from "../core/description.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { parseVerifierKey, renameVerifierKey, type Signer, type VerifierKey } from "../core/key.ts";
import { ARCHIVE_DESCRIPTION_KEY, LOG_DESCRIPTION_KEY, logKey, logOrigin, parseOrigin, splitLogKey } from "../core/layout.ts";
import { FORMAT } from "../core/manifest.ts";
import { formatPeriod, type LockMode, type Period, retainUntil } from "../core/retention.ts";
import { timestamp } from "../core/time.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import { keysOfLog } from "./key-ring.ts";
import { lockedPut } from "./locked-put.ts";

/** An archive as a reader sees it: where it lies, what it is called, whom to believe. */
export interface Archive {
  readonly store: Store;
  readonly origin: string;
  /** What `archive.json` says; null where it can't be had and pinned keys stand in. */
  readonly description: Description | null;
  /** Keys to believe: the pinned ones, else those that the archive names. */
  readonly keys: readonly VerifierKey[];
  readonly keyPinned: boolean;
}

/** A log of an archive. */
export interface LogIdentity {
  readonly name: string;
  readonly origin: string;
}

/**
 * Opens an archive for reading. With `pinned` keys nothing is believed that they did not sign, `archive.json` included.
 * @throws SteleError `store.not-found` where there is no archive, `proof.signature` or `format.description` where
 *   `archive.json` was changed, `store.*`
 */
export async function openArchive(store: Store, options: { readonly pinned?: readonly VerifierKey[] } = {}): Promise<Archive> {
  const pinned = options.pinned ?? [];
  const stored = await readDescription(store, ARCHIVE_DESCRIPTION_KEY, "archive", pinned.length > 0 ? pinned : null);
  if (stored === null) {
    throw new SteleError(
      "store.not-found",
      `${store.url}: no archive there (no ${ARCHIVE_DESCRIPTION_KEY}). Make one with: stele init ${store.url} --origin audit.example.org`,
    );
  }
  const { description } = stored;
  const keys = pinned.length > 0 ? pinned : description.keys.map(parseVerifierKey);
  return { store, origin: description.origin, description, keys, keyPinned: pinned.length > 0 };
}

/** The keys to believe for one log. */
export function logKeys(archive: Archive, log: LogIdentity): VerifierKey[] {
  return keysOfLog(archive.keys, log.origin);
}

export function logOf(archive: Archive, name: string): LogIdentity {
  return { name, origin: logOrigin(archive.origin, name) };
}

/** What a new archive is to be. */
export interface ArchiveOptions {
  readonly origin: string;
  readonly signer: Signer;
  readonly mode: LockMode;
  readonly period: Period;
  readonly now: number;
}

/**
 * Writes an archive's description, unless the same one is there.
 * @returns whether it was written now
 * @throws SteleError `store.exists` when the place holds another archive
 */
export async function createArchive(
  store: Store,
  options: ArchiveOptions,
): Promise<{ created: boolean; description: Description }> {
  const { signer, mode, period, now } = options;
  const origin = parseOrigin(options.origin);
  const signerOfArchive = signer.rename(origin);
  const existing = await readDescription(store, ARCHIVE_DESCRIPTION_KEY, "archive", null);
  if (existing !== null) {
    const { description } = existing;
    const same = description.origin === origin && description.keys.includes(signerOfArchive.key.vkey);
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
  const description: Description = {
    format: FORMAT,
    kind: "archive",
    origin,
    created: timestamp(now),
    retention: { mode, period: formatPeriod(period) },
    keys: [signerOfArchive.key.vkey],
  };
  await putDescription(store, ARCHIVE_DESCRIPTION_KEY, description, signerOfArchive, { mode, period, now });
  const written = await readDescription(store, ARCHIVE_DESCRIPTION_KEY, "archive", [signerOfArchive.key]);
  if (written?.description.created !== description.created) {
    throw new SteleError("store.exists", `${store.url}: someone else made an archive there just now; run the command again`);
  }
  return { created: true, description };
}

/**
 * Writes a log's description, unless it has one. Where junk holds the key on a store that keeps the first, the log goes
 * without: the description is a hint, and a verifier names the junk.
 */
export async function describeLog(archive: Archive, log: LogIdentity, options: Omit<ArchiveOptions, "origin">): Promise<void> {
  const key = logKey(log.name, LOG_DESCRIPTION_KEY);
  const { signer, mode, period, now } = options;
  try {
    if ((await readDescription(archive.store, key, "log", logKeys(archive, log))) !== null) return;
  } catch (error) {
    if (!isSteleError(error, "format.description", "proof.signature", "log.key", "store.too-large")) throw error;
  }
  const description: Description = {
    format: FORMAT,
    kind: "log",
    origin: log.origin,
    created: timestamp(now),
    retention: { mode, period: formatPeriod(period) },
    keys: [signer.key.vkey],
  };
  await putDescription(archive.store, key, description, signer, { mode, period, now });
}

/** A log of an archive, or an object that belongs to none. */
export type ArchiveItem =
  | { readonly kind: "log"; readonly name: string }
  | { readonly kind: "object"; readonly version: ObjectVersion };

/**
 * The logs that have objects in a store, and every object that belongs to none, in order. Skips from log to log: a few
 * requests each, however many objects it has.
 * @param prefix "" for the whole store
 */
export async function* listArchive(
  store: Store,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<ArchiveItem, void, undefined> {
  const seen = new Set<string>();
  let after: string | undefined;
  for (let jumped = true; jumped;) {
    jumped = false;
    for await (const version of store.versions(prefix, { after, signal })) {
      const place = splitLogKey(version.key);
      if (place === null) {
        yield { kind: "object", version };
        continue;
      }
      if (!seen.has(place.log)) {
        seen.add(place.log);
        yield { kind: "log", name: place.log };
      }
      if (place.relative === LOG_DESCRIPTION_KEY) continue;
      // "~" sorts after everything that a key of the format holds.
      after = `${logKey(place.log, place.relative.split("/")[0] ?? "")}/~`;
      jumped = true;
      break;
    }
  }
}

/** A description as it lies in the store. */
export interface StoredDescription {
  readonly description: Description;
  readonly bytes: Uint8Array;
  readonly version: ObjectVersion;
}

/**
 * Reads a description: of all versions of its key the oldest that one of `keys` has signed; without keys, the oldest that is
 * well-formed and signed by a key that it names. Nobody else can put another in its place.
 *
 * @returns null when the key has no version at all
 * @throws SteleError the refusal of the oldest version, when none will do; `store.*`
 */
export async function readDescription(
  store: Store,
  key: string,
  kind: Description["kind"],
  keys: readonly VerifierKey[] | null,
): Promise<StoredDescription | null> {
  const versions: ObjectVersion[] = [];
  for await (const version of store.versions(key)) {
    if (version.key === key && version.kind === "object") versions.unshift(version);
  }
  let refused: SteleError | null = null;
  for (const version of versions) {
    const { body } = await store.get(key, { versionId: version.versionId, maxBytes: MAX_DESCRIPTION_BYTES });
    try {
      const description = parseDescription(body, kind);
      const believed = keysOfLog(keys ?? description.keys.map(parseVerifierKey), description.origin);
      if (believed.length === 0) {
        const given = keys ?? [];
        // Signed by one of them under the description's own name: the wrong name was pinned. Otherwise it was altered.
        verifyDescription(
          body,
          given.map((one) => renameVerifierKey(one, description.origin)),
        );
        throw new SteleError(
          "log.key",
          `${store.url}: ${key} is of ${description.origin}; the keys given are of ${given.map(({ name }) => name).join(", ")}. Pin the archive's own`,
        );
      }
      verifyDescription(body, believed);
      return { description, bytes: body, version };
    } catch (error) {
      if (!isSteleError(error)) throw error;
      refused ??= error;
    }
  }
  if (refused !== null) throw refused;
  return null;
}

async function putDescription(
  store: Store,
  key: string,
  description: Description,
  signer: Signer,
  { mode, period, now }: { readonly mode: LockMode; readonly period: Period; readonly now: number },
): Promise<void> {
  const body = await encodeDescription(description, signer);
  const retention = { mode, until: retainUntil(timestamp(now), period) };
  await lockedPut(store, key, body, retention, { contentType: "application/x-ndjson" });
}
