import { fromUtf8, utf8 } from "../../core/bytes.ts";
import { encodeCheckpoint, parseCheckpoint, type SignedCheckpoint } from "../../core/checkpoint.ts";
import { parseVerifierKey, type VerifierKey } from "../../core/key.ts";
import { parseTimestamp, type Timestamp } from "../../core/time.ts";
import type { Database, Row } from "./database.ts";

/** A log as the head round last saw it in order. */
export interface RememberedLog {
  readonly name: string;
  /** Of its last good head. */
  readonly checkpoint: SignedCheckpoint;
  /** In force after it. */
  readonly keys: readonly VerifierKey[];
  /** When its last manifest was made. */
  readonly sealed: Timestamp;
  /** By when the next manifest was promised; null where none was. */
  readonly nextBy: Timestamp | null;
  readonly closed: boolean;
  readonly seenAt: Timestamp;
}

export class RememberedLogs {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  all(): RememberedLog[] {
    return this.#db.all("SELECT * FROM logs ORDER BY name").map((row) => this.#read(row));
  }

  get(name: string): RememberedLog | null {
    const row = this.#db.get("SELECT * FROM logs WHERE name = ?", name);
    return row === null ? null : this.#read(row);
  }

  put(log: RememberedLog): void {
    this.#db.run(
      "INSERT OR REPLACE INTO logs (name, checkpoint, keys, sealed, next_by, closed, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      log.name,
      fromUtf8(encodeCheckpoint(log.checkpoint)),
      JSON.stringify(log.keys.map(({ vkey }) => vkey)),
      log.sealed,
      log.nextBy,
      log.closed ? 1 : 0,
      log.seenAt,
    );
  }

  notes(observer: string, log: string): string | null {
    return this.#db.get("SELECT text FROM notes WHERE observer = ? AND log = ?", observer, log)?.textOrNull("text") ?? null;
  }

  setNotes(observer: string, log: string, text: string): void {
    this.#db.run("INSERT OR REPLACE INTO notes (observer, log, text) VALUES (?, ?, ?)", observer, log, text);
  }

  #read(row: Row): RememberedLog {
    return row.read(() => {
      const keys: unknown = JSON.parse(row.text("keys"));
      if (!Array.isArray(keys)) throw new TypeError("keys: expected a list");
      const nextBy = row.textOrNull("next_by");
      return {
        name: row.text("name"),
        checkpoint: parseCheckpoint(utf8(row.text("checkpoint"))),
        keys: keys.map((key) => parseVerifierKey(String(key))),
        sealed: parseTimestamp(row.text("sealed")),
        nextBy: nextBy === null ? null : parseTimestamp(nextBy),
        closed: row.number("closed") === 1,
        seenAt: parseTimestamp(row.text("seen_at")),
      };
    });
  }
}
