import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { SteleError } from "../../core/error.ts";
import { loadSqlite } from "../../archive/spool/sqlite.ts";

export const OUTBOX_NAME = "outbox.db";
const LOCK_NAME = "outbox.lock";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS alarms (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, taken INTEGER NOT NULL, alarm TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS deliveries (
    destination TEXT NOT NULL, seq INTEGER NOT NULL REFERENCES alarms (seq), subject TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL, due INTEGER NOT NULL, tried INTEGER, settled INTEGER, why TEXT, closes INTEGER NOT NULL,
    PRIMARY KEY (destination, seq)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS pending_by_subject ON deliveries (destination, subject, seq) WHERE state = 'pending';
  CREATE INDEX IF NOT EXISTS pending_by_due ON deliveries (destination, due, seq) WHERE state = 'pending';
  CREATE INDEX IF NOT EXISTS by_subject ON deliveries (destination, subject, seq);
  CREATE INDEX IF NOT EXISTS by_seq ON deliveries (seq);
  CREATE INDEX IF NOT EXISTS dead ON deliveries (seq) WHERE state = 'dead';
  CREATE TABLE IF NOT EXISTS matters (subject TEXT, destination TEXT, PRIMARY KEY (subject, destination)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS disabled (destination TEXT PRIMARY KEY, since INTEGER NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS counts (destination TEXT, state TEXT, n INTEGER NOT NULL, PRIMARY KEY (destination, state)) WITHOUT ROWID;
`;
/** How long one process waits for another's transaction. */
const BUSY_MILLIS = 5000;
const BUSY = 5;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/**
 * Opens an outbox's database. Several processes may have it open: `stele alarms` looks at it while `stele watch` delivers.
 * @throws SteleError `sweep.failed`
 */
export function openDatabase(folder: string): DatabaseSync {
  const path = join(folder, OUTBOX_NAME);
  const { DatabaseSync: Database } = loadSqlite();
  let db: DatabaseSync | null = null;
  try {
    db = new Database(path);
    db.exec(`PRAGMA busy_timeout = ${BUSY_MILLIS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`);
    db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return db;
  } catch (error) {
    db?.close();
    throw outboxError(error, path);
  }
}

/**
 * The right to deliver what is in an outbox: one process at a time has it, until it closes it or ends, however it ends.
 * @throws SteleError `sweep.locked` when another has it
 */
export function lockOutbox(folder: string): Disposable {
  const path = join(folder, LOCK_NAME);
  const { DatabaseSync: Database } = loadSqlite();
  let db: DatabaseSync | null = null;
  try {
    db = new Database(path);
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (n INTEGER); COMMIT");
  } catch (error) {
    db?.close();
    if (codeOf(error) !== BUSY) throw outboxError(error, path);
    throw new SteleError(
      "sweep.locked",
      `alarms from ${folder} are being delivered by another process; end it, or leave the delivering to it`,
      { cause: error },
    );
  }
  const held = db;
  return { [Symbol.dispose]: () => held.close() };
}

/** What an error of SQLite means to whoever has alarms to send. */
export function outboxError(error: unknown, path: string): SteleError {
  if (error instanceof SteleError) return error;
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : String(error);
  const advice =
    code === CORRUPT || code === NOT_A_DATABASE
      ? ". Look at the disk; moved away, it is made anew, and what was not delivered yet is in the moved one only"
      : "";
  return new SteleError("sweep.failed", `${path}: ${said}${advice}`, { cause: error });
}

function codeOf(error: unknown): number | null {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : null;
}
