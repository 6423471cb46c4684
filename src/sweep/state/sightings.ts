import { type Finding, isUnreadable } from "../../archive/finding.ts";
import { ANCHORS_PREFIX, logKey, SEGMENTS_PREFIX } from "../../core/layout.ts";
import type { Timestamp } from "../../core/time.ts";
import { findingId } from "../alarm.ts";
import { tidy, tidyKey } from "../finding-record.ts";
import { blockOf, type Place, type RoundName } from "../place.ts";
import type { Changes } from "./changes.ts";
import type { Database } from "./database.ts";
import type { Found } from "./found.ts";
import { isAlarming } from "./finding-alarms.ts";
import { type Episode, type Ledger, WHOLE_LOG } from "./ledger.ts";
import type { Telling } from "./telling.ts";

/** A look at a place, when it is over. */
export interface Look {
  readonly findings: readonly Found[];
  /** Ids of what an earlier part of the same look found. */
  readonly earlier?: ReadonlySet<string> | undefined;
  /** Whether all of the place could be read. */
  readonly readable: boolean;
  /** Manifests, end exclusive, that the head round walked. */
  readonly covered?: { readonly first: number; readonly end: number } | undefined;
  readonly now: Timestamp;
}

/** How long closed episodes are kept, in milliseconds. */
export const CLOSED_KEPT_MILLIS: number = 90 * 86_400_000;
/** What the head round finds and a round over blocks looks at as well. */
const SEEN_BY_ALL = /^(?:manifest|chain|checkpoint|object|log)\./;

/**
 * Opens findings where something is seen, and closes them where a later look that could read everything no longer sees it.
 * What can't be read closes nothing.
 */
export class Sightings {
  readonly #db: Database;
  readonly #ledger: Ledger;
  readonly #telling: Telling;
  readonly #changes: Changes;
  readonly #origin: string;

  constructor(db: Database, ledger: Ledger, telling: Telling, changes: Changes, origin: string) {
    this.#db = db;
    this.#ledger = ledger;
    this.#telling = telling;
    this.#changes = changes;
    this.#origin = origin;
  }

  /**
   * Something was found. Nothing is closed.
   * @returns the ids of what was found
   */
  sight(round: RoundName, place: Place, findings: readonly Found[], now: Timestamp): Set<string> {
    const ids = new Set<string>();
    for (const found of findings) {
      const id = findingId(this.#origin, found);
      this.#sightOne(id, found, now);
      this.#db.run(
        "INSERT OR IGNORE INTO sightings (finding, log, block, round) VALUES (?, ?, ?, ?)",
        id,
        place.log,
        filedUnder(place, found),
        round,
      );
      ids.add(id);
    }
    return ids;
  }

