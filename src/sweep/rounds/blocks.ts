import { type LogIdentity, logKeys, logOf } from "../../archive/archive.ts";
import { finding, isUnreadable } from "../../archive/finding.ts";
import { type OpenLog, openLog } from "../../archive/log-reader.ts";
import { type LogWindow, verifyWindow, windowAt } from "../../archive/verify/window.ts";
import { isSteleError } from "../../core/error.ts";
import { timestamp, toMillis } from "../../core/time.ts";
import { BLOCK_MANIFESTS, blockOf } from "../place.ts";
import type { RoundLogResult } from "../result.ts";
import { blocksOf, formatShard, nextOwned, ownsBlock } from "../shard.ts";
import type { Found } from "../state/found.ts";
import type { Pass } from "../state/passes.ts";
import type { BlockRoundName, RoundContext } from "./context.ts";
import { withEntries } from "./found.ts";
import { logResult, underWay } from "./log-result.ts";
import { dueManifests, expectedEnd, isTooSoon } from "./pace.ts";
import type { PolicyCheck } from "./policy.ts";
import { keysOfHead, type Recalled, recallHead } from "./remembered-head.ts";
import { sweepWholeLog } from "./whole-log.ts";

/** Blocks that could not be read the last time and are looked at again before the pass goes on, at most, in one sweep. */
const LOOKED_AT_AGAIN = 8;

/**
 * The locks or the content round over one log: goes on with the pass under way, or begins a new one, block after block, until it
 * is through or told to pause. What was checked is remembered manifest by manifest.
 *
 * @throws SteleError `sweep.*` when what was found can't be kept; the signal's reason
 */
export async function sweepBlocks(
  context: RoundContext,
  round: BlockRoundName,
  name: string,
  policy: PolicyCheck,
): Promise<RoundLogResult> {
  const log = logOf(context.archive, name);
  let opened: OpenLog | null;
  try {
    opened = await openOrNull(context, name);
  } catch (error) {
    if (!isSteleError(error) || error.code.startsWith("sweep.") || context.signal?.aborted === true) throw error;
    const unreadable = finding("log.unreadable", name, `the ${round} round can't open the log: ${error.message}`);
    context.onFinding(unreadable);
    context.state.settle(round, { log: name, block: null }, [unreadable], false);
    const pass = underWay(context.state.pass(round, name, formatShard(context.shard)));
    return logResult(context, name, unreadable.message, { pass });
  }
  const look = new BlockLook(context, round, log, opened, policy);
  return look.run();
}

/** null: the log has no manifest that its key has signed. */
async function openOrNull({ archive, signal }: RoundContext, name: string): Promise<OpenLog | null> {
  try {
    return await openLog(archive, name, signal);
  } catch (error) {
    if (isSteleError(error, "log.not-found", "log.key")) return null;
    throw error;
  }
}

interface Looked {
  readonly readable: boolean;
  readonly paused: boolean;
  readonly findings: readonly Found[];
}

class BlockLook {
  readonly #context: RoundContext;
  readonly #round: BlockRoundName;
  readonly #log: LogIdentity;
  readonly #opened: OpenLog | null;
  readonly #policy: PolicyCheck;
  readonly #shard: string;
  /** Manifests of the log, and blocks. */
  readonly #size: number;
  readonly #blocks: number;
  #manifests = 0;
  #entries = 0;
  #bytes = 0;
  #unreadable = false;
  #from: number | null = null;
  #to = 0;

  constructor(context: RoundContext, round: BlockRoundName, log: LogIdentity, opened: OpenLog | null, policy: PolicyCheck) {
    this.#context = context;
    this.#round = round;
    this.#log = log;
    this.#opened = opened;
    this.#policy = policy;
    this.#shard = formatShard(context.shard);
    this.#size = opened?.history.size ?? 0;
    this.#blocks = blocksOf(this.#size);
  }

