import type { Archive } from "../archive/archive.ts";
import { type Verdict, verdict } from "../archive/finding.ts";
import { toBase64 } from "../core/bytes.ts";
import { logOrigin } from "../core/layout.ts";
import type { RoundResult, Standing, SweptFinding, SweptLog } from "./result.ts";
import type { Episode } from "./state/ledger.ts";
import type { RememberedLog } from "./state/remembered-logs.ts";
import type { SweepState } from "./state/state.ts";

/** What all that is open adds up to, but for what someone answers for. */
export function currentVerdict({ ledger }: SweepState): Verdict {
  return verdict(ledger.open().filter(({ acknowledged }) => acknowledged === null));
}

/**
 * Findings as a sweep leaves them: new ones first, then those that are still open, then those that are gone.
 * @param before what was open when it began, by episode
 * @param seen ids of what it met
 */
export function sweptFindings(
  { ledger }: SweepState,
  before: ReadonlyMap<number, Episode>,
  seen: ReadonlySet<string>,
): SweptFinding[] {
  const after = ledger.open();
  const left = new Set(after.map(({ episode }) => episode));
  const as = (standing: Standing, episodes: readonly Episode[]): SweptFinding[] =>
    episodes.map((one) => swept(one, standing, seen.has(one.id)));
  return [
    ...as(
      "new",
      after.filter(({ episode }) => !before.has(episode)),
    ),
    ...as(
      "open",
      after.filter(({ episode }) => before.has(episode)),
    ),
    ...as(
      "gone",
      [...before.values()].filter(({ episode }) => !left.has(episode)),
    ),
  ];
}

function swept(found: Episode, standing: Standing, seen: boolean): SweptFinding {
  const { id, code, severity, log, object, versionId, index, message, expected, actual } = found;
  const { entries, firstSeen, lastSeen, acknowledged } = found;
  return {
    id,
    code,
    severity,
    log,
    object,
    versionId,
    index,
    message,
    expected,
    actual,
    entries,
    firstSeen,
    lastSeen,
    standing,
    seen: seen && standing !== "gone",
    acknowledged,
  };
}

/** The logs as all rounds together saw them: of entries and bytes, what the round that goes deepest has checked. */
export function sweptLogs(
  archive: Archive,
  names: readonly string[],
  rounds: readonly RoundResult[],
  remembered: (name: string) => RememberedLog | null,
): SweptLog[] {
  return names.map((log) => {
    const parts = rounds.flatMap(({ logs }) => logs.filter((one) => one.log === log));
    const deepest = parts.at(-1);
    const head = remembered(log);
    return {
      log,
      origin: logOrigin(archive.origin, log),
      manifests: Math.max(0, ...parts.map(({ checked }) => checked)),
      entries: deepest?.entries ?? 0,
      bytes: deepest?.bytes ?? 0,
      head: head === null ? null : { size: head.checkpoint.size, root: toBase64(head.checkpoint.root) },
      keyPinned: archive.keyPinned,
    };
  });
}
