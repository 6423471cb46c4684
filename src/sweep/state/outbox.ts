import { type Alarm, formatAlarm, parseAlarm } from "../alarm.ts";
import type { Database } from "./database.ts";

export interface QueuedAlarm {
  readonly seq: number;
  readonly alarm: Alarm;
}

/** How many alarms that were handed over are kept, so that one that is raised again is known. */
const KEPT = 10_000;
const CURSOR = "handed-over";

/** Alarms, in the order they were made, until others have taken them over. */
export class Outbox {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** One that is known by its id is not added again. */
  add(alarms: readonly Alarm[]): void {
    for (const alarm of alarms) {
      this.#db.run("INSERT OR IGNORE INTO alarms (id, alarm) VALUES (?, ?)", alarm.id, formatAlarm(alarm));
    }
  }

  after(seq: number, limit: number): QueuedAlarm[] {
    const rows = this.#db.all("SELECT seq, alarm FROM alarms WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit);
    return rows.map((row) => row.read(() => ({ seq: row.number("seq"), alarm: parseAlarm(row.text("alarm")) })));
  }

  handedOver(seq: number): void {
    if (seq <= this.lastHandedOver()) return;
    this.#db.setFact(CURSOR, seq);
    this.#db.run("DELETE FROM alarms WHERE seq <= ?", seq - KEPT);
  }

  lastHandedOver(): number {
    const seq = this.#db.fact(CURSOR);
    return typeof seq === "number" ? seq : 0;
  }
}
