import type { Database } from "./database.ts";

/** What became of an episode of a finding. */
export interface Change {
  readonly what: "opened" | "closed";
  readonly episode: number;
}

/** What happened to findings and stands in no report yet. */
export class Changes {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  add(what: Change["what"], episode: number): void {
    this.#db.run("INSERT INTO changes (what, episode) VALUES (?, ?)", what, episode);
  }

  /** All of them, in order; they are forgotten with this. */
  take(): Change[] {
    const rows = this.#db.all("SELECT what, episode FROM changes ORDER BY seq");
    this.#db.run("DELETE FROM changes");
    return rows.map((row) => ({ what: row.text("what") === "closed" ? "closed" : "opened", episode: row.number("episode") }));
  }
}
