import { sha256 } from "#sha256";
import { equalBytes } from "../../core/bytes.ts";
import { isSteleError, type SteleError } from "../../core/error.ts";
import type { ObjectVersion, Store } from "../../store/port.ts";
import { type Finding, type FindingCode, finding } from "../finding.ts";

/** An object of a log, as whoever names it knows it. */
export interface NamedObject {
  readonly log: string;
  readonly index: number | null;
  /**
   * In a copy of an archive, versions have other ids: then the oldest with the right bytes stands for it. null: the same, or
   * for want of one, the oldest.
   */
  readonly versionId: string | null;
  readonly size: number;
  readonly sha256: Uint8Array;
  /** What it is called when a version of it can't be read. */
  readonly unreadable: FindingCode;
}

/**
 * What else lies at a named object's key: newer versions and delete markers hide it from whoever asks without a version,
 * older ones were there before it. A version with the same bytes is what a retry leaves behind.
 *
 * @param versions of one key, newest first
 * @returns the named version, if it is there, and findings about the others
 */
export async function examinePlace(
  store: Store,
  named: NamedObject,
  versions: readonly ObjectVersion[],
  signal?: AbortSignal,
): Promise<{ present: ObjectVersion | null; findings: Finding[] }> {
  const present = await findNamed(store, named, versions, signal);
  const findings: Finding[] = [];
  let newer = true;
  for (const version of versions) {
    if (version === present) {
      newer = false;
      continue;
    }
    const where = { object: version.key, versionId: version.versionId, index: named.index };
    if (version.kind === "delete-marker") {
      findings.push(
        finding(
          "object.delete-marker",
          named.log,
          "a delete marker was put on it: it looks deleted to whoever asks without a version",
          where,
        ),
      );
      continue;
    }
    const same = await hasSameBytes(store, named, version, signal);
    if (isSteleError(same)) {
      const message = `another version of it can't be read: ${same.message}`;
      findings.push(finding(named.unreadable, named.log, message, where));
    } else if (same) {
      findings.push(
        finding(
          "object.duplicate",
          named.log,
          "a second version with the same bytes, as a retried upload leaves behind; harmless",
          where,
        ),
      );
    } else if (newer) {
      findings.push(
        finding(
          "object.shadowed",
          named.log,
          "a newer version with other content was put over it; the log's own version still counts",
          where,
        ),
      );
    } else {
      findings.push(
        finding(
          "object.stray",
          named.log,
          "an older version with other content was there before it; no manifest names it",
          where,
        ),
      );
    }
  }
  return { present, findings };
}

async function findNamed(
  store: Store,
  named: NamedObject,
  versions: readonly ObjectVersion[],
  signal?: AbortSignal,
): Promise<ObjectVersion | null> {
  const oldestFirst = versions.filter(({ kind }) => kind === "object").reverse();
  const byId = named.versionId !== null && store.capabilities.versions;
  const exact = byId ? oldestFirst.find(({ versionId }) => versionId === named.versionId) : undefined;
  if (exact !== undefined) return exact;
  if (!byId && oldestFirst.length === 1) return oldestFirst[0] ?? null;
  for (const version of oldestFirst) if ((await hasSameBytes(store, named, version, signal)) === true) return version;
  return byId ? null : (oldestFirst[0] ?? null);
}

/** Whether a version has the named bytes, or why that can't be told. */
async function hasSameBytes(
  store: Store,
  named: NamedObject,
  version: ObjectVersion,
  signal?: AbortSignal,
): Promise<boolean | SteleError> {
  if (version.size !== named.size) return false;
  try {
    const { body } = await store.get(version.key, { versionId: version.versionId, maxBytes: named.size, signal });
    return equalBytes(sha256(body), named.sha256);
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    return error.code === "store.too-large" || error.code === "store.not-found" ? false : error;
  }
}
