import type { AnchorPolicy } from "../archive/anchor/anchoring.ts";
import { NO_POLICY } from "../archive/anchor/anchoring.ts";
import type { Archive } from "../archive/archive.ts";
import type { Finding } from "../archive/finding.ts";
import { SegmentPool } from "../archive/segment/pool.ts";
import type { SignedCheckpoint } from "../core/checkpoint.ts";
import { parseLogName } from "../core/layout.ts";
import { type Timestamp, timestamp } from "../core/time.ts";
import { findingId } from "./alarm.ts";
import type { BandwidthOptions } from "./bandwidth.ts";
import { DEFAULT_CONTENT_DAYS, DEFAULT_GRACE_MS, type LockPolicy } from "./config.ts";
import { costSince, requestsOf } from "./cost.ts";
import { MeteredStore } from "./metered-store.ts";
import type { EntryObserver } from "./observer.ts";
import { type RoundName, ROUNDS } from "./place.ts";
import type { RoundLogResult, RoundResult, SweepResult } from "./result.ts";
import { type ArchiveView, sweepArchive, viewArchive } from "./rounds/archive-round.ts";
import { sweepBlocks } from "./rounds/blocks.ts";
import type { RoundContext, RoundProgress } from "./rounds/context.ts";
import { sweepHead } from "./rounds/head.ts";
import { logResult } from "./rounds/log-result.ts";
import { notObservable } from "./rounds/not-observable.ts";
import { PolicyCheck } from "./rounds/policy.ts";
import { formatShard, ownsLog, type Shard, WHOLE } from "./shard.ts";
import { currentVerdict, sweptFindings, sweptLogs } from "./swept.ts";
import type { SweepState } from "./state/state.ts";

export interface SweepOptions {
  /** What is remembered from sweep to sweep, and where findings, alarms and reports go. */
  readonly state: SweepState;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Default: all three, in their order. */
  readonly rounds?: readonly RoundName[] | undefined;
  /** Default: every log that has objects or is remembered. */
  readonly logs?: readonly string[] | undefined;
  /** Which part of the work is this sweep's. Default: all of it. */
  readonly shard?: Shard | undefined;
  /** Who looks at events as the head round meets them. */
  readonly observers?: readonly EntryObserver[] | undefined;
  /** Checkpoints seen before, of any of the logs. */
  readonly checkpoints?: readonly SignedCheckpoint[] | undefined;
  /** What the locks and content rounds may use; the head round is always done. `auto`: what is due by {@link contentDays}. */
  readonly budget?: { readonly bytes?: number | "auto" | undefined; readonly requests?: number | undefined } | undefined;
  /** Default {@link DEFAULT_CONTENT_DAYS}. */
  readonly contentDays?: number | undefined;
  /** Bytes a second that are read at most. */
  readonly bandwidth?: number | undefined;
  /** Objects asked for at a time. */
  readonly connections?: number | undefined;
  /** What locks must be beyond what a log promised. */
  readonly policy?: LockPolicy | undefined;
  /** How much later than promised a manifest may come, in milliseconds. Default {@link DEFAULT_GRACE_MS}. */
  readonly graceMillis?: number | undefined;
  /** A segment that no manifest names yet and that is younger than this, in milliseconds, is a writer's at work. Default: 15 minutes. */
  readonly freshMillis?: number | undefined;
  /** Whether an archive or a log that holds nothing is as it should be. */
  readonly allowEmpty?: boolean | undefined;
  /** Whose anchors are believed, and which are demanded. */
  readonly anchors?: AnchorPolicy | undefined;
  /** Which process on which machine; stands in reports. */
  readonly sweeper?: string | undefined;
  /** Threads that hash and decompress. */
  readonly threads?: number | undefined;
  /** Begins nothing new once it aborts: what was begun is finished and remembered. */
  readonly stop?: AbortSignal | undefined;
  /** Ends at once when it aborts, by throwing its reason. What was finished is remembered. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RoundProgress) => void) | undefined;
  /** Each finding once, as it is met; whether it is new stands in the result. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** For the bandwidth limit. */
  readonly timing?: BandwidthOptions | undefined;
}

const NOT_ASKED: Readonly<Record<RoundName, string>> = {
  head: "what came since the last head round: not asked of this sweep",
  locks: "locks and other versions: not asked of this sweep",
  content: "content: not asked of this sweep",
};
const DAY = 86_400_000;
const FRESH_MS = 15 * 60_000;

/**
 * Sweeps an archive: the rounds that are asked for, over all its logs, going on where earlier sweeps stopped. What it finds, what it
 * has seen, and whom to tell is kept in the state; a kill at any point loses none of it. A log that can't be read stops no other.
 *
 * @throws SteleError `sweep.*` when what was found can't be kept; the signal's reason
 */
