import { setImmediate as turn } from "node:timers/promises";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { SteleError } from "../../core/error.ts";
import { loadSqlite } from "./sqlite.ts";

export const STATE_NAME = "state.db";

/** A delivery that had an id. */
export interface IdRecord {
  readonly source: string;
  readonly id: string;
  readonly first: number;
  readonly count: number;
  /** When it arrived, in milliseconds since 1970. */
  readonly millis: number;
}

/** What is kept of a file when it goes. */
export interface Retirement {
  readonly first: number;
  readonly count: number;
  readonly manifest: number;
  readonly leaf: Uint8Array;
  readonly checkpoint: string;
  readonly millis: number;
  readonly cursors: ReadonlyMap<string, string>;
}

export interface IdWindow {
  readonly ids: number;
  readonly millis: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS cursors (source TEXT PRIMARY KEY, cursor TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS commits (
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, manifest INTEGER NOT NULL, leaf BLOB NOT NULL,
    checkpoint TEXT NOT NULL, millis INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS ids (
    source TEXT, id TEXT, first INTEGER NOT NULL, count INTEGER NOT NULL, millis INTEGER NOT NULL, PRIMARY KEY (source, id)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS ids_by_first ON ids (first);
`;
/** Rows written before others get their turn: under 5 ms. */
const BATCH = 1000;
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;

/**
 * What a spool knows besides its files: ids and cursors of what was archived, and the newest commit. It is the spool's lock
 * as well: SQLite holds the database for itself until it is closed or the process ends, however it ends.
 */
export class SpoolState {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #window: IdWindow;
  readonly #selectId: StatementSync;
  readonly #insertId: StatementSync;
  /** Ids in here, or some more. */
  #ids: number;
  #open = true;

  private constructor(path: string, db: DatabaseSync, window: IdWindow) {
    this.#path = path;
    this.#db = db;
    this.#window = window;
    this.#selectId = db.prepare("SELECT first, count, millis FROM ids WHERE source = ? AND id = ?");
    this.#insertId = db.prepare("INSERT OR REPLACE INTO ids (source, id, first, count, millis) VALUES (?, ?, ?, ?, ?)");
    this.#ids = this.#countIds();
  }

  /** @throws SteleError `spool.locked` when another has it open; `spool.damaged`, `spool.failed` */
  static open(folder: string, window: IdWindow): SpoolState {
    const path = join(folder, STATE_NAME);
    const { DatabaseSync: Database } = loadSqlite();
    let db: DatabaseSync | null = null;
    try {
      db = new Database(path);
      db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
      return new SpoolState(path, db, window);
    } catch (error) {
      db?.close();
      throw stateError(error, path, folder);
    }
  }

  /** The log whose events these are; null in a new state. */
  get origin(): string | null {
    const value = this.#fact("origin");
    return typeof value === "string" ? value : null;
  }

  set origin(origin: string) {
    this.#sync();
    this.#setFact("origin", origin);
  }

  /** Index of the next entry when nothing is spooled; null in a new state. */
  get stand(): number | null {
    const told = this.#fact("start");
    const archived = this.remembered?.next ?? null;
    if (typeof told !== "number") return archived;
    return archived === null ? told : Math.max(told, archived);
  }

  /** Where the log was said to stand. */
  start(next: number): void {
    this.#sync();
    this.#setFact("start", next);
  }

  /** Ids of entries before this index are in here. */
  get idsUntil(): number {
    const value = this.#fact("ids-until");
    return typeof value === "number" ? value : 0;
  }

  get remembered(): { readonly manifest: number; readonly leaf: Uint8Array; readonly next: number } | null {
    const row = this.#run(() => this.#db.prepare("SELECT * FROM commits ORDER BY first DESC LIMIT 1").get());
    if (row === undefined) return null;
    return { manifest: Number(row["manifest"]), leaf: blob(row["leaf"]), next: Number(row["first"]) + Number(row["count"]) };
  }

  /** The commit of the file that held entry `index`. */
  committed(index: number): { readonly manifest: number; readonly leaf: Uint8Array; readonly checkpoint: string } | null {
    const find = "SELECT * FROM commits WHERE first <= ? ORDER BY first DESC LIMIT 1";
    const row = this.#run(() => this.#db.prepare(find).get(index));
    if (row === undefined || index >= Number(row["first"]) + Number(row["count"])) return null;
    return { manifest: Number(row["manifest"]), leaf: blob(row["leaf"]), checkpoint: String(row["checkpoint"]) };
  }

  cursors(): Map<string, string> {
    const rows = this.#run(() => this.#db.prepare("SELECT source, cursor FROM cursors").all());
    return new Map(rows.map((row) => [String(row["source"]), String(row["cursor"])]));
  }

  /** The delivery that had this id, while within the window that ends `now`. */
  findId(source: string, id: string, now: number): { readonly first: number; readonly count: number } | null {
    if (this.#ids === 0) return null;
    const row = this.#run(() => this.#selectId.get(source, id));
    if (row === undefined || Number(row["millis"]) < now - this.#window.millis) return null;
    return { first: Number(row["first"]), count: Number(row["count"]) };
  }

  /**
   * Takes over the ids of a file whose last entry is before `until`. A power cut may undo it, as the file still tells them.
   * Only one such call, or {@link retire}, may be under way.
   */
  async storeIds(records: readonly IdRecord[], until: number, now: number): Promise<void> {
    await this.#transaction("NORMAL", async () => {
      for (const [i, { source, id, first, count, millis }] of records.entries()) {
        if (i % BATCH === BATCH - 1) await turn();
        this.#insertId.run(source, id, first, count, millis);
      }
      this.#ids += records.length;
      this.#setFact("ids-until", until);
      this.#forget(now);
    });
  }

  /** Forgets ids whose entries were lost: they may come again. */
  forgetLost(from: number, to: number): void {
    this.#sync();
    // What gets these indexes next may have ids.
    if (this.idsUntil > from) this.#setFact("ids-until", from);
    this.#run(() => this.#db.prepare("DELETE FROM ids WHERE first >= ? AND first < ?").run(from, to));
  }

  /** Writes down for good what is to be known of a file that goes, and with it all that was taken over before. */
  async retire(retirement: Retirement): Promise<void> {
    const { first, count, manifest, leaf, checkpoint, millis, cursors } = retirement;
    await this.#transaction("FULL", async () => {
      const setCursor = this.#db.prepare("INSERT OR REPLACE INTO cursors (source, cursor) VALUES (?, ?)");
      for (const [source, cursor] of cursors) setCursor.run(source, cursor);
      this.#db
        .prepare("INSERT OR REPLACE INTO commits (first, count, manifest, leaf, checkpoint, millis) VALUES (?, ?, ?, ?, ?, ?)")
        .run(first, count, manifest, leaf, checkpoint, millis);
      // A receipt is asked for as long as its id is known, and the newest commit is always kept.
      this.#db.prepare("DELETE FROM commits WHERE millis < ? AND first < ?").run(millis - this.#window.millis, first);
    });
  }

  /** Lets go of the lock. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#db.close();
  }

  #forget(now: number): void {
    const oldest = "SELECT first FROM ids INDEXED BY ids_by_first WHERE millis >= ? ORDER BY first LIMIT 1";
    this.#db
      .prepare(`DELETE FROM ids WHERE first < coalesce((${oldest}), ${Number.MAX_SAFE_INTEGER})`)
      .run(now - this.#window.millis);
    if (this.#ids <= this.#window.ids) return;
    this.#ids = this.#countIds();
    const excess = this.#ids - this.#window.ids;
    if (excess <= 0) return;
    this.#db.prepare("DELETE FROM ids WHERE (source, id) IN (SELECT source, id FROM ids ORDER BY first LIMIT ?)").run(excess);
    this.#ids = this.#window.ids;
  }

  async #transaction(synchronous: "NORMAL" | "FULL", work: () => Promise<void>): Promise<void> {
    try {
      this.#db.exec(`PRAGMA synchronous = ${synchronous}; BEGIN IMMEDIATE`);
      await work();
      this.#db.exec("COMMIT");
    } catch (error) {
      try {
        this.#db.exec("ROLLBACK");
      } catch {
        // SQLite has undone it by itself.
      }
      throw stateError(error, this.#path, this.#path);
    }
  }

  #countIds(): number {
    return Number(this.#db.prepare("SELECT count(*) AS n FROM ids").get()?.["n"]);
  }

  /** Makes what is written next durable at once. */
  #sync(): void {
    this.#run(() => this.#db.exec("PRAGMA synchronous = FULL"));
  }

  #fact(name: string): unknown {
    return this.#run(() => this.#db.prepare("SELECT value FROM facts WHERE name = ?").get(name))?.["value"];
  }

  #setFact(name: string, value: string | number): void {
    this.#run(() => this.#db.prepare("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)").run(name, value));
  }

  #run<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw stateError(error, this.#path, this.#path);
    }
  }
}

function blob(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? new Uint8Array(value) : new Uint8Array(0);
}

function stateError(error: unknown, path: string, folder: string): SteleError {
  if (error instanceof SteleError) return error;
  const code = error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : null;
  const said = error instanceof Error ? error.message : String(error);
  if (code === BUSY) {
    return new SteleError(
      "spool.locked",
      `the spool ${folder} is open in another process, or twice in this one; a log has one writer: end the other, or use another folder`,
      { cause: error },
    );
  }
  if (code === CORRUPT || code === NOT_A_DATABASE) {
    return new SteleError(
      "spool.damaged",
      `${path} is damaged at byte 0: ${said}. Look at the disk; without this file the spool opens, and knows no ids and cursors of what was archived before`,
      { cause: error },
    );
  }
  // As the file system says it: what passes when the disk has room again.
  const cause = code === FULL ? Object.assign(new Error(said, { cause: error }), { code: "ENOSPC", syscall: "write" }) : error;
  return new SteleError("spool.failed", `${path}: ${said}`, { cause });
}
