import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Timestamp, timestamp } from "../../core/time.ts";
import { type Alarm, parseAlarm } from "../../sweep/alarm.ts";
import { openDatabase, OUTBOX_NAME, outboxError } from "./database.ts";

export type DeliveryState = "pending" | "delivered" | "dead";

/** One alarm at one destination, as it stands. */
export interface Letter {
  readonly id: string;
  readonly destination: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly taken: Timestamp;
  /** When it is tried next; null for what is settled. */
  readonly due: Timestamp | null;
  readonly settled: Timestamp | null;
  /** What was said at the last attempt that failed, or why it is dead. */
  readonly why: string | null;
  readonly alarm: Alarm;
}

/**
 * Lists what is in the outbox of a folder, the newest first; nothing where there is none.
 * @throws SteleError `sweep.failed`
 */
export function letters(folder: string, states: readonly DeliveryState[], limit: number): Letter[] {
  const path = join(folder, OUTBOX_NAME);
  if (!existsSync(path)) return [];
  const db = openDatabase(folder);
  try {
    const rows = db
      .prepare(
        `SELECT a.id, a.taken, a.alarm, d.destination, d.state, d.attempts, d.due, d.settled, d.why
         FROM deliveries d JOIN alarms a ON a.seq = d.seq
         WHERE d.state IN (SELECT value FROM json_each(?)) ORDER BY d.seq DESC, d.destination LIMIT ?`,
      )
      .all(JSON.stringify(states), limit);
    return rows.map((row) => {
      const state = stateOf(row["state"]);
      return {
        id: String(row["id"]),
        destination: String(row["destination"]),
        state,
        attempts: Number(row["attempts"]),
        taken: timestamp(Number(row["taken"])),
        due: state === "pending" ? timestamp(Number(row["due"])) : null,
        settled: row["settled"] === null ? null : timestamp(Number(row["settled"])),
        why: row["why"] === null ? null : String(row["why"]),
        alarm: parseAlarm(String(row["alarm"])),
      };
    });
  } catch (error) {
    throw outboxError(error, path);
  } finally {
    db.close();
  }
}

function stateOf(value: unknown): DeliveryState {
  return value === "delivered" || value === "dead" ? value : "pending";
}
