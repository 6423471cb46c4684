import { SteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { ARCHIVE_DESCRIPTION_KEY } from "../../core/layout.ts";
import type { Store } from "../../store/port.ts";
import { type Finding, finding, isUnreadable } from "../finding.ts";
import { keysOfArchive } from "../key-ring.ts";
import { checkDescription } from "./check-description.ts";

/** What an archive is called, and whom to believe of it. */
export interface Identified {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** Whether there may be keys of single logs that could not be read. */
  readonly keysUnread: boolean;
}

/** The archive's origin, and whose keys to believe. Pinned keys stand in for a description that is gone or was changed. */
export async function identify(
  store: Store,
  { pinned, level, now }: { readonly pinned: readonly VerifierKey[]; readonly level: string; readonly now: number },
  found: (finding: Finding) => void,
): Promise<Identified> {
  const [first] = pinned;
  const check = {
    key: ARCHIVE_DESCRIPTION_KEY,
    kind: "archive",
    log: "",
    origin: null,
    locks: level !== "manifests",
    now,
  } as const;
  const { stored, refused, findings } = await checkDescription(store, { ...check, keys: first === undefined ? null : pinned });
  if (stored !== null) {
    findings.forEach(found);
    return {
      origin: stored.description.origin,
      keys: keysOfArchive(stored.description, pinned),
      keysUnread: false,
    };
  }
  if (first === undefined && refused !== null && findings.some(isUnreadable)) throw refused;
  if (first === undefined && refused === null && (await isEmptyPlace(store))) {
    throw new SteleError(
      "store.not-found",
      `${store.url}: nothing is there, neither an archive nor any object. An empty place is not a sound archive`,
    );
  }
  if (first === undefined) {
    throw new SteleError(
      "log.unsound",
      `${store.url}: without a sound ${ARCHIVE_DESCRIPTION_KEY} nobody can tell whose keys to believe; ` +
        `pin the archive's key with --key to verify the rest. (${findings[0]?.message ?? ""})`,
    );
  }
  findings.forEach(found);
  return { origin: first.name, keys: pinned, keysUnread: findings.some(isUnreadable) };
}

/** A log that no known key has signed, while the description that may name its keys can't be read: not known to be forged. */
export function withoutKeys(one: Finding): Finding {
  const { code, log, object, versionId, index } = one;
  if (code !== "checkpoint.bad-signature" && code !== "log.missing") return one;
  const message = `whose keys sign it can't be told while ${ARCHIVE_DESCRIPTION_KEY} can't be read: ${one.message}`;
  return finding("log.unreadable", log, message, { object, versionId, index });
}

async function isEmptyPlace(store: Store): Promise<boolean> {
  for await (const _ of store.versions("", { limit: 1 })) return false;
  return true;
}
