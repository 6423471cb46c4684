import {
  type Description,
  descriptionPeriod,
  encodeDescription,
  MAX_DESCRIPTION_BYTES,
  parseDescription,
  verifyDescription,
} from "../core/description.ts";
import { isSteleError, SteleError } from "../core/error.ts";
import { parseVerifierKey, renameVerifierKey, type Signer, type VerifierKey } from "../core/key.ts";
import { LOG_DESCRIPTION_KEY, logKey } from "../core/layout.ts";
import { FORMAT } from "../core/manifest.ts";
import { formatPeriod, type LockMode, type Period, retainUntil } from "../core/retention.ts";
import { timestamp } from "../core/time.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import { keysOfLog } from "./key-ring.ts";
import { ensureLock, lockedPut } from "./locked-put.ts";
import { versionsOf } from "./versions-of.ts";

/** Who signs a description, and the locks that it promises from now on. */
export interface DescriptionTerms {
  readonly signer: Signer;
  readonly mode: LockMode;
  readonly period: Period;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Keys of single logs that an archive's description names besides its own. */
  readonly delegated?: readonly VerifierKey[] | undefined;
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
  signal?: AbortSignal,
): Promise<StoredDescription | null> {
  const oldestFirst = (await versionsOf(store, key, signal)).filter(({ kind: stored }) => stored === "object").reverse();
  let refused: SteleError | null = null;
  for (const version of oldestFirst) {
    try {
      const { body } = await store.get(key, { versionId: version.versionId, maxBytes: MAX_DESCRIPTION_BYTES, signal });
      const description = believeDescription(body, kind, keys, `${store.url}: ${key}`);
      return { description, bytes: body, version };
    } catch (error) {
      // Not known to be refused: a younger one must not be taken in its place.
      if (!isSteleError(error) || (error.code.startsWith("store.") && error.code !== "store.too-large")) throw error;
      refused ??= error;
    }
  }
  if (refused !== null) throw refused;
  return null;
}

/**
 * Reads a description that one of `keys` has signed; without keys, one of those that it names.
 * @param what stands in messages
 * @throws SteleError `format.description`, `proof.signature`, `log.key`
 */
export function believeDescription(
  bytes: Uint8Array,
  kind: Description["kind"],
  keys: readonly VerifierKey[] | null,
  what: string,
): Description {
  const description = parseDescription(bytes, kind);
  const believed = believable(keys ?? description.keys.map(parseVerifierKey), description);
  if (believed.length === 0) {
    const given = keys ?? [];
    // Signed by one of them under the description's own name: the wrong name was pinned. Otherwise it was altered.
    verifyDescription(
      bytes,
      given.map((one) => renameVerifierKey(one, description.origin)),
    );
    throw new SteleError(
      "log.key",
      `${what} is of ${description.origin}; the keys given are of ${given.map(({ name }) => name).join(", ")}. Pin the archive's own`,
    );
  }
  verifyDescription(bytes, believed);
  return description;
}

/**
 * An archive's description is signed by a key of the archive's very name: a key pinned for one archive is not believed for
 * another below it. A log's may be signed by the key of the archive above it.
 */
function believable(keys: readonly VerifierKey[], { kind, origin }: Description): VerifierKey[] {
  return kind === "log" ? keysOfLog(keys, origin) : keys.filter(({ name }) => name === origin);
}

/** Signs a description and puts it under the lock that it promises. */
export async function putDescription(
  store: Store,
  key: string,
  { kind, origin }: Pick<Description, "kind" | "origin">,
  { signer, mode, period, now, delegated = [] }: DescriptionTerms,
  signal?: AbortSignal,
): Promise<Description> {
  const created = timestamp(now);
  const description: Description = {
    format: FORMAT,
    kind,
    origin,
    created,
    retention: { mode, period: formatPeriod(period) },
    keys: [signer.key.vkey, ...delegated.map(({ vkey }) => vkey)],
  };
  const retention = { mode, until: retainUntil(created, period) };
  const bytes = await encodeDescription(description, signer);
  const { outcome } = await lockedPut(store, key, bytes, retention, { contentType: "application/x-ndjson", signal });
  if (outcome === "exists" && (await versionsOf(store, key, signal)).length === 0) {
    // Believed, it would leave what is described without its description for ever.
    throw new SteleError("store.unreachable", `${store.url}: it says that ${key} is there, and shows nothing there`);
  }
  return description;
}

/**
 * Writes a log's description, unless it has one. Where junk holds the key on a store that keeps the first, the log goes
 * without: the description is a hint, and a verifier names the junk.
 */
export async function describeLog(
  store: Store,
  log: { readonly name: string; readonly origin: string },
  keys: readonly VerifierKey[],
  terms: DescriptionTerms,
  signal?: AbortSignal,
): Promise<void> {
  const key = logKey(log.name, LOG_DESCRIPTION_KEY);
  try {
    const there = await readDescription(store, key, "log", keys, signal);
    if (there !== null) {
      const { retention, created } = there.description;
      // Whoever put it may have died before its lock was read back.
      const promised = { mode: retention.mode, until: retainUntil(created, descriptionPeriod(there.description)) };
      await ensureLock(store, key, there.version.versionId, promised, signal);
      return;
    }
  } catch (error) {
    if (!isSteleError(error, "format.description", "proof.signature", "log.key", "store.too-large")) throw error;
  }
  await putDescription(store, key, { kind: "log", origin: log.origin }, terms, signal);
}
