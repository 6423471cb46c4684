import { toBase64 } from "../../core/bytes.ts";
import type { SignedCheckpoint } from "../../core/checkpoint.ts";
import { parseVerifierKey, type VerifierKey } from "../../core/key.ts";
import { ARCHIVE_DESCRIPTION_KEY, LOG_DESCRIPTION_KEY, logKey, logOrigin, parseLogName } from "../../core/layout.ts";
import type { Store } from "../../store/port.ts";
import { listArchive } from "../listing.ts";
import { type Finding, finding, type Verdict, verdict } from "../finding.ts";
import { keysOfLog } from "../key-ring.ts";
import type { EntryRange } from "../range.ts";
import { SegmentPool } from "../segment/pool.ts";
import { type AnchorPolicy, NO_POLICY } from "../anchor/anchoring.ts";
import { checkAnchors, type SeenAnchor } from "../anchor/check.ts";
import { copiedLogs } from "../anchor/copied-logs.ts";
import { checkDescription } from "./check-description.ts";
import { identify, withoutKeys } from "./identify.ts";
import { strayOfNoLog } from "./stray.ts";
import { type LogTotals, verifyWindow } from "./window.ts";

/** `manifests`: signatures, tree and links. `locks`: and every object's versions and lock. `content`: and every byte. */
export type VerifyLevel = "manifests" | "locks" | "content";

export interface VerifyOptions extends EntryRange {
  /** Keys that the verifier trusts. Without any, the archive's own are believed, and the report says so. */
  readonly pinned: readonly VerifierKey[];
  /** Default: every log that has objects. */
  readonly logs?: readonly string[] | undefined;
  readonly level: VerifyLevel;
  /** Checkpoints seen before, of any of the logs. */
  readonly checkpoints?: readonly SignedCheckpoint[];
  /** Whose anchors are believed, and where copies of checkpoints are. Default: what is there is checked, and nobody pinned. */
  readonly anchors?: AnchorPolicy | undefined;
  /** Whether an archive or a log that holds nothing is as it should be. */
  readonly allowEmpty?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: LogTotals & { readonly log: string; readonly totalManifests: number | null }) => void;
  readonly onFinding?: (finding: Finding) => void;
}

export interface LogReport extends LogTotals {
  readonly log: string;
  readonly origin: string;
  readonly head: { readonly size: number; readonly root: string } | null;
  readonly keyPinned: boolean;
  readonly checkpoint: SignedCheckpoint | null;
  /** The newest anchor of each kind that holds. */
  readonly anchors: readonly SeenAnchor[];
}

export interface VerifyReport {
  readonly verdict: Verdict;
  readonly logs: readonly LogReport[];
  readonly findings: readonly Finding[];
  /** What this store can't show, or was not asked: never counted as passed. */
  readonly notObservable: readonly string[];
}

/**
 * Verifies an archive, or some of its logs, and reports all that it finds. It goes on after a finding. What can't be read is
 * a finding of its own, neither sound nor altered.
 *
 * @throws SteleError `store.*` when the place itself can't be read, or `store.not-found` when no archive is there
 */
export async function verifyArchive(store: Store, options: VerifyOptions): Promise<VerifyReport> {
  const findings: Finding[] = [];
  const found = (one: Finding): void => {
    findings.push(one);
    options.onFinding?.(one);
  };
  const { origin, keys, keysUnread } = await identify(store, options, found);
  const names = await namesOfLogs(store, options, origin, found);
  const logs: LogReport[] = [];
  await using pool = new SegmentPool(options.threads);
  const unseen: string[] = [];
  for (const name of names) {
    const ofLog: Finding[] = [];
    const take = keysUnread ? (one: Finding) => void ofLog.push(one) : found;
    const { anchorsUnseen, ...report } = await verifyLog(store, name, origin, keys, options, pool, take);
    (report.head === null ? ofLog.map(withoutKeys) : ofLog).forEach(found);
    logs.push(report);
    unseen.push(...anchorsUnseen);
  }
  const foreign = checkpointsOfOthers(options, origin, logs, found);
  if ((options.from ?? options.to) !== undefined && options.allowEmpty !== true && logs.every(({ entries }) => entries === 0)) {
    found(finding("log.missing", "", "no entry of the asked range was found sound: an empty range is not a sound one"));
  }
  return {
    verdict: verdict(findings),
    logs,
    findings,
    notObservable: [...notObservable(store, options, logs), ...unseen, ...foreign],
  };
}

async function namesOfLogs(
  store: Store,
  options: VerifyOptions,
  origin: string,
  found: (finding: Finding) => void,
): Promise<string[]> {
  if (options.logs !== undefined) {
    const asked = options.logs.map(parseLogName);
    for (const name of asked) {
      for await (const item of listArchive(store, `${name}/`, options.signal))
        if (item.kind === "object") found(strayOfNoLog(item.version));
    }
    return asked;
  }
  const names: string[] = [];
  for await (const item of listArchive(store, "", options.signal)) {
    if (item.kind === "log") names.push(item.name);
    else if (item.version.key !== ARCHIVE_DESCRIPTION_KEY) found(strayOfNoLog(item.version));
  }
  // A log that was there once, and of which nothing is left, must not be passed over for want of objects.
  for (const { origin: remembered } of options.checkpoints ?? []) {
    const name = remembered.startsWith(`${origin}/`) ? remembered.slice(origin.length + 1) : null;
    if (name !== null && !names.includes(name)) names.push(parseLogName(name));
  }
  for (const name of await copiedLogs(options.anchors?.copies ?? [], origin, found, options.signal)) {
    if (!names.includes(name)) names.push(name);
  }
  if (names.length === 0 && options.allowEmpty !== true) {
    found(finding("log.missing", "", "the archive holds no log at all: an empty place is not a sound archive"));
  }
  return names;
}

