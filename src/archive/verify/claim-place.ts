import { isSteleError } from "../../core/error.ts";
import { logKey } from "../../core/layout.ts";
import type { Retention } from "../../core/retention.ts";
import { timestamp, toMillis } from "../../core/time.ts";
import type { ObjectVersion, Store } from "../../store/port.ts";
import { askFor } from "../ask-for.ts";
import type { LogIdentity } from "../archive.ts";
import { type Finding, type FindingCode, finding, leftOut } from "../finding.ts";
import { versionsOf } from "../versions-of.ts";
import { checkLock } from "./lock-check.ts";
import type { Claimed, ObjectScan } from "./object-scan.ts";
import { examinePlace, type NamedObject } from "./place.ts";

/** What all checks of a log's objects go by. */
export interface CheckContext {
  readonly store: Store;
  readonly log: LogIdentity;
  /** Whether every version and lock is looked at. */
  readonly locks: boolean;
  /** Whether every byte is. */
  readonly content: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/** What was found in an object's place. */
export interface ClaimedPlace {
  /** The named version; null where it is not there, or that can't be told. */
  readonly present: ObjectVersion | null;
  readonly findings: Finding[];
  /** Whether the store said that the named version is not there: when asked for it, and not only by a listing. */
  readonly missing: boolean;
}

/**
 * Looks at an object's place: in the listing, and where that has no such version, directly.
 * @param scan null: the place is listed by itself
 */
export async function claimPlace(
  context: CheckContext,
  scan: ObjectScan | null,
  relative: string,
  named: NamedObject,
): Promise<ClaimedPlace> {
  const { store, log, signal } = context;
  const key = logKey(log.name, relative);
  const claimed = await (scan?.claim(relative) ?? versionsOf(store, key, signal).then(unlisted));
  const where = { object: key, versionId: named.versionId, index: named.index };
  const listed = await examinePlace(store, named, claimed.versions, signal);
  const first = isLeftOut(claimed, context.now) ? [leftOut(log.name, key, where)] : [];
  if (listed.present !== null) return { ...listed, findings: [...first, ...listed.findings], missing: false };
  const direct = await askFor(store, key, named.versionId, signal);
  if (isSteleError(direct)) {
    const message = `the listing does not have it, and whether it is there can't be told: ${direct.message}`;
    const unread = finding(named.unreadable, log.name, message, where);
    return { present: null, findings: [...first, ...listed.findings, unread], missing: false };
  }
  if (direct === null || claimed.versions.some(({ versionId }) => versionId === direct.versionId)) {
    return { present: null, findings: [...first, ...listed.findings], missing: true };
  }
  const { present, findings } = await examinePlace(store, named, [direct, ...claimed.versions], signal);
  return { present, findings: [leftOut(log.name, key, where), ...findings], missing: present === null };
}

/** What was written while the listing was read may be missing at its end; by clocks that differ a little. */
const NEW_MILLIS = 300_000;

function isLeftOut({ versions, leftOut: place }: Claimed, now: number): boolean {
  if (place !== "behind") return place === "between";
  return versions.every(({ lastModified }) => toMillis(lastModified) < now - NEW_MILLIS);
}

function unlisted(versions: readonly ObjectVersion[]): Claimed {
  return { versions, leftOut: "no" };
}

/** The lock on a version that is there, where the store shows locks and they are looked at. */
export async function checkPlaceLock(
  context: CheckContext,
  key: string,
  versionId: string | null,
  index: number,
  promised: Retention,
): Promise<Finding[]> {
  const { store, log, locks, now, signal } = context;
  if (!locks || store.capabilities.locks === "none") return [];
  return checkLock(store, { log: log.name, key, versionId, index, promised }, now, signal);
}

/** An object that is gone: as it may be once its lock has ended. */
export function missingObject(
  { log, now }: CheckContext,
  code: FindingCode,
  where: Partial<Finding>,
  retention: Retention,
  message: string,
): Finding {
  if (retention.until > timestamp(now)) return finding(code, log.name, message, where);
  return finding("object.expired", log.name, `it is gone, after its lock had ended on ${retention.until}`, where);
}
