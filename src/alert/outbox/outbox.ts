import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type Alarm, type AlarmKind, formatAlarm, parseAlarm } from "../../sweep/alarm.ts";
import { changeOf, subjectKey } from "../envelope/details.ts";
import { openDatabase, OUTBOX_NAME, outboxError } from "./database.ts";

/** One alarm on its way to one destination. */
export interface Delivery {
  readonly destination: string;
  /** Order in which alarms were taken. */
  readonly seq: number;
  /** How often it was tried. */
  readonly attempts: number;
  /** Not tried before; milliseconds since 1970, as all times here. */
  readonly due: number;
  /** When it was tried for the first time. */
  readonly tried: number | null;
  readonly alarm: Alarm;
}

/** What is waiting for a destination, and what became of the rest since the outbox was made. */
export interface DestinationCounts {
  readonly pending: number;
  /** When the oldest alarm that waits was taken. */
  readonly oldest: number | null;
  readonly delivered: number;
  /** Dead letters that are kept. */
  readonly dead: number;
  readonly disabled: { readonly since: number; readonly why: string } | null;
}

/** After this time what was delivered is forgotten, and its id with it. */
const KEEP_DELIVERED = 30 * 86_400_000;
const KEEP_DEAD = 90 * 86_400_000;
/** Kinds that no all-clear follows. */
const NEVER_CLOSED: ReadonlySet<AlarmKind> = new Set(["event.matched", "test"]);

/**
 * Alarms on their way, in a folder: what is in here survives the process and the machine. Taken once by its id, an alarm stays
 * until each destination that wants it has taken it, or it is a dead letter there.
 */
export class Outbox implements Disposable {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #now: () => number;
  #open = true;

  private constructor(path: string, db: DatabaseSync, now: () => number) {
    this.#path = path;
    this.#db = db;
    this.#now = now;
  }

  /** @throws SteleError `sweep.failed` */
  static open(folder: string, now: () => number): Outbox {
    return new Outbox(join(folder, OUTBOX_NAME), openDatabase(folder), now);
  }

