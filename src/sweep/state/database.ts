import { existsSync, linkSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { loadSqlite } from "../../archive/spool/sqlite.ts";
import { SteleError } from "../../core/error.ts";
import { parseTimestamp, type Timestamp } from "../../core/time.ts";
import { SCHEMA, SCHEMA_VERSION } from "./schema.ts";

export const DATABASE_NAME = "sweep.db";

/** SQLite's codes. */
const BUSY = 5;
const LOCKED = 6;
const CONSTRAINT = 19;

const HOLD = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";

/**
 * The file under a {@link SweepState}. What can't be read is an error, `sweep.failed`, and never taken for a state that knows
 * nothing: a sweep that has forgotten what it saw would not notice what is gone.
 */
export class Database {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;
  /** Something within the transaction under way failed: it can't be kept. */
  #failed = false;
  #durable = true;
  #open = true;

  private constructor(path: string, db: DatabaseSync) {
    this.#path = path;
    this.#db = db;
  }

  /** @throws SteleError `sweep.locked`, `sweep.failed` */
  static open(folder: string, of: { readonly origin: string; readonly place: string }): Database {
    const path = join(folder, DATABASE_NAME);
    const { DatabaseSync: Sqlite } = loadSqlite();
    let db: DatabaseSync | null = null;
    try {
      if (!existsSync(path)) create(path, Sqlite, of);
      db = new Sqlite(path);
      db.exec(HOLD);
      // Takes the lock, and holds it until the database is closed or the process ends, however it ends.
      db.exec("BEGIN IMMEDIATE; COMMIT");
      const opened = new Database(path, db);
      opened.#requireSound(of);
      return opened;
    } catch (error) {
      db?.close();
      throw failure(error, path);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#db.close();
  }

  /**
   * All that `work` writes is kept, or nothing. One within another is part of that one.
   * @param work must be done when it returns
   * @param durable false: a power cut (but no end of the process) may undo it
   */
  transaction<T>(work: () => T, durable = true): T {
    if (this.#depth > 0) return this.#inner(work);
    this.#guard(() => {
      if (durable !== this.#durable) this.#db.exec(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
      this.#durable = durable;
      this.#db.exec("BEGIN IMMEDIATE");
    });
    this.#failed = false;
    try {
      const result = this.#inner(work);
      if (this.#failed) throw new SteleError("sweep.failed", `${this.#path}: a part of a change failed: nothing of it was kept`);
      this.#guard(() => this.#db.exec("COMMIT"));
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#guard(() => Number(this.#statement(sql).run(...values).changes));
  }

  get(sql: string, ...values: SQLInputValue[]): Row | null {
    const found = this.#guard(() => this.#statement(sql).get(...values));
    return found === undefined ? null : new Row(this.#path, found);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#statement(sql).all(...values)).map((row) => new Row(this.#path, row));
  }

  fact(name: string): SQLOutputValue {
    return this.get("SELECT value FROM facts WHERE name = ?", name)?.value("value") ?? null;
  }

  setFact(name: string, value: string | number): void {
    this.run("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", name, value);
  }

  #inner<T>(work: () => T): T {
    this.#depth++;
    try {
      const result = work();
      if (result instanceof Promise) throw new TypeError("a transaction's work must be done when it returns");
      return result;
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      this.#depth--;
    }
  }

  #rollBack(): void {
    try {
      this.#db.exec("ROLLBACK");
    } catch {
      // SQLite has undone it by itself.
    }
  }

  #requireSound({ origin, place }: { readonly origin: string; readonly place: string }): void {
    const version = this.get("PRAGMA user_version")?.number("user_version");
    if (version !== SCHEMA_VERSION) {
      throw new SteleError(
        "sweep.failed",
        `${this.#path}: expected what version ${SCHEMA_VERSION} of this program's states holds, got version ${version}: it was emptied, or is of another release`,
      );
    }
    const checked = this.get("PRAGMA quick_check(1)")?.value("quick_check");
    if (checked !== "ok") {
      throw new SteleError("sweep.failed", `${this.#path} is damaged: ${String(checked)}. ${WHAT_NOW}`);
    }
    const kept = { origin: this.fact("origin"), place: this.fact("place") };
    if (kept.origin !== origin || kept.place !== place) {
      throw new SteleError(
        "sweep.failed",
        `${this.#path} remembers the archive ${String(kept.origin)} in ${String(kept.place)}, not ${origin} in ${place}: ` +
          `use another folder for this one. Where the same archive has moved, remove the file: what is known is then read from the archive's own log of sweeps`,
      );
    }
  }

  #statement(sql: string): StatementSync {
    let prepared = this.#statements.get(sql);
    if (prepared === undefined) {
      prepared = this.#db.prepare(sql);
      this.#statements.set(sql, prepared);
    }
    return prepared;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw failure(error, this.#path);
    }
  }
}

/** One row of a table, read strictly. */
export class Row {
  readonly #path: string;
  readonly #columns: Record<string, SQLOutputValue>;

  constructor(path: string, columns: Record<string, SQLOutputValue>) {
    this.#path = path;
    this.#columns = columns;
  }

  value(name: string): SQLOutputValue {
    return this.#columns[name] ?? null;
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== "string") throw this.#damaged(`${name}: expected text`);
    return value;
  }

  textOrNull(name: string): string | null {
    return this.value(name) === null ? null : this.text(name);
  }

  number(name: string): number {
    const value = this.value(name);
    if (typeof value !== "number") throw this.#damaged(`${name}: expected a number`);
    return value;
  }

  timestamp(name: string): Timestamp {
    return this.read(() => parseTimestamp(this.text(name)));
  }

  /** Runs what makes something of the row; where it refuses, the row is damaged. */
  read<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw error instanceof SteleError && error.code.startsWith("sweep.")
        ? error
        : this.#damaged(error instanceof Error ? error.message : String(error), error);
    }
  }

  #damaged(reason: string, cause?: unknown): SteleError {
    return new SteleError("sweep.failed", `${this.#path} is damaged: ${reason}. ${WHAT_NOW}`, { cause });
  }
}