export async function sweep(archive: Archive, options: SweepOptions): Promise<SweepResult> {
  const { state, now, rounds = ROUNDS, shard = WHOLE, sweeper = "" } = options;
  const started = timestamp(now());
  const before = new Map(state.ledger.open().map((one) => [one.episode, one]));
  const seen = new Set<string>();
  const notSeen = new Set<string>();
  const policy = new PolicyCheck(options.policy ?? {});
  await using pool = new SegmentPool(options.threads);
  const { context, store } = makeContext(archive, options, { pool, seen, notSeen, policy });
  state.beginSweep();
  const view = await viewArchive(context, options.logs?.map(parseLogName));
  const first = view.logs.filter((name) => state.log(name) === null);
  const done: RoundResult[] = [];
  let archiveRead = true;
  let spentBefore = store.cost();
  for (const round of ROUNDS.filter((one) => rounds.includes(one))) {
    const begun = timestamp(now());
    if (!context.stopped() && !(await sweepArchive(context, round, view, options.logs === undefined))) archiveRead = false;
    const logs = await sweepRound(context, round, view, policy);
    const cost = store.cost();
    const result = { round, started: begun, ended: timestamp(now()), cost: costSince(cost, spentBefore), logs };
    spentBefore = cost;
    done.push(result);
    for (const what of notObservable(context, round, { first, all: options.logs === undefined })) notSeen.add(what);
    state.report({
      sweeper,
      round,
      shard: formatShard(shard),
      started: begun,
      ended: result.ended,
      verdict: currentVerdict(state),
      logs,
      requests: requestsOf(result.cost),
      bytes: result.cost.bytesRead,
      notObservable: [...notSeen],
    });
  }
  for (const round of ROUNDS) if (!rounds.includes(round)) notSeen.add(NOT_ASKED[round]);
  if (rounds.includes("head") && !context.stopped()) state.forgetHeld();
  state.endSweep();
  return {
    verdict: currentVerdict(state),
    complete: archiveRead && done.every(({ logs }) => logs.every(({ complete }) => complete)),
    origin: archive.origin,
    shard: formatShard(shard),
    started,
    ended: timestamp(now()),
    logs: sweptLogs(archive, view.logs, done, (name) => state.log(name)),
    rounds: done,
    findings: sweptFindings(state, before, seen),
    notObservable: [...notSeen],
    cost: store.cost(),
  };
}

interface Parts {
  readonly pool: SegmentPool;
  readonly seen: Set<string>;
  readonly notSeen: Set<string>;
  readonly policy: PolicyCheck;
}

function makeContext(archive: Archive, options: SweepOptions, parts: Parts): { context: RoundContext; store: MeteredStore } {
  const { budget = {}, contentDays = DEFAULT_CONTENT_DAYS, stop, onFinding, onProgress } = options;
  const { seen, notSeen, policy } = parts;
  const store = new MeteredStore(archive.store, {
    ...options.timing,
    budget: { bytes: budget.bytes === "auto" ? undefined : budget.bytes, requests: budget.requests },
    bandwidth: options.bandwidth,
    onLock: (key, versionId, lock) => policy.saw(key, versionId, lock),
  });
  const { origin, description, keys, keyPinned } = archive;
  // Where the description that names keys of single logs is gone, those that were seen in force still are.
  const remembered = description === null ? options.state.logs().flatMap((log) => log.keys) : [];
  let worked = false;
  const context: RoundContext = {
    archive: { store, origin, description, keys: [...keys, ...remembered], keyPinned },
    store,
    state: options.state,
    pool: parts.pool,
    shard: options.shard ?? WHOLE,
    observers: options.observers ?? [],
    checkpoints: options.state.keepCheckpoints(options.checkpoints ?? []),
    policy: options.policy ?? {},
    anchors: options.anchors ?? NO_POLICY,
    graceMillis: options.graceMillis ?? DEFAULT_GRACE_MS,
    allowEmpty: options.allowEmpty === true,
    freshMillis: options.freshMillis ?? FRESH_MS,
    connections: options.connections,
    paceMillis: budget.bytes === "auto" ? contentDays * DAY : null,
    now: options.now,
    stopped: () => stop?.aborted === true,
    // However small the budget is: with each sweep the rounds get on.
    spent: () => worked && store.spent(),
    signal: options.signal,
    onFinding: (finding) => {
      const id = findingId(origin, finding);
      if (seen.has(id)) return;
      seen.add(id);
      onFinding?.(finding);
    },
    onProgress: (progress) => {
      worked ||= progress.round !== "head";
      onProgress?.(progress);
    },
    notObservable: (what) => what.forEach((one) => notSeen.add(one)),
  };
  return { context, store };
}

async function sweepRound(
  context: RoundContext,
  round: RoundName,
  view: ArchiveView,
  policy: PolicyCheck,
): Promise<RoundLogResult[]> {
  const names =
    round === "head" ? view.logs.filter((name) => ownsLog(context.shard, name)) : oldestFirst(context, round, view.logs);
  const logs: RoundLogResult[] = [];
  for (const name of names) {
    if (context.stopped()) logs.push(notReached(context, name, "stopped"));
    else if (round !== "head" && context.spent()) logs.push(notReached(context, name, "the budget was used up"));
    else logs.push(await (round === "head" ? sweepHead(context, name) : sweepBlocks(context, round, name, policy)));
  }
  return logs.sort((a, b) => (a.log < b.log ? -1 : 1));
}

/** Where not all can be done, the log goes first whose going through began longest ago, and before it those that never were. */
function oldestFirst({ state, shard }: RoundContext, round: RoundName, names: readonly string[]): string[] {
  const begun = (name: string): Timestamp | "" => {
    const place = [round, name, formatShard(shard)] as const;
    return (state.pass(...place) ?? state.lastPass(...place))?.startedAt ?? "";
  };
  return names
    .map((name) => ({ name, at: begun(name) }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    .map(({ name }) => name);
}

function notReached(context: RoundContext, name: string, because: string): RoundLogResult {
  return logResult(context, name, `${because} before it was reached: it comes first in the next sweep`);
}
