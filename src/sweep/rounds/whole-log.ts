import { type LogIdentity, logKeys } from "../../archive/archive.ts";
import { checkAnchors } from "../../archive/anchor/check.ts";
import { type Finding, isUnreadable } from "../../archive/finding.ts";
import type { OpenLog } from "../../archive/log-reader.ts";
import { LOG_DESCRIPTION_KEY, logKey } from "../../core/layout.ts";
import { ownsLog } from "../shard.ts";
import { describe } from "./archive-round.ts";
import type { BlockRoundName, RoundContext } from "./context.ts";

/**
 * What a pass over a log's blocks looks at once: its description, its anchors, and their locks.
 * @returns whether all of it could be read
 */
export async function sweepWholeLog(
  context: RoundContext,
  round: BlockRoundName,
  log: LogIdentity,
  opened: OpenLog | null,
): Promise<boolean> {
  const { archive, store, state, shard, anchors, now, signal, onFinding } = context;
  if (opened === null) return true;
  if (!ownsLog(shard, log.name)) {
    openedAfterAll(context, round, log.name);
    return true;
  }
  const findings: Finding[] = [];
  if (round === "locks") {
    const described = {
      key: logKey(log.name, LOG_DESCRIPTION_KEY),
      kind: "log",
      keys: logKeys(archive, log),
      log: log.name,
      origin: log.origin,
    } as const;
    findings.push(...(await describe(context, round, described)).findings);
  }
  const seen = await checkAnchors(
    store,
    log,
    opened.head,
    opened.located.keys,
    anchors,
    { scope: "all", locks: round === "locks", now: now(), signal },
    (one) => findings.push(one),
  );
  context.notObservable(seen.notObservable);
  findings.forEach(onFinding);
  const readable = !findings.some(isUnreadable);
  state.settle(round, { log: log.name, block: null }, findings, readable);
  return readable;
}

/** That this shard could not open the log is over; what else there is of the log as a whole is another's to look at. */
function openedAfterAll({ state }: RoundContext, round: BlockRoundName, name: string): void {
  const others = state.ledger
    .open(name)
    .filter(({ places }) => places.some(({ block, rounds }) => block === null && rounds.includes(round)))
    .filter(({ code }) => code !== "log.unreadable");
  state.settle(round, { log: name, block: null }, others, true);
}