  /**
   * Takes alarms, durably, all or none: each one for the destinations that `wanting` names. One whose id is known is left as it
   * is. A crash before this returns leaves them with whoever hands them over, and he does so again.
   * @returns those that were new
   */
  take(alarms: readonly Alarm[], wanting: (alarm: Alarm, knows: (destination: string) => boolean) => readonly string[]): Alarm[] {
    return this.#transaction(() => {
      const addAlarm = this.#db.prepare("INSERT OR IGNORE INTO alarms (id, taken, alarm) VALUES (?, ?, ?)");
      const addDelivery = this.#db.prepare(
        "INSERT INTO deliveries (destination, seq, subject, state, attempts, due, closes) VALUES (?, ?, ?, 'pending', 0, ?, ?)",
      );
      // What is open at a destination is known for longer than its delivery: its all-clear may come after a year.
      const find = this.#db.prepare("SELECT 1 FROM matters WHERE subject = ? AND destination = ?");
      const begin = this.#db.prepare("INSERT OR IGNORE INTO matters (subject, destination) VALUES (?, ?)");
      const end = this.#db.prepare("DELETE FROM matters WHERE subject = ?");
      const now = this.#now();
      return alarms.filter((alarm) => {
        const { changes, lastInsertRowid } = addAlarm.run(alarm.id, now, formatAlarm(alarm));
        if (changes === 0) return false;
        const subject = subjectKey(alarm);
        const isClosing = changeOf(alarm) === "close";
        const knows = (destination: string): boolean => find.get(subject, destination) !== undefined;
        for (const destination of wanting(alarm, knows)) {
          addDelivery.run(destination, lastInsertRowid, subject, now, isClosing ? 1 : 0);
          if (!NEVER_CLOSED.has(alarm.kind)) begin.run(subject, destination);
        }
        if (isClosing) end.run(subject);
        return true;
      });
    });
  }

  /**
   * What may be sent to a destination, the earliest due first: of each subject only what was taken first, so that an all-clear
   * never overtakes its alarm.
   */
  heads(destination: string, limit: number): Delivery[] {
    const rows = this.#run(() =>
      this.#db
        .prepare(
          `SELECT d.destination, d.seq, d.attempts, d.due, d.tried, a.alarm
           FROM deliveries d INDEXED BY pending_by_due JOIN alarms a ON a.seq = d.seq
           WHERE d.destination = ? AND d.state = 'pending' AND NOT EXISTS (
             SELECT 1 FROM deliveries e INDEXED BY pending_by_subject
             WHERE e.destination = d.destination AND e.subject = d.subject AND e.state = 'pending' AND e.seq < d.seq
           ) ORDER BY d.due, d.seq LIMIT ?`,
        )
        .all(destination, limit),
    );
    return rows.flatMap((row) => {
      const seq = Number(row["seq"]);
      try {
        const alarm = parseAlarm(String(row["alarm"]));
        const tried = row["tried"] === null ? null : Number(row["tried"]);
        return [{ destination, seq, attempts: Number(row["attempts"]), due: Number(row["due"]), tried, alarm }];
      } catch (error) {
        // One that can't be read must not hold up the others.
        this.settle(
          { destination, seq },
          "dead",
          `it can't be read: ${error instanceof Error ? error.message : String(error)}`,
          false,
        );
        return [];
      }
    });
  }

  /** Writes down that an attempt failed, and when the next one is to be. */
  failed(
    { destination, seq }: Delivery,
    { tried, due, why }: { readonly tried: number; readonly due: number; readonly why: string },
  ): void {
    this.#run(() =>
      this.#db
        .prepare(
          "UPDATE deliveries SET attempts = attempts + 1, tried = coalesce(tried, ?), due = ?, why = ? WHERE destination = ? AND seq = ? AND state = 'pending'",
        )
        .run(tried, due, why, destination, seq),
    );
  }

  /** Writes down what became of a delivery for good. A crash before this leaves it pending: it is sent again, with the same id. */
  settle(
    { destination, seq }: Pick<Delivery, "destination" | "seq">,
    state: "delivered" | "dead",
    why: string | null,
    wasTried = true,
  ): void {
    this.#transaction(() => {
      const { changes } = this.#db
        .prepare(
          "UPDATE deliveries SET state = ?, attempts = attempts + ?, settled = ?, why = ? WHERE destination = ? AND seq = ? AND state = 'pending'",
        )
        .run(state, wasTried ? 1 : 0, this.#now(), why, destination, seq);
      if (changes > 0 && state === "delivered") this.#count(destination);
    });
  }

  /** Makes dead letters of all that waits for a destination: it is not there any more, or wants no more. */
  settleAll(destination: string, why: string): void {
    this.#run(() =>
      this.#db
        .prepare("UPDATE deliveries SET state = 'dead', settled = ?, why = ? WHERE destination = ? AND state = 'pending'")
        .run(this.#now(), why, destination),
    );
  }

  /** Writes down that a destination wants no more. Until {@link enable} all for it are dead letters. */
  disable(destination: string, why: string): void {
    this.#run(() =>
      this.#db
        .prepare("INSERT OR IGNORE INTO disabled (destination, since, why) VALUES (?, ?, ?)")
        .run(destination, this.#now(), why),
    );
  }

  enable(destination: string): void {
    this.#run(() => this.#db.prepare("DELETE FROM disabled WHERE destination = ?").run(destination));
  }

  /** Why a destination is disabled; null where it is not. */
  disabled(destination: string): string | null {
    const row = this.#run(() => this.#db.prepare("SELECT why FROM disabled WHERE destination = ?").get(destination));
    return row === undefined ? null : String(row["why"]);
  }

  /**
   * Makes dead letters wait again, from the beginning, and enables where they go. Without ids all of them, but for those that an
   * all-clear of the same matter went after: it would open again what is closed.
   */
  requeue(ids: readonly string[] | null): { readonly requeued: number; readonly overtaken: number } {
    const named = ids === null ? "" : "AND seq IN (SELECT a.seq FROM alarms a JOIN json_each(?) j ON a.id = j.value)";
    const parameters = ids === null ? [] : [JSON.stringify(ids)];
    const overtaken = `closes = 0 AND EXISTS (
      SELECT 1 FROM deliveries e WHERE e.destination = deliveries.destination AND e.subject = deliveries.subject
      AND e.seq > deliveries.seq AND e.closes = 1 AND e.state = 'delivered')`;
    return this.#transaction(() => {
      const dead = `state = 'dead' ${named}`;
      const left =
        ids === null
          ? Number(
              this.#db.prepare(`SELECT count(*) AS n FROM deliveries WHERE ${dead} AND ${overtaken}`).get(...parameters)?.["n"],
            )
          : 0;
      const wanted = ids === null ? `${dead} AND NOT (${overtaken})` : dead;
      this.#db
        .prepare(`DELETE FROM disabled WHERE destination IN (SELECT destination FROM deliveries WHERE ${wanted})`)
        .run(...parameters);
      const { changes } = this.#db
        .prepare(
          `UPDATE deliveries SET state = 'pending', attempts = 0, due = ?, tried = NULL, settled = NULL, why = NULL WHERE ${wanted}`,
        )
        .run(this.#now(), ...parameters);
      return { requeued: Number(changes), overtaken: left };
    });
  }

  /** Of each destination that anything was for, by name. */
  counts(): Map<string, DestinationCounts> {
    return this.#run(() => {
      const counts = new Map<string, DestinationCounts>();
      const none = { pending: 0, oldest: null, delivered: 0, dead: 0, disabled: null };
      const add = (destination: string, more: Partial<DestinationCounts>): void => {
        counts.set(destination, { ...(counts.get(destination) ?? none), ...more });
      };
      const waiting = `SELECT d.destination, count(*) AS n, min(a.taken) AS oldest FROM deliveries d JOIN alarms a ON a.seq = d.seq
        WHERE d.state = 'pending' GROUP BY d.destination`;
      for (const row of this.#db.prepare("SELECT destination, n FROM counts WHERE state = 'delivered'").all())
        add(String(row["destination"]), { delivered: Number(row["n"]) });
      for (const row of this.#db.prepare(waiting).all())
        add(String(row["destination"]), { pending: Number(row["n"]), oldest: Number(row["oldest"]) });
      for (const row of this.#db
        .prepare("SELECT destination, count(*) AS n FROM deliveries WHERE state = 'dead' GROUP BY destination")
        .all())
        add(String(row["destination"]), { dead: Number(row["n"]) });
      for (const row of this.#db.prepare("SELECT * FROM disabled").all())
        add(String(row["destination"]), { disabled: { since: Number(row["since"]), why: String(row["why"]) } });
      return counts;
    });
  }

  /** Forgets what was settled long ago. */
  forget(): void {
    const now = this.#now();
    this.#transaction(() => {
      this.#db
        .prepare("DELETE FROM deliveries WHERE (state = 'delivered' AND settled < ?) OR (state = 'dead' AND settled < ?)")
        .run(now - KEEP_DELIVERED, now - KEEP_DEAD);
      this.#db
        .prepare("DELETE FROM alarms WHERE taken < ? AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = alarms.seq)")
        .run(now - KEEP_DELIVERED);
    });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #count(destination: string): void {
    this.#db
      .prepare("INSERT INTO counts (destination, state, n) VALUES (?, 'delivered', 1) ON CONFLICT DO UPDATE SET n = n + 1")
      .run(destination);
  }

  #transaction<T>(work: () => T): T {
    return this.#run(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        this.#db.exec("COMMIT");
        return result;
      } catch (error) {
        try {
          this.#db.exec("ROLLBACK");
        } catch {
          // SQLite has undone it by itself.
        }
        throw error;
      }
    });
  }

  #run<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw outboxError(error, this.#path);
    }
  }
}
