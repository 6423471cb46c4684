import { type Timestamp, toMillis } from "../../core/time.ts";
import { alarmId } from "../alarm.ts";
import type { Acknowledgement } from "../finding-record.ts";
import type { Database } from "./database.ts";
import {
  acknowledgedAlarm,
  type AlarmContext,
  clearedAlarm,
  isAlarming,
  manyAlarm,
  manyCleared,
  manyReminder,
  openedAlarm,
  reminderAlarm,
  reopenedAlarm,
} from "./finding-alarms.ts";
import type { Episode, Ledger } from "./ledger.ts";
import type { Outbox } from "./outbox.ts";

export interface TellingOptions {
  readonly origin: string;
  readonly remindEveryMillis: number;
  readonly maxAlarms: number;
}

/** Of a finding that an alarm for many told of. */
interface OfMany {
  readonly episode: number;
  readonly firstSeen: Timestamp;
  readonly reminded: number;
}

const OPEN =
  "SELECT episode, id, told, first_seen, reminded, ack_at, ack_until FROM findings WHERE closed_at IS NULL ORDER BY episode";

/** Who is told of a finding, and how often: one alarm for each, or one for many; reminders; and the all-clear. */
export class Telling {
  readonly #db: Database;
  readonly #ledger: Ledger;
  readonly #outbox: Outbox;
  readonly #options: TellingOptions;

  constructor(db: Database, ledger: Ledger, outbox: Outbox, options: TellingOptions) {
    this.#db = db;
    this.#ledger = ledger;
    this.#outbox = outbox;
    this.#options = options;
  }

  /** A new sweep: what an earlier one held back and could not tell any more is told now. */
  beginSweep(now: Timestamp): void {
    this.tellHeldBack(now);
    this.#db.run("DELETE FROM told_now");
  }

  /** A finding was opened, or has become worth an alarm. */
  opened(found: Episode, now: Timestamp): void {
    if (!isAlarming(found)) return;
    const told = this.#db.get("SELECT alarms FROM told_now WHERE log = ?", found.log)?.number("alarms") ?? 0;
    if (told >= this.#options.maxAlarms) {
      this.#db.run("INSERT OR IGNORE INTO held_back (finding, log) VALUES (?, ?)", found.id, found.log);
      return;
    }
    this.#db.run("INSERT OR REPLACE INTO told_now (log, alarms) VALUES (?, ?)", found.log, told + 1);
    this.#setTold(found, found.id);
    this.#outbox.add([openedAlarm(found, this.#context(now))]);
  }

  /** A finding is gone. Whoever was told of it hears that, once nothing is left of what one alarm told. */
  closed(found: Episode, now: Timestamp): void {
    this.#db.run("DELETE FROM held_back WHERE finding = ?", found.id);
    if (found.told === null) return;
    if (found.told === found.id) this.#outbox.add([clearedAlarm(found, this.#context(now))]);
    else if (this.#ledger.toldBy(found.told).length === 0) {
      this.#outbox.add([manyCleared(found.told, found.log, this.#context(now))]);
    }
  }

  /** One alarm a log for what got none of its own. */
  tellHeldBack(now: Timestamp): void {
    const byLog = new Map<string, Episode[]>();
    for (const row of this.#db.all("SELECT finding, log FROM held_back ORDER BY log, finding")) {
      const found = this.#ledger.find(row.text("finding"));
      if (found === null || found.told !== null) continue;
      const log = row.text("log");
      byLog.set(log, [...(byLog.get(log) ?? []), found]);
    }
    this.#db.run("DELETE FROM held_back");
    for (const [log, found] of byLog) {
      const episodes = found.map(({ id, firstSeen }) => `${firstSeen} ${id}`).sort();
      const subject = alarmId("findings.many", log, episodes[0] ?? "");
      for (const one of found) this.#setTold(one, subject);
      this.#outbox.add([manyAlarm({ subject, log, found }, this.#context(now))]);
    }
  }

