import { sha256 } from "#sha256";
import type { SignedCheckpoint } from "../../core/checkpoint.ts";
import { isSteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import type { LogIdentity } from "../archive.ts";
import { type Finding, finding } from "../finding.ts";
import { checkLock } from "../verify/lock-check.ts";
import { examinePlace } from "../verify/place.ts";
import type { AnchorPolicy } from "./anchoring.ts";
import type { HeldLog } from "./hold.ts";
import { checkpointIn, vouchersOf, type Voucher } from "./judge.ts";
import { type AnchorObject, type AnchorPlace, readAnchor } from "./places.ts";

/** One anchor, looked at. */
export interface Examined {
  readonly place: AnchorPlace;
  /** Signed by the log's key; null where it is none, or could not be read. */
  readonly checkpoint: SignedCheckpoint | null;
  /** Whose word for it holds. */
  readonly vouchers: readonly Voucher[];
  readonly findings: readonly Finding[];
  /** Whether it could not be read, so that nothing is known of it. */
  readonly isUnread: boolean;
}

export interface ExamineOptions {
  /** Also what else lies at its key. */
  readonly others: boolean;
  readonly locks: boolean;
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/** Checks one anchor: its bytes, the log's signature, the word of whoever vouches, and the log as it is now. */
export async function examineAnchor(
  place: AnchorPlace,
  log: LogIdentity,
  keys: readonly VerifierKey[],
  policy: AnchorPolicy,
  held: HeldLog,
  options: ExamineOptions,
): Promise<Examined> {
  const { signal } = options;
  const findings: Finding[] = [];
  const object = place.kind === "copy" ? `${place.store.url}/${place.key}` : place.key;
  const where = { object, versionId: place.versions[0]?.versionId ?? null, index: place.size - 1 };
  const ended = (checkpoint: SignedCheckpoint | null, vouchers: readonly Voucher[], isUnread = false): Examined => {
    return { place, checkpoint, vouchers, findings, isUnread };
  };

  let anchor: AnchorObject | null;
  try {
    anchor = await readAnchor(place, signal);
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    findings.push(finding("anchor.unreadable", log.name, error.message, where));
    return ended(null, [], true);
  }
  if (anchor === null) {
    const message = "what lies at the key of an anchor is not the anchor that the key names: it was changed, or is somebody's";
    findings.push(finding("anchor.bad", log.name, message, where));
    return ended(null, []);
  }
  const there = { ...where, versionId: anchor.version.versionId };

  let checkpoint: SignedCheckpoint;
  try {
    checkpoint = checkpointIn(place, anchor.bytes, log, keys);
  } catch (error) {
    if (!isSteleError(error)) throw error;
    // Who may write may put it there: it says nothing of the log.
    const message = `it lies among the anchors, but holds no checkpoint of this log: ${error.message}`;
    findings.push(finding(place.kind === "copy" ? "anchor.bad" : "object.stray", log.name, message, there));
    return ended(null, []);
  }

  let vouchers: Voucher[] = [];
  try {
    vouchers = await vouchersOf(place, anchor.bytes, checkpoint, policy);
  } catch (error) {
    if (!isSteleError(error)) throw error;
    findings.push(finding("anchor.bad", log.name, `an anchor of size ${checkpoint.size} does not hold: ${error.message}`, there));
  }
  // The log's own signature is enough for that, whoever else does not vouch for it.
  const what = `${WORDS[place.kind]} of size ${checkpoint.size}`;
  const wrong = await held.hold(checkpoint, what, there);
  if (wrong !== null) findings.push(wrong);
  if (options.others) findings.push(...(await othersAt(place, anchor, log, signal)));
  if (options.locks && place.kind !== "copy") findings.push(...(await lockOn(place, anchor, log, held, options)));
  return ended(checkpoint, vouchers);
}

const WORDS = {
  witness: "a cosigned checkpoint",
  timestamp: "a time-stamped checkpoint",
  copy: "a checkpoint kept elsewhere",
} as const;

async function othersAt(
  { key, size, store, versions }: AnchorPlace,
  { version, bytes }: AnchorObject,
  log: LogIdentity,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const named = {
    log: log.name,
    index: size - 1,
    versionId: version.versionId,
    size: bytes.length,
    sha256: sha256(bytes),
    unreadable: "anchor.unreadable",
  } as const;
  const own = versions.filter((one) => one.key === key);
  return (await examinePlace(store, named, own, signal)).findings;
}

/** An anchor is promised the lock of the manifest that its checkpoint ends with. */
async function lockOn(
  { key, size, store }: AnchorPlace,
  { version }: AnchorObject,
  log: LogIdentity,
  held: HeldLog,
  { now, signal }: ExamineOptions,
): Promise<Finding[]> {
  if (store.capabilities.locks === "none") return [];
  try {
    const last = await held.last(size);
    if (last === null) return [];
    const { versionId } = version;
    const promised = last.manifest.retention;
    return await checkLock(store, { log: log.name, key, versionId, index: size - 1, promised }, now, signal);
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    const message = `the manifest that says how it is to be locked can't be had: ${error.message}`;
    return [finding("lock.unreadable", log.name, message, { object: key, versionId: version.versionId, index: size - 1 })];
  }
}
