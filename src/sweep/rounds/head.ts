import { checkAnchors } from "../../archive/anchor/check.ts";
import { type LogIdentity, logKeys, logOf } from "../../archive/archive.ts";
import { type Finding, finding, isUnreadable } from "../../archive/finding.ts";
import { type LogWindow, verifyWindow, type WindowOutcome } from "../../archive/verify/window.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError } from "../../core/error.ts";
import { LOG_DESCRIPTION_KEY, logKey, MANIFESTS_PREFIX } from "../../core/layout.ts";
import { timestamp, toMillis } from "../../core/time.ts";
import { blockOf } from "../place.ts";
import type { ObjectVersion } from "../../store/port.ts";
import type { RoundLogResult } from "../result.ts";
import type { Found } from "../state/found.ts";
import type { RememberedLog } from "../state/remembered-logs.ts";
import type { RoundContext } from "./context.ts";
import { checkGiven } from "./given-checkpoints.ts";
import { HeadProgress } from "./head-progress.ts";
import { EntryWatch } from "./met-entries.ts";
import { logResult } from "./log-result.ts";
import { keysOfHead, type Recalled, recallHead, tellTruncation } from "./remembered-head.ts";

/**
 * The head round over one log: what came since it was last seen in order, and that what was seen then is still its beginning. Its
 * requests do not grow with the log.
 *
 * @throws SteleError `sweep.*` when what was found can't be kept; the signal's reason
 */
export async function sweepHead(context: RoundContext, name: string): Promise<RoundLogResult> {
  const log = logOf(context.archive, name);
  const remembered = context.state.log(name);
  const first = remembered?.checkpoint.size ?? 0;
  const watch = new EntryWatch(context, log);
  let recalled: Recalled | null;
  try {
    recalled = remembered === null ? null : await recall(context, log, remembered);
  } catch (error) {
    if (!isSteleError(error) || context.signal?.aborted === true) throw error;
    const unreadable = finding("log.unreadable", name, `the manifest that was last seen of it can't be read: ${error.message}`);
    context.onFinding(unreadable);
    context.state.settle("head", { log: name, block: null }, [unreadable], false);
    return logResult(context, name, unreadable.message);
  }
  const keys = remembered?.keys ?? logKeys(context.archive, log);
  const before = recalled?.commit ?? null;
  const progress = new HeadProgress(context, log, watch, { next: first, before, keys });
  if (remembered !== null && recalled !== null) hold(progress, remembered, recalled);
  const outcome = await walk(context, log, progress, { first, end: null, before, keys });
  if (!outcome.paused) await conclude(context, log, progress, { remembered, recalled, outcome });
  if (watch.wanted) await tellIdle(context, name, watch);

  const { findings, stuckAt, manifests, entries, bytes } = progress;
  const end = (outcome.last?.manifest.index ?? first - 1) + 1;
  const [passed, rest] = apart(log, findings);
  for (const [block, strays] of passed) context.state.settle("head", { log: name, block }, strays, false);
  const readable = !outcome.paused && !outcome.endUnknown && !findings.some(isUnreadable);
  context.state.settle("head", { log: name, block: null }, rest, readable, {
    first,
    end: outcome.paused ? end : Number.MAX_SAFE_INTEGER,
  });
  const why = outcome.paused
    ? "stopped: it goes on from there with the next sweep"
    : stuckAt !== null
      ? `the remembered head stays where it is, because of ${stuckAt.code}${stuckAt.index === null ? "" : ` at manifest ${stuckAt.index}`}`
      : readable
        ? null
        : "not everything could be read";
  return logResult(context, name, why, {
    manifests: manifests === 0 ? null : { first, end },
    entries,
    bytes,
    checked: manifests,
  });
}

/**
 * Strays among manifests have no index, and those before the head are not met again: they belong to the block that they lie in,
 * for the rounds over blocks to look at again.
 */
function apart(log: LogIdentity, findings: readonly Found[]): [Map<number, Found[]>, Found[]] {
  const passed = new Map<number, Found[]>();
  const rest: Found[] = [];
  const prefix = logKey(log.name, MANIFESTS_PREFIX);
  for (const one of findings) {
    const name = one.index === null && one.object?.startsWith(prefix) === true ? one.object.slice(prefix.length) : null;
    const index = Number(/^\d{16}/.exec(name ?? "")?.[0] ?? Number.NaN);
    // What sorts before all digits lies before the first manifest; what sorts behind them is met each time.
    const block = Number.isSafeInteger(index) ? blockOf(index) : name !== null && name < "0" ? 0 : null;
    if (block === null) rest.push(one);
    else passed.set(block, [...(passed.get(block) ?? []), one]);
  }
  return [passed, rest];
}

async function recall(context: RoundContext, log: LogIdentity, remembered: RememberedLog): Promise<Recalled> {
  return recallHead(context.archive, log, remembered, keysOfHead(context.archive, log, remembered), context.signal);
}

/** What is wrong with the remembered head itself keeps it where it is, until someone answers for it. */
function hold(progress: HeadProgress, remembered: RememberedLog, { findings, gone }: Recalled): void {
  for (const one of findings) {
    progress.found(one);
    if (progress.holds(one)) progress.stay(one);
  }
  if (!gone) return;
  const missing = missingHead(remembered);
  if (progress.holds(missing)) progress.stay(missing);
}

function missingHead({ name, checkpoint: { size } }: RememberedLog): Finding {
  const index = size - 1;
  return finding("manifest.missing", name, `manifest ${index}, the last when the log was seen before, is missing`, { index });
}