  /** Reminds of what has been open for long and nobody answers for; an acknowledgement that has ended is taken back. */
  remind(now: Timestamp): void {
    const due: Episode[] = [];
    const ofMany = new Map<string, OfMany[]>();
    // Only what is due is read whole: very much may be open.
    for (const row of this.#db.all(OPEN)) {
      const episode = row.number("episode");
      const told = row.textOrNull("told");
      const until = row.textOrNull("ack_until");
      if (row.value("ack_at") !== null) {
        if (until !== null && until <= now) this.#reopen(this.#read(episode), now);
        continue;
      }
      if (told === null) continue;
      const one = { episode, firstSeen: row.timestamp("first_seen"), reminded: row.number("reminded") };
      if (told === row.text("id")) {
        if (this.#remindersBy(one.firstSeen, now) > one.reminded) due.push(this.#read(episode));
        continue;
      }
      const others = ofMany.get(told);
      if (others === undefined) ofMany.set(told, [one]);
      else others.push(one);
    }
    this.#remindOfEach(due, now);
    for (const [subject, all] of ofMany) this.#remindOfMany(subject, all, now);
  }

  acknowledge(found: Episode, acknowledged: Acknowledgement, now: Timestamp): void {
    this.setAcknowledged(found, acknowledged);
    if (isAlarming(found)) this.#outbox.add([acknowledgedAlarm(found, acknowledged, this.#context(now))]);
  }

  setAcknowledged({ episode }: Episode, acknowledged: Acknowledgement | null): void {
    const { by, why, at, until } = acknowledged ?? { by: null, why: null, at: null, until: null };
    this.#db.run(
      "UPDATE findings SET ack_by = ?, ack_why = ?, ack_at = ?, ack_until = ? WHERE episode = ?",
      by,
      why,
      at,
      until,
      episode,
    );
  }

  #reopen(found: Episode, now: Timestamp): void {
    const ended = found.acknowledged;
    if (ended === null) return;
    this.setAcknowledged(found, null);
    this.#setReminded(found, this.#remindersBy(found.firstSeen, now));
    if (!isAlarming(found)) return;
    this.#setTold(found, found.id);
    this.#outbox.add([reopenedAlarm(found, ended, this.#context(now))]);
  }

  /** Where very many are due at once, those beyond the bound share one. */
  #remindOfEach(due: readonly Episode[], now: Timestamp): void {
    const rest = new Map<string, Episode[]>();
    const reminded = new Map<string, number>();
    for (const found of due) {
      const number = this.#remindersBy(found.firstSeen, now);
      this.#setReminded(found, number);
      const before = reminded.get(found.log) ?? 0;
      if (before >= this.#options.maxAlarms) {
        rest.set(found.log, [...(rest.get(found.log) ?? []), found]);
        continue;
      }
      reminded.set(found.log, before + 1);
      this.#outbox.add([reminderAlarm(found, number, this.#context(now))]);
    }
    for (const [log, found] of rest) {
      const subject = alarmId("findings.many", log, "reminders");
      this.#outbox.add([manyReminder({ subject, log, found }, now, this.#context(now))]);
    }
  }

  #remindOfMany(subject: string, all: readonly OfMany[], now: Timestamp): void {
    const since = all.map(({ firstSeen }) => firstSeen).sort()[0];
    if (since === undefined) return;
    const number = this.#remindersBy(since, now);
    if (all.some(({ reminded }) => reminded >= number)) return;
    const found = all.map(({ episode }) => this.#read(episode));
    for (const one of found) this.#setReminded(one, number);
    const log = found[0]?.log ?? "";
    this.#outbox.add([manyReminder({ subject, log, found }, `${since} ${number}`, this.#context(now))]);
  }

  /** How many reminders are due from `firstSeen` on: a machine that slept gives one, not all that it missed. */
  #remindersBy(firstSeen: Timestamp, now: Timestamp): number {
    return Math.max(0, Math.floor((toMillis(now) - toMillis(firstSeen)) / this.#options.remindEveryMillis));
  }

  #read(episode: number): Episode {
    const found = this.#ledger.episode(episode);
    if (found === null) throw new Error("a finding that is open is not there");
    return found;
  }

  #setTold({ episode }: Episode, subject: string): void {
    this.#db.run("UPDATE findings SET told = ? WHERE episode = ?", subject, episode);
  }

  #setReminded({ episode }: Episode, number: number): void {
    this.#db.run("UPDATE findings SET reminded = ? WHERE episode = ?", number, episode);
  }

  #context(now: Timestamp): AlarmContext {
    return { origin: this.#options.origin, now };
  }
}
