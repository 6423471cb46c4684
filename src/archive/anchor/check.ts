import { toBase64 } from "../../core/bytes.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { ANCHORS_PREFIX, anchorKeyPrefix, logKey, parseAnchorKey } from "../../core/layout.ts";
import { type Timestamp, toMillis } from "../../core/time.ts";
import type { ObjectVersion, Store } from "../../store/port.ts";
import type { LogIdentity } from "../archive.ts";
import { type Finding, finding } from "../finding.ts";
import { orderedMap } from "../ordered-map.ts";
import type { AnchorKind, AnchorPolicy } from "./anchoring.ts";
import { examineAnchor, type Examined } from "./examine.ts";
import { HeldLog } from "./hold.ts";
import { isPlace, listAnchors } from "./places.ts";

export interface CheckAnchorsOptions {
  /**
   * `newest`: of each kind the newest that holds; a few requests, however long the log is. `all`: every one, and what lies in
   * `anchors/` without being one; for whoever has walked all manifests.
   */
  readonly scope: "newest" | "all";
  /** Also the anchors' locks; with `all` only. */
  readonly locks: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/** An anchor that holds. */
export interface SeenAnchor {
  readonly kind: AnchorKind;
  /** Of the checkpoint: manifests, and base64 of the root. */
  readonly size: number;
  readonly root: string;
  /** The latest time that one of those who vouch for it says; null where none says any. */
  readonly time: Timestamp | null;
  readonly by: readonly string[];
  /** Whether those who vouch for it were told apart by what the user gave. */
  readonly pinned: boolean;
  readonly object: string;
}

export interface AnchorsSeen {
  /** The newest that holds: one of each kind, and of copies one of each store. */
  readonly newest: readonly SeenAnchor[];
  /** What could not be told for want of a key, a certificate or an anchor. */
  readonly notObservable: readonly string[];
}

/** More objects than that before one that holds are somebody's work, and are not gone through each time. */
const MAX_LOOKED_AT = 16;
const REQUESTS_AHEAD = 16;
const PAGE = 8;

/**
 * Checks a log against its anchors: a head behind one of them is a log that was cut off, and a tree that is not in the head's
 * history is a second history. Reports to `found`, and goes on.
 *
 * @param head null when the log has no manifest that its key has signed
 * @param keys all that may ever have signed the log
 */
export async function checkAnchors(
  store: Store,
  log: LogIdentity,
  head: Commit | null,
  keys: readonly VerifierKey[],
  policy: AnchorPolicy,
  options: CheckAnchorsOptions,
  found: (finding: Finding) => void,
): Promise<AnchorsSeen> {
  const { scope, signal } = options;
  const held = new HeldLog(store, log, head, keys, { isWalked: scope === "all", signal });
  const sources: readonly Source[] = [
    { kind: "witness", store },
    { kind: "timestamp", store },
    ...policy.copies.map((copy) => ({ kind: "copy", store: copy }) as const),
  ];
  const newest: SeenAnchor[] = [];
  const notObservable = new Set<string>();
  let isCut = false;
  // The newest anchors come first, and say by how much the log is too short. Each older one would say it again.
  const foundOnce = (one: Finding): void => {
    if (one.code !== "log.truncated" || !isCut) found(one);
    isCut ||= one.code === "log.truncated";
  };
  for (const source of sources) {
    const seen = await checkSource(source, log, keys, policy, held, options, foundOnce);
    if (seen.newest !== null) newest.push(seen.newest);
    if (seen.newest?.pinned === false) notObservable.add(unpinned(source.kind, log));
    // What could not be read may be the newest.
    if (!seen.isUnread && head !== null && policy.required.includes(source.kind)) {
      await reportStale(source, seen.newest?.size ?? 0, log, head, held, policy, options, found);
    }
  }
  if (scope === "all") await reportStrays(store, log, found, signal);
  return { newest, notObservable: [...notObservable] };
}

interface Source {
  readonly kind: AnchorKind;
  readonly store: Store;
}

/** Goes through the anchors of one kind, the newest first. */
async function checkSource(
  source: Source,
  log: LogIdentity,
  keys: readonly VerifierKey[],
  policy: AnchorPolicy,
  held: HeldLog,
  options: CheckAnchorsOptions,
  found: (finding: Finding) => void,
): Promise<{ readonly newest: SeenAnchor | null; readonly isUnread: boolean }> {
  const { kind, store } = source;
  const { scope, now, signal } = options;
  const isAll = scope === "all";
  const examination = { others: isAll, locks: isAll && options.locks, now, signal };
  const listed = listAnchors(store, log, kind, { ...(isAll ? {} : { limit: PAGE }), signal });
  const examined = orderedMap(listed, isAll ? REQUESTS_AHEAD : 1, async (item) =>
    isPlace(item) ? examineAnchor(item, log, keys, policy, held, examination) : item,
  );
  let newest: SeenAnchor | null = null;
  let group: Examined[] = [];
  let isUnread = false;
  let looked = 0;
  try {
    for await (const item of examined) {
      if (!isAll && newest !== null && "place" in item && item.place.size !== newest.size) break;
      if (!isAll && newest === null && ++looked > MAX_LOOKED_AT) {
        const message = `${MAX_LOOKED_AT} objects lie before the newest ${kind} anchor that holds, if there is one; verify the whole log`;
        found(finding("anchor.unreadable", log.name, message, { object: nameOf(source, log) }));
        isUnread = true;
        break;
      }
      if (!("place" in item)) {
        found(strayAmong(source, log, item));
        continue;
      }
      item.findings.forEach(found);
      if (item.isUnread && newest === null) isUnread = true;
      group = group[0]?.place.size === item.place.size ? [...group, item] : [item];
      newest ??= goodOne(group, policy);
    }
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    found(
      finding("anchor.unreadable", log.name, `its anchors can't be listed: ${error.message}`, { object: nameOf(source, log) }),
    );
    isUnread = true;
  }
  return { newest, isUnread };
}

/** What the anchors of one checkpoint add up to: enough witnesses, or one time-stamp or copy. */
function goodOne(group: readonly Examined[], { quorum, witnesses }: AnchorPolicy): SeenAnchor | null {
  const last = group.at(-1);
  if (last === undefined || last.checkpoint === null || last.vouchers.length === 0) return null;
  const root = toBase64(last.checkpoint.root);
  // Of two trees of one size each has its own vouchers.
  const same = group.filter(({ checkpoint }) => checkpoint !== null && toBase64(checkpoint.root) === root);
  const vouchers = same.flatMap((one) => one.vouchers);
  const by = [...new Set(vouchers.map((voucher) => voucher.by))];
  const { kind, size, key } = last.place;
  const least = kind === "witness" && witnesses.length > 0 ? Math.max(1, quorum) : 1;
  if (by.length < least) return null;
  let time: Timestamp | null = null;
  for (const voucher of vouchers) if (time === null || (voucher.time !== null && voucher.time > time)) time = voucher.time;
  return { kind, size, root, time, by, pinned: vouchers.every(({ pinned }) => pinned), object: key };
}

/** A manifest stands for too long that no anchor covers. */
async function reportStale(
  source: Source,
  anchored: number,
  log: LogIdentity,
  head: Commit,
  held: HeldLog,
  { maxAgeMillis }: AnchorPolicy,
  { now, signal }: CheckAnchorsOptions,
  found: (finding: Finding) => void,
): Promise<void> {
  if (maxAgeMillis === null || anchored >= head.after.size) return;
  try {
    const { index, sealed } = (await held.last(anchored + 1))?.manifest ?? head.manifest;
    const age = now - toMillis(sealed);
    if (age <= maxAgeMillis) return;
    const message = `manifest ${index}, sealed at ${sealed}, and those after it have no ${WORDS[source.kind]}: ${anchored === 0 ? "there is none at all" : `the newest is of size ${anchored}`}`;
    found(
      finding("anchor.stale", log.name, message, {
        object: nameOf(source, log),
        index,
        expected: `one within ${Math.round(maxAgeMillis / 1000)} s`,
        actual: `none after ${Math.round(age / 1000)} s`,
      }),
    );
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    found(finding("anchor.unreadable", log.name, `whether its anchors are recent can't be told: ${error.message}`));
  }
}

const WORDS = {
  witness: "cosignatures of enough witnesses",
  timestamp: "time-stamp that holds",
  copy: "copy in the other store",
} as const;

async function reportStrays(
  store: Store,
  log: LogIdentity,
  found: (finding: Finding) => void,
  signal?: AbortSignal,
): Promise<void> {
  const folders = (["witness", "timestamp"] as const).map((kind) => logKey(log.name, anchorKeyPrefix(kind)));
  try {
    for await (const version of store.versions(logKey(log.name, ANCHORS_PREFIX), { signal })) {
      if (folders.some((folder) => version.key.startsWith(folder)) || parseAnchorKey(version.key) !== null) continue;
      found(strayAmong({ kind: "witness", store }, log, version));
    }
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    found(finding("anchor.unreadable", log.name, `its anchors can't be listed: ${error.message}`));
  }
}

function strayAmong({ kind, store }: Source, log: LogIdentity, { key, versionId }: ObjectVersion): Finding {
  const object = kind === "copy" ? `${store.url}/${key}` : key;
  return finding("object.stray", log.name, "it lies among the anchors, but is none", { object, versionId });
}

/** Where anchors of a kind lie, for a finding that is of none of them: each place has a finding of its own. */
function nameOf({ kind, store }: Source, log: LogIdentity): string {
  return kind === "copy" ? store.url : logKey(log.name, anchorKeyPrefix(kind));
}

function unpinned(kind: AnchorKind, { name }: LogIdentity): string {
  return kind === "witness"
    ? `cosignatures on checkpoints of ${name}: no key of a witness was given to check them by`
    : `whose time-stamps those on checkpoints of ${name} are: they hold, but no CA certificate was given to pin their authority`;
}
