import type { SignedCheckpoint } from "../../core/checkpoint.ts";
import { SteleError } from "../../core/error.ts";
import { type Archive, logKeys, type LogIdentity, logOf } from "../archive.ts";
import { locateHead } from "../locate.ts";
import { Anchorer, type AnchorOutcome } from "./anchorer.ts";
import { type Anchoring, type AnchorLogOptions, policyOf } from "./anchoring.ts";
import { checkAnchors } from "./check.ts";

/** What became of a log's anchors. */
export interface LogAnchoring {
  readonly log: LogIdentity;
  /** What was anchored: the log's head. */
  readonly checkpoint: SignedCheckpoint;
  readonly outcomes: readonly AnchorOutcome[];
  /** Whether all that was asked for is there: enough witnesses, every authority, every second store. */
  readonly complete: boolean;
}

/**
 * Has a log's head anchored by all who are configured. What there is already for this head is not asked for again. One that
 * fails is reported, and does not keep the others.
 *
 * @throws SteleError `log.not-found` when the log has no manifest; `log.unsound` when it is behind an anchor, or another log
 *   than was anchored: then nobody outside is told that it is sound; `store.*`
 */
export async function anchorLog(
  archive: Archive,
  name: string,
  anchoring: Anchoring,
  options: AnchorLogOptions,
): Promise<LogAnchoring> {
  const { signal, now } = options;
  const { store } = archive;
  const log = logOf(archive, name);
  const { newest, keys } = await locateHead(store, log, logKeys(archive, log), signal);
  if (newest === null) {
    throw new SteleError("log.not-found", `log ${name} of ${archive.origin} has no manifest: there is nothing to anchor`);
  }
  const head = newest.commit;

  const wrong: string[] = [];
  const scope = { scope: "newest", locks: false, now: now(), signal } as const;
  const seen = await checkAnchors(store, log, head, keys, policyOf(anchoring, null), scope, ({ code, message }) => {
    if (code === "log.truncated" || code === "checkpoint.inconsistent") wrong.push(message);
  });
  // A log that was cut off or rewritten must not get a fresh anchor.
  if (wrong[0] !== undefined) {
    throw new SteleError("log.unsound", `log ${name}: ${wrong[0]}. Nothing was anchored; run "stele verify"`);
  }

  const anchorer = new Anchorer(archive, log, head, keys, options);
  const outcomes = await anchorer.all(anchoring, seen);
  const cosigned = outcomes.filter(({ kind, outcome }) => kind === "witness" && outcome !== "failed").length;
  const others = outcomes.filter(({ kind }) => kind !== "witness");
  const complete = cosigned >= anchoring.quorum && others.every(({ outcome }) => outcome !== "failed");
  return { log, checkpoint: head.checkpoint, outcomes, complete };
}