async function walk(context: RoundContext, log: LogIdentity, progress: HeadProgress, window: LogWindow): Promise<WindowOutcome> {
  const { store, pool, now, signal, connections, stopped, onProgress } = context;
  const given = context.checkpoints.filter(({ origin }) => origin === log.origin);
  try {
    const outcome = await verifyWindow(store, log, window, {
      locks: false,
      content: false,
      now: now(),
      pool,
      signal,
      connections,
      checkpoints: window.first === 0 ? given : [],
      pause: stopped,
      found: (one) => {
        // Why the manifest before can't be had is told by itself.
        const unlinked = one.code === "log.unreadable" && one.index === window.first && window.before === null;
        if (!unlinked) progress.found(one);
      },
      onChecked: async (checked) => {
        await progress.met(checked);
        const { manifests, entries, bytes } = progress;
        onProgress({ round: "head", log: log.name, manifests, entries, bytes, totalManifests: null });
      },
    });
    await progress.finish();
    if (window.first > 0) {
      for (const one of await checkGiven(context.archive, log, given, signal)) progress.found(one);
    }
    return outcome;
  } finally {
    // Whatever ended it: what was passed in order need not be met again.
    progress.flush();
  }
}

interface Seen {
  readonly remembered: RememberedLog | null;
  readonly recalled: Recalled | null;
  readonly outcome: WindowOutcome;
}

/** What only the end of the walk tells: that the log is gone, cut off, empty or silent. */
async function conclude(context: RoundContext, log: LogIdentity, progress: HeadProgress, seen: Seen): Promise<void> {
  const { remembered, recalled, outcome } = seen;
  if (remembered !== null && recalled?.gone === true) {
    if (outcome.last !== null) progress.found(missingHead(remembered));
    else if (!outcome.endUnknown) await tellGone(context, log, progress, remembered);
  } else if (remembered !== null && recalled?.commit != null && recalled.findings.length > 0 && progress.stuckAt === null) {
    // Someone answers for the other history: from here on it is this log's.
    if (outcome.last === null) takeAsHead(context, log, recalled.commit, remembered);
  }
  const newest = outcome.last ?? recalled?.commit ?? null;
  if (newest === null) {
    if (remembered !== null || outcome.endUnknown || context.allowEmpty) return;
    // Of an archive of which nothing else is known, that would make an empty place sound.
    if (context.state.logs().length > 0 && (await hasJustBegun(context, log))) return;
    const message = "the log holds no manifest that its key has signed: an empty place is not a sound log";
    progress.found(finding("log.missing", log.name, message));
    return;
  }
  tellSilence(context, log, progress, newest);
  const { store, anchors, now, signal } = context;
  const options = { scope: "newest", locks: false, now: now(), signal } as const;
  const { notObservable } = await checkAnchors(store, log, newest, progress.keys, anchors, options, (one) => progress.found(one));
  context.notObservable(notObservable);
}

/** Whether the only object of a log is a description that was put just now: its writer is about to commit the first manifest. */
async function hasJustBegun(
  { store, freshMillis, now, signal, notObservable }: RoundContext,
  log: LogIdentity,
): Promise<boolean> {
  const objects: ObjectVersion[] = [];
  for await (const version of store.versions(logKey(log.name, ""), { limit: 2, signal })) {
    objects.push(version);
    // A first segment may be there, too; anything more is no beginning.
    if (objects.length > 2) return false;
  }
  const described = objects.some(({ key }) => key === logKey(log.name, LOG_DESCRIPTION_KEY));
  const fresh = objects.every(({ lastModified }) => now() - toMillis(lastModified) < freshMillis);
  if (!described || !fresh) return false;
  notObservable([`log ${log.name}: it was begun just now, and has no manifest yet`]);
  return true;
}

async function tellGone(
  context: RoundContext,
  log: LogIdentity,
  progress: HeadProgress,
  remembered: RememberedLog,
): Promise<void> {
  const { archive, signal } = context;
  try {
    const told = await tellTruncation(archive, log, remembered, keysOfHead(archive, log, remembered), signal);
    progress.found(told.finding);
    if (progress.holds(told.finding)) progress.stuckAt = told.finding;
    else if (told.head !== null) takeAsHead(context, log, told.head, remembered);
  } catch (error) {
    if (!isSteleError(error) || signal?.aborted === true) throw error;
    progress.found(finding("log.unreadable", log.name, `where the log ends can't be told: ${error.message}`));
  }
}

/** The head is set back, or into another history, because someone answers for that. */
function takeAsHead(context: RoundContext, log: LogIdentity, { manifest, checkpoint }: Commit, { keys }: RememberedLog): void {
  context.state.advanceHead({
    name: log.name,
    checkpoint,
    keys,
    sealed: manifest.sealed,
    nextBy: manifest.nextBy ?? null,
    closed: manifest.closed === true,
    seenAt: timestamp(context.now()),
  });
}

/** A log that promised its next manifest and does not bring it may have been silenced. */
function tellSilence(context: RoundContext, log: LogIdentity, progress: HeadProgress, { manifest }: Commit): void {
  const { nextBy, closed, sealed, index } = manifest;
  if (nextBy === undefined || closed === true || toMillis(nextBy) + context.graceMillis >= context.now()) return;
  const message = "the log promised another manifest by now, and none came: its writer stopped, or can't reach the store";
  progress.found(
    finding("log.silent", log.name, message, {
      expected: `manifest ${index + 1} by ${nextBy}`,
      actual: `manifest ${index}, of ${sealed}, is the last`,
    }),
  );
}

/** Those who look at entries are also told that the round is over: what does not come can be a matter, too. */
async function tellIdle(context: RoundContext, name: string, watch: EntryWatch): Promise<void> {
  const { alarms, notes } = await watch.idle(context.now());
  const head = context.state.log(name);
  if (head !== null) context.state.advanceHead(head, { alarms, notes });
  else context.state.raise(alarms);
}
