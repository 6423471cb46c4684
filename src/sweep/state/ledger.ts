import { z } from "zod";
import { parseTimestamp, type Timestamp } from "../../core/time.ts";
import { type Acknowledgement, findingFields, type FindingRecord, type SeenAt } from "../finding-record.ts";
import { ROUNDS } from "../place.ts";
import type { Database, Row } from "./database.ts";

/** One episode of a finding, from when it opened until it was closed. */
export interface Episode extends FindingRecord {
  /** Numbers episodes on this machine. */
  readonly episode: number;
  /** null: open. */
  readonly closedAt: Timestamp | null;
}

const content = z.strictObject(findingFields);
/** Block in the database of what belongs to a log as a whole. */
export const WHOLE_LOG = -1;

/** What was found and is not gone yet, and what was found and is gone. To read; it is written through the state. */
export class Ledger {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What is open, the oldest first; of one log, where it is given. */
  open(log?: string): Episode[] {
    const rows =
      log === undefined
        ? this.#db.all("SELECT * FROM findings WHERE closed_at IS NULL ORDER BY episode")
        : this.#db.all("SELECT * FROM findings WHERE closed_at IS NULL AND log = ? ORDER BY episode", log);
    return rows.map((row) => this.#read(row));
  }

  /** What is open and what was closed and is still remembered, the oldest first. */
  all(): Episode[] {
    return this.#db.all("SELECT * FROM findings ORDER BY episode").map((row) => this.#read(row));
  }

  /** How many are open. */
  get count(): number {
    return this.#db.get("SELECT count(*) AS n FROM findings WHERE closed_at IS NULL")?.number("n") ?? 0;
  }

  /** Ids of what is open, the oldest first, and at most so many. */
  openIds(limit: number): string[] {
    const rows = this.#db.all("SELECT id FROM findings WHERE closed_at IS NULL ORDER BY episode LIMIT ?", limit);
    return rows.map((row) => row.text("id"));
  }

  /** The open episode of a finding; null where it is not open. */
  find(id: string): Episode | null {
    return this.#one("SELECT * FROM findings WHERE id = ? AND closed_at IS NULL", id);
  }

  /** Open findings that one alarm told of: by its subject. */
  toldBy(subject: string): Episode[] {
    return this.#db
      .all("SELECT * FROM findings WHERE told = ? AND closed_at IS NULL ORDER BY episode", subject)
      .map((row) => this.#read(row));
  }

  episode(episode: number): Episode | null {
    return this.#one("SELECT * FROM findings WHERE episode = ?", episode);
  }

  #one(sql: string, value: string | number): Episode | null {
    const row = this.#db.get(sql, value);
    return row === null ? null : this.#read(row);
  }

  #read(row: Row): Episode {
    return row.read(() => {
      const id = row.text("id");
      const closed = row.textOrNull("closed_at");
      return {
        episode: row.number("episode"),
        id,
        ...content.parse(JSON.parse(row.text("finding"))),
        firstSeen: parseTimestamp(row.text("first_seen")),
        lastSeen: parseTimestamp(row.text("last_seen")),
        places: this.#places(id),
        told: row.textOrNull("told"),
        reminded: row.number("reminded"),
        acknowledged: acknowledgementOf(row),
        closedAt: closed === null ? null : parseTimestamp(closed),
      };
    });
  }

  #places(id: string): SeenAt[] {
    const places = new Map<string, { log: string; block: number | null; rounds: SeenAt["rounds"] }>();
    for (const row of this.#db.all("SELECT log, block, round FROM sightings WHERE finding = ? ORDER BY log, block", id)) {
      const block = row.number("block");
      const key = JSON.stringify([row.text("log"), block]);
      const before = places.get(key)?.rounds ?? [];
      const rounds = ROUNDS.filter((one) => before.includes(one) || one === row.text("round"));
      places.set(key, { log: row.text("log"), block: block === WHOLE_LOG ? null : block, rounds });
    }
    return [...places.values()];
  }
}

function acknowledgementOf(row: Row): Acknowledgement | null {
  if (row.value("ack_at") === null) return null;
  const until = row.textOrNull("ack_until");
  return {
    by: row.text("ack_by"),
    why: row.text("ack_why"),
    at: parseTimestamp(row.text("ack_at")),
    until: until === null ? null : parseTimestamp(until),
  };
}