/**
 * Checkpoints of logs that were not verified. One that can be of no log of this archive was made of something else: another
 * archive was put in its place.
 */
function checkpointsOfOthers(
  { checkpoints, logs: asked }: VerifyOptions,
  archiveOrigin: string,
  logs: readonly LogReport[],
  found: (finding: Finding) => void,
): string[] {
  const others = (checkpoints ?? []).filter(({ origin }) => !logs.some((log) => log.origin === origin));
  for (const { origin } of others) {
    if (asked !== undefined && origin.startsWith(`${archiveOrigin}/`)) continue;
    const message = `a checkpoint of ${origin} was seen before, which is no log of this archive, ${archiveOrigin}`;
    found(finding("log.missing", "", message, { expected: origin, actual: archiveOrigin }));
  }
  return others.map(({ origin }) => `the checkpoint of ${origin}: that log was not verified`);
}

async function verifyLog(
  store: Store,
  name: string,
  archiveOrigin: string,
  archiveKeys: readonly VerifierKey[],
  options: VerifyOptions,
  pool: SegmentPool,
  found: (finding: Finding) => void,
): Promise<LogReport & { readonly anchorsUnseen: readonly string[] }> {
  const log = { name, origin: logOrigin(archiveOrigin, name) };
  const keys = keysOfLog(archiveKeys, log.origin);
  const checkpoints = (options.checkpoints ?? []).filter(({ origin }) => origin === log.origin);
  const totals = { manifests: 0, entries: 0, bytes: 0 };
  const everInForce = [...keys];
  const { last: head, endUnknown } = await verifyWindow(
    store,
    log,
    { first: 0, end: null, before: null, keys },
    {
      locks: options.level !== "manifests",
      content: options.level === "content",
      range: options,
      checkpoints,
      now: options.now,
      pool,
      signal: options.signal,
      found,
      onChecked: ({ commit, findings, entries, bytes }) => {
        findings.forEach(found);
        everInForce.push(...(commit.manifest.keys?.add ?? []).map(parseVerifierKey));
        totals.manifests++;
        totals.entries += entries;
        totals.bytes += bytes;
        options.onProgress?.({ log: name, totalManifests: null, ...totals });
      },
    },
  );
  if (head === null && !endUnknown && options.allowEmpty !== true) {
    found(finding("log.missing", name, "the log holds no manifest that its key has signed: an empty place is not a sound log"));
  }
  if (head !== null) {
    const key = logKey(name, LOG_DESCRIPTION_KEY);
    const check = {
      key,
      kind: "log",
      keys,
      log: name,
      origin: log.origin,
      locks: options.level !== "manifests",
      now: options.now,
      signal: options.signal,
    } as const;
    (await checkDescription(store, check)).findings.forEach(found);
  }
  const policy = options.anchors ?? NO_POLICY;
  const scope = { scope: "all", locks: options.level !== "manifests", now: options.now, signal: options.signal } as const;
  const anchors = await checkAnchors(store, log, head, everInForce, policy, scope, found);
  return {
    log: name,
    origin: log.origin,
    ...totals,
    head: head === null ? null : { size: head.after.size, root: toBase64(head.after.root()) },
    keyPinned: options.pinned.length > 0,
    checkpoint: head?.checkpoint ?? null,
    anchors: anchors.newest,
    anchorsUnseen: anchors.notObservable,
  };
}

function notObservable(
  { capabilities }: Store,
  { level, from, to, checkpoints, anchors, logs: asked }: VerifyOptions,
  logs: readonly LogReport[],
): string[] {
  const list: string[] = [];
  if (!capabilities.versions) list.push("older versions and delete markers: this store keeps one version of an object");
  if (capabilities.locks === "none") list.push("locks: this is a plain copy of an archive, and shows none");
  if (capabilities.locks === "recorded") list.push("lock enforcement: a folder records locks, but its owner can still delete");
  if (level === "manifests") list.push("locks, other versions and content: not asked at level manifests");
  if (level === "locks") list.push("content: not asked at level locks");
  if (from !== undefined || to !== undefined) list.push("content and locks outside the asked range");
  // What lies in the archive itself goes with it: only a copy elsewhere stands in for a checkpoint that somebody kept.
  const unguarded = logs.filter(
    (log) => !(checkpoints ?? []).some(({ origin }) => origin === log.origin) && !log.anchors.some(({ kind }) => kind === "copy"),
  );
  if (unguarded.length > 0) {
    const names = unguarded.map(({ log }) => log).join(", ");
    list.push(`a tail that was cut off: without a checkpoint seen before, a shorter log looks like a younger one (${names})`);
  }
  if (asked === undefined && (anchors?.copies ?? []).length === 0)
    list.push("a log of which nothing is left, and no checkpoint was given or kept elsewhere");
  return list;
}