  /** A look at a place is over: what it found is open, and what it no longer finds there is closed. */
  look(round: RoundName, place: Place, { findings, earlier = new Set(), readable, covered, now }: Look): void {
    const found = new Set([...earlier, ...this.sight(round, place, findings, now)]);
    const couldTell = readable && [...found].every((id) => !this.#isUnreadable(id));
    if (!couldTell) return;
    if (place.block !== null) this.#clear(this.#seenAt(round, place.log, place.block), found, now);
    else this.#clear(this.#seenAt(round, place.log, WHOLE_LOG), found, now);
    if (place.block === null && covered !== undefined && covered.end > covered.first) {
      this.#clear(this.#seenByHead(place.log, covered), found, now);
    }
  }

  #sightOne(id: string, found: Found, now: Timestamp): void {
    const content = JSON.stringify(contentOf(found));
    const before = this.#ledger.find(id);
    if (before === null) {
      this.#db.run(
        "INSERT INTO findings (id, finding, log, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)",
        id,
        content,
        found.log,
        now,
        now,
      );
    } else {
      // A clock that was set back takes nothing back.
      const lastSeen = now > before.lastSeen ? now : before.lastSeen;
      this.#db.run("UPDATE findings SET finding = ?, last_seen = ? WHERE episode = ?", content, lastSeen, before.episode);
    }
    const after = this.#ledger.find(id);
    if (after === null) throw new Error("a finding that was written is not there");
    if (before === null) this.#changes.add("opened", after.episode);
    if (before === null || (before.told === null && !isAlarming(before))) this.#telling.opened(after, now);
  }

  /** Sightings of a place that a look by `round` can take back. */
  #seenAt(round: RoundName, log: string, block: number): Sighting[] {
    const rows = this.#db.all("SELECT finding, round FROM sightings WHERE log = ? AND block = ?", log, block);
    const seen = new Map<string, { finding: string; rounds: string[] }>();
    for (const row of rows) {
      const finding = row.text("finding");
      const rounds = [...(seen.get(finding)?.rounds ?? []), row.text("round")];
      seen.set(finding, { finding, rounds });
    }
    return [...seen.values()]
      .filter(({ finding, rounds }) => {
        if (block === WHOLE_LOG && rounds.includes("head") && this.#isOfAnchor(finding)) return round !== "head";
        return rounds.includes(round) || (rounds.includes("head") && block !== WHOLE_LOG && this.#sees(round, finding));
      })
      .map(({ finding }) => ({ finding, log, block }));
  }

  /** Sightings of the head round at manifests that it has walked again. */
  #seenByHead(log: string, { first, end }: { readonly first: number; readonly end: number }): Sighting[] {
    const rows = this.#db.all(
      "SELECT finding, block FROM sightings WHERE log = ? AND block BETWEEN ? AND ? AND round = 'head'",
      log,
      blockOf(first),
      blockOf(end - 1),
    );
    return rows
      .map((row) => ({ finding: row.text("finding"), log, block: row.number("block") }))
      .filter(({ finding }) => {
        const index = this.#ledger.find(finding)?.index ?? null;
        return index !== null && index >= first && index < end;
      });
  }

  #clear(sightings: readonly Sighting[], found: ReadonlySet<string>, now: Timestamp): void {
    for (const { finding, log, block } of sightings) {
      if (found.has(finding)) continue;
      this.#db.run("DELETE FROM sightings WHERE finding = ? AND log = ? AND block = ?", finding, log, block);
      const left = this.#db.get("SELECT count(*) AS n FROM sightings WHERE finding = ?", finding)?.number("n");
      const open = this.#ledger.find(finding);
      if (left === 0 && open !== null) this.#close(open, now);
    }
  }

  #close(found: Episode, now: Timestamp): void {
    this.#db.run("UPDATE findings SET closed_at = ? WHERE episode = ?", now, found.episode);
    this.#changes.add("closed", found.episode);
    this.#telling.closed(found, now);
  }

  #isUnreadable(id: string): boolean {
    const found = this.#ledger.find(id);
    return found !== null && isUnreadable(found);
  }

  /**
   * Whether a round over blocks would see what the head round saw there. A checkpoint that someone remembers and that is no
   * manifest's is held against the log by the head round alone; segments are read by the content round.
   */
  #sees(round: RoundName, id: string): boolean {
    const found = this.#ledger.find(id);
    if (found === null) return false;
    if (found.code.startsWith("segment.") || isOfSegment(found)) return round === "content";
    if (found.code.startsWith("checkpoint.") && found.object === null) return false;
    return SEEN_BY_ALL.test(found.code);
  }

  /** The head round looks at the newest anchors only: that it does not find an older one again says nothing of it. */
  #isOfAnchor(id: string): boolean {
    const found = this.#ledger.find(id);
    if (found?.code !== "anchor.bad" && found?.code !== "object.stray") return false;
    return found.object?.startsWith(logKey(found.log, ANCHORS_PREFIX)) === true;
  }

  /** Forgets episodes that were closed long ago and stand in a report. */
  forget(before: Timestamp): void {
    this.#db.run("DELETE FROM findings WHERE closed_at < ? AND episode NOT IN (SELECT episode FROM changes)", before);
  }
}

interface Sighting {
  readonly finding: string;
  readonly log: string;
  readonly block: number;
}

/** A chain that a segment's entries do not lead to is only seen by who reads them. */
function isOfSegment({ code, log, object }: Finding): boolean {
  return code === "chain.broken" && object?.startsWith(logKey(log, SEGMENTS_PREFIX)) === true;
}

function filedUnder(place: Place, { index }: Finding): number {
  if (place.block !== null) return place.block;
  return place.log === "" || index === null ? WHOLE_LOG : blockOf(index);
}

function contentOf(found: Found): object {
  const orNull = (said: string | null): string | null => (said === null ? null : tidy(said));
  return {
    code: found.code,
    severity: found.severity,
    log: found.log,
    object: found.object === null ? null : tidyKey(found.object),
    versionId: found.versionId === null ? null : tidyKey(found.versionId),
    index: found.index,
    message: tidy(found.message),
    expected: orNull(found.expected),
    actual: orNull(found.actual),
    entries: found.entries ?? null,
  };
}
