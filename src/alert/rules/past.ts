import type { Archive, LogIdentity } from "../../archive/archive.ts";
import { openLog, readEntries } from "../../archive/log-reader.ts";
import { manifestOfEntry, proveEntry, proveIn } from "../../archive/prove.ts";
import type { EntryRange } from "../../archive/range.ts";
import type { Commit } from "../../core/commit.ts";
import { entryEnds, entryLeaves } from "../../core/entries.ts";
import { SteleError } from "../../core/error.ts";
import type { SteleProof } from "../../core/stele-proof.ts";
import type { Timestamp } from "../../core/time.ts";
import type { Alarm } from "../../sweep/alarm.ts";
import { type AlarmLimits, alarmsOf } from "./evaluate.ts";
import type { RuleMemory } from "./memory.ts";
import type { RuleSet } from "./rule-set.ts";

/** Nobody is woken by these: all are told. */
const ALL: AlarmLimits = { perRule: Number.POSITIVE_INFINITY, chars: Number.POSITIVE_INFINITY };

/**
 * Asks rules about archived entries, each verified before, up to the head that the log has now.
 * @throws as {@link readEntries} does
 */
export async function* pastAlarms(
  archive: Archive,
  log: LogIdentity,
  rules: RuleSet,
  memory: RuleMemory,
  range: EntryRange,
): AsyncGenerator<{ readonly at: Timestamp; readonly alarms: readonly Alarm[] }, void, undefined> {
  const opened = await openLog(archive, log.name);
  const { head, history } = opened;
  let commit: Commit | null = null;
  for await (const { first, count, bytes } of readEntries(archive, log.name, range)) {
    if (first >= endOf(head)) return;
    if (commit === null) commit = await holding(first, await manifestOfEntry(history, first));
    else if (first >= endOf(commit)) commit = await holding(first, commit.manifest.index + 1);
    const { manifest } = commit;
    const within = commit;
    const ends = entryEnds(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    const whole = first === manifest.entries.first && count === manifest.entries.count;
    let leaves: ReturnType<typeof entryLeaves> | null = null;
    const prove = async (index: number): Promise<SteleProof> => {
      if (!whole) return proveEntry(archive, log.name, index);
      const raw = new Uint8Array(bytes);
      leaves ??= entryLeaves(raw, ends);
      return proveIn(opened, within, { raw, ends, leaves }, index);
    };
    const scene = { origin: archive.origin, log, at: manifest.sealed };
    const entries = { manifest, first, raw: bytes, ends, prove };
    yield { at: manifest.sealed, alarms: await alarmsOf(rules, scene, entries, memory, ALL) };
  }

  /** The manifest that holds entry `index`, from manifest `at` on: a range may leave some out. */
  async function holding(index: number, at: number): Promise<Commit> {
    for (let next = at; next < history.size; next++) {
      const found = await history.commit(next);
      if (index < endOf(found)) return found;
    }
    throw new SteleError("log.unsound", `log ${log.name}: no manifest holds entry ${index}`);
  }
}

function endOf({ manifest }: Commit): number {
  return manifest.entries.first + manifest.entries.count;
}
