import type { OpenFindings } from "../../alert/metrics.ts";
import { isUnreadable, type Severity } from "../../archive/finding.ts";
import { toMillis } from "../../core/time.ts";
import { blockOf } from "../../sweep/place.ts";
import { formatShard, WHOLE } from "../../sweep/shard.ts";
import type { SweepState } from "../../sweep/state/state.ts";

/** Findings that are open and that nobody answers for, by log and severity; what could not be read is counted by itself. */
export function openFindings({ ledger }: Pick<SweepState, "ledger">): {
  readonly wrong: readonly OpenFindings[];
  readonly unreadable: number;
} {
  const open = ledger.open().filter(({ acknowledged }) => acknowledged === null);
  const counts = new Map<string, { readonly log: string; readonly severity: Severity; count: number }>();
  for (const { log, severity } of open.filter((found) => !isUnreadable(found))) {
    const key = `${severity} ${log}`;
    const known = counts.get(key) ?? { log, severity, count: 0 };
    known.count++;
    counts.set(key, known);
  }
  return { wrong: [...counts.values()], unreadable: open.filter(isUnreadable).length };
}

/**
 * When the last pass of the locks round over any log began, whoever did it: a `stele sweep` by hand as well. null where a log
 * was never gone through.
 */
export function lastLocksPass(state: Pick<SweepState, "logs" | "lastPass">): number | null {
  const passes = state.logs().map(({ name }) => state.lastPass("locks", name, formatShard(WHOLE)));
  const begun = passes.flatMap((pass) => (pass === null ? [] : [toMillis(pass.startedAt)]));
  return begun.length === 0 || begun.length < passes.length ? null : Math.min(...begun);
}

/**
 * About when the byte was last read that waits the longest, over all logs: the content round goes through a log at an even
 * pace, so that what it comes to next was read as far into the pass before. null where nothing was ever read.
 */
export function oldestRead(state: Pick<SweepState, "logs" | "lastPass" | "pass">): number | null {
  const shard = formatShard(WHOLE);
  let oldest: number | null = null;
  for (const { name, checkpoint } of state.logs()) {
    const under = state.pass("content", name, shard);
    const last = state.lastPass("content", name, shard);
    const read = last === null ? null : { from: toMillis(last.startedAt), to: toMillis(last.finishedAt) };
    const blocks = blockOf(Math.max(0, checkpoint.size - 1)) + 1;
    const done = Math.min(1, (under?.nextBlock ?? 0) / blocks);
    const at = read === null ? (under === null ? null : toMillis(under.startedAt)) : read.from + (read.to - read.from) * done;
    if (at !== null) oldest = Math.min(at, oldest ?? at);
  }
  return oldest;
}