const WHAT_NOW =
  "Look at the disk. Nothing was concluded from it; without this file, what is known is read from the archive's own log of sweeps";

/** Makes a database elsewhere and puts it in its place whole: an empty file there is always damage. */
function create(
  path: string,
  Sqlite: typeof DatabaseSync,
  { origin, place }: { readonly origin: string; readonly place: string },
): void {
  const companions = [`${path}-wal`, `${path}-journal`].filter((one) => existsSync(one));
  if (companions.length > 0) {
    throw new SteleError(
      "sweep.failed",
      `${path} is gone, and ${companions.join(", ")} is not: put it back, or remove the rest as well to start from the archive's own log of sweeps`,
    );
  }
  const draft = `${path}.new-${process.pid}`;
  const files = [draft, `${draft}-wal`, `${draft}-shm`, `${draft}-journal`];
  for (const file of files) rmSync(file, { force: true });
  const db = new Sqlite(draft);
  try {
    db.exec(`PRAGMA synchronous = FULL; BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
    const insert = db.prepare("INSERT INTO facts (name, value) VALUES (?, ?)");
    insert.run("origin", origin);
    insert.run("place", place);
    db.exec("COMMIT");
  } finally {
    db.close();
  }
  try {
    linkSync(draft, path);
  } catch (error) {
    // Another process was first: the one that is there counts.
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function failure(error: unknown, path: string): SteleError {
  if (error instanceof SteleError) return error;
  const code = error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : null;
  const said = error instanceof Error ? error.message : String(error);
  if (code === BUSY || code === LOCKED) {
    return new SteleError(
      "sweep.locked",
      `${path} is open in another process, or twice in this one: one sweep of an archive runs at a time on one machine. Wait for it, or end it`,
      { cause: error },
    );
  }
  const reason = code === CONSTRAINT ? `it refused a change (${said})` : said;
  return new SteleError("sweep.failed", `${path}: ${reason}. ${WHAT_NOW}`, { cause: error });
}