  async run(): Promise<RoundLogResult> {
    const { state, shard } = this.#context;
    if (this.#isTooSoon()) {
      await this.#lookAgain({ nextBlock: Infinity });
      return this.#ended(true);
    }
    const pass = state.beginPass(this.#round, this.#log.name, this.#shard);
    if (await this.#lookAgain(pass)) return this.#ended(false);
    let block = nextOwned(shard, pass.nextBlock);
    for (; block < this.#blocks; block = nextOwned(shard, block + 1)) {
      const under = state.pass(this.#round, this.#log.name, this.#shard) ?? pass;
      if (this.#pausesBefore(under, 0)) return this.#ended(false);
      const looked = await this.#look(block, under);
      this.#from ??= block;
      this.#to = block + 1;
      if (looked.paused) {
        // What was checked is remembered; what was found beside opens now, and nothing is closed before all was seen.
        state.settle(this.#round, { log: this.#log.name, block }, looked.findings, false);
        return this.#ended(false);
      }
      state.finishBlock(under, block, looked.findings, looked.readable);
      if (!looked.readable) this.#unreadable = true;
    }
    await this.#lookAtWhole();
    state.finishPass(pass);
    return this.#ended(true);
  }

  /** What could not be read and lies behind the pass is not to wait for the next one. @returns whether it paused */
  async #lookAgain({ nextBlock }: Pick<Pass, "nextBlock">): Promise<boolean> {
    const { state, shard } = this.#context;
    const open = state.ledger.open(this.#log.name).filter((one) => isUnreadable(one) && one.acknowledged === null);
    if (open.some(({ places }) => places.some(({ block, rounds }) => block === null && rounds.includes(this.#round)))) {
      await this.#lookAtWhole();
    }
    const blocks = new Set(
      open
        .flatMap(({ places }) => places)
        .filter(({ rounds }) => rounds.includes(this.#round))
        .flatMap(({ block }) => (block !== null && block < nextBlock && ownsBlock(shard, block) ? [block] : [])),
    );
    // Of a log that is shorter than it was, the pass may be behind the end: that is looked at, and not taken for done.
    const last = this.#blocks - 1;
    const isShorter = (state.log(this.#log.name)?.checkpoint.size ?? 0) > this.#size;
    if (isShorter && nextBlock > last && ownsBlock(shard, last)) blocks.add(last);
    for (const block of [...blocks].sort((a, b) => a - b).slice(0, LOOKED_AT_AGAIN)) {
      if (this.#haltsNow()) return true;
      if (block >= this.#blocks) return false;
      const { findings, readable, paused } = await this.#look(block, null);
      state.settle(this.#round, { log: this.#log.name, block }, findings, readable && !paused);
      if (!readable) this.#unreadable = true;
      if (paused) return true;
    }
    return false;
  }

  async #lookAtWhole(): Promise<void> {
    if (!(await sweepWholeLog(this.#context, this.#round, this.#log, this.#opened))) this.#unreadable = true;
  }

  /** @param pass remembers what was checked, manifest by manifest; null: the block is looked at as a whole, or again */
  async #look(block: number, pass: Pass | null): Promise<Looked> {
    const { state, store, pool, signal, connections, now } = this.#context;
    const findings: Found[] = [];
    const found = (one: Found): void => {
      findings.push(one);
      this.#context.onFinding(one);
    };
    const isLast = block === this.#blocks - 1;
    const remembered = state.log(this.#log.name)?.checkpoint ?? null;
    let window: LogWindow;
    let recalled: Recalled | null;
    try {
      window = await this.#window(block, isLast);
      recalled = await this.#recall(block);
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      const what = `manifest ${block * BLOCK_MANIFESTS - 1}, before the block, or the one that was last seen`;
      found(finding("log.unreadable", this.#log.name, `${what} can't be read: ${error.message}`));
      return { findings, readable: false, paused: false };
    }
    // Another history may be signed from end to end: whoever looks at where the head was seen sees that it is not that head.
    if (recalled?.commit != null) recalled.findings.forEach(found);
    // One that is older than the window would have to be signed by keys that may be retired in it.
    const isBehind = remembered !== null && remembered.size > block * BLOCK_MANIFESTS;
    const holds = isLast && isBehind && recalled?.commit == null ? [remembered] : [];
    const done = pass === null ? new Set<number>() : pass.done;
    let checked = done.size;
    const outcome = await verifyWindow(store, this.#log, window, {
      locks: this.#round === "locks",
      content: this.#round === "content",
      now: now(),
      pool,
      signal,
      connections,
      checkpoints: holds,
      freshMillis: this.#context.freshMillis,
      skip: (index) => done.has(index),
      pause: () => (pass === null ? this.#haltsNow() : this.#pausesBefore(pass, checked)),
      onChecked: ({ commit, findings: seen, entries, bytes }) => {
        checked++;
        this.#manifests++;
        this.#entries += entries;
        this.#bytes += bytes;
        const all = [...seen, ...this.#policy.judge(this.#log, commit, seen, now())].map((one) => withEntries(one, commit));
        // What could not be read is not checked: it is asked for again when the block is gone on with.
        if (pass === null || all.some(isUnreadable)) all.forEach(found);
        else {
          all.forEach(this.#context.onFinding);
          state.checked(pass, commit.manifest.index, all);
        }
        this.#tellProgress();
      },
      found,
    });
    this.#policy.clear();
    // Of a log that is shorter than it was, what is not found any more may only be out of sight.
    const behind = remembered !== null && remembered.size > this.#size;
    const readable = !findings.some(isUnreadable) && !outcome.endUnknown && !(isLast && behind);
    return { findings, readable, paused: outcome.paused };
  }

  /** The remembered head, where it lies in the block. @throws SteleError `store.*` */
  async #recall(block: number): Promise<Recalled | null> {
    const { archive, state, signal } = this.#context;
    const remembered = state.log(this.#log.name);
    if (remembered === null || remembered.checkpoint.size === 0 || blockOf(remembered.checkpoint.size - 1) !== block) return null;
    return recallHead(archive, this.#log, remembered, keysOfHead(archive, this.#log, remembered), signal);
  }

  async #window(block: number, isLast: boolean): Promise<LogWindow> {
    const { archive } = this.#context;
    const first = block * BLOCK_MANIFESTS;
    if (this.#opened === null) return { first: 0, end: null, before: null, keys: logKeys(archive, this.#log) };
    return windowAt(this.#opened, first, isLast ? null : first + BLOCK_MANIFESTS);
  }

  #isTooSoon(): boolean {
    const { state, paceMillis, now } = this.#context;
    if (this.#round !== "content" || paceMillis === null) return false;
    if (state.pass(this.#round, this.#log.name, this.#shard) !== null) return false;
    const last = state.lastPass(this.#round, this.#log.name, this.#shard);
    return last !== null && isTooSoon(toMillis(last.startedAt), now(), paceMillis);
  }

  /** @param checked manifests of the block under way that are done */
  #pausesBefore(pass: Pass, checked: number): boolean {
    const { paceMillis, now } = this.#context;
    if (this.#haltsNow()) return true;
    if (this.#round !== "content" || paceMillis === null) return false;
    const done = this.#owned(pass.nextBlock) + checked;
    return done >= dueManifests(this.#owned(this.#blocks), toMillis(pass.startedAt), now(), paceMillis);
  }

  #haltsNow(): boolean {
    return this.#context.stopped() || this.#context.spent();
  }

  /** Manifests of this shard's blocks before `block`. */
  #owned(block: number): number {
    const { i, n } = this.#context.shard;
    const before = Math.min(block, this.#blocks);
    const full = Math.max(0, Math.ceil((before - (i - 1)) / n)) * BLOCK_MANIFESTS;
    const missing =
      before === this.#blocks && ownsBlock({ i, n }, this.#blocks - 1) ? this.#blocks * BLOCK_MANIFESTS - this.#size : 0;
    return full - missing;
  }

  #tellProgress(): void {
    this.#context.onProgress({
      round: this.#round,
      log: this.#log.name,
      manifests: this.#manifests,
      entries: this.#entries,
      bytes: this.#bytes,
      totalManifests: this.#owned(this.#blocks),
    });
  }

  #ended(through: boolean): RoundLogResult {
    const { state, now, paceMillis } = this.#context;
    const name = this.#log.name;
    const pass = state.pass(this.#round, name, this.#shard);
    const looked =
      this.#from === null
        ? {}
        : {
            blocks: { first: this.#from, end: this.#to },
            manifests: {
              first: this.#from * BLOCK_MANIFESTS,
              end: Math.max(this.#from * BLOCK_MANIFESTS, Math.min(this.#to * BLOCK_MANIFESTS, this.#size)),
            },
            entries: this.#entries,
            bytes: this.#bytes,
            checked: this.#manifests,
          };
    if (through) {
      const last = state.lastPass(this.#round, name, this.#shard);
      const finished = last === null ? null : { started: last.startedAt, finished: last.finishedAt, nextBlock: this.#blocks };
      return logResult(this.#context, name, this.#unreadable ? "not everything could be read" : null, {
        ...looked,
        pass: finished,
      });
    }
    const total = this.#owned(this.#blocks);
    const done = pass === null ? 0 : this.#owned(pass.nextBlock) + pass.done.size;
    const begun = pass === null ? now() : toMillis(pass.startedAt);
    const end = expectedEnd(done, total, begun, now(), this.#round === "content" ? paceMillis : null);
    const when = end === null ? "it goes on from there with the next sweep" : `at this pace all will be by ${timestamp(end)}`;
    return logResult(this.#context, name, `${done} of ${total} manifests are done; ${when}`, { ...looked, pass: underWay(pass) });
  }
}
