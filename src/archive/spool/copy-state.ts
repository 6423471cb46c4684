import { open } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { SteleError } from "../../core/error.ts";
import { loadSqlite } from "./sqlite.ts";
import { STATE_NAME } from "./state.ts";

const BUSY = 5;

/**
 * A spool that is to be moved, kept from every other until it was: its lock stays with its state wherever the folder goes.
 * No other descriptor of the state may be opened in this process meanwhile: closing it would let go of the lock.
 */
export class HeldState implements Disposable {
  readonly #folder: string;
  readonly #db: DatabaseSync;

  private constructor(folder: string, db: DatabaseSync) {
    this.#folder = folder;
    this.#db = db;
  }

  /** @throws SteleError `spool.locked` when another has it open, `spool.failed` */
  static open(folder: string): HeldState {
    const { DatabaseSync: Database } = loadSqlite();
    let db: DatabaseSync | null = null;
    try {
      db = new Database(join(folder, STATE_NAME));
      db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      db.exec("BEGIN IMMEDIATE; COMMIT");
      // What is moved is one whole file. SQLite leaves the log of a database alone that is no longer where it was opened.
      db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      return new HeldState(folder, db);
    } catch (cause) {
      db?.close();
      throw heldError(folder, cause);
    }
  }

  /** Makes a durable copy in another folder, where no state is yet. */
  async copyInto(folder: string): Promise<void> {
    const path = join(folder, STATE_NAME);
    try {
      this.#db.prepare("VACUUM INTO ?").run(path);
      const file = await open(path, "r+");
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw heldError(this.#folder, cause);
    }
  }

  /** Lets go of the lock. */
  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function heldError(folder: string, cause: unknown): SteleError {
  const said = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : null;
  return code === BUSY
    ? new SteleError("spool.locked", `the spool ${folder} is open in another process; a log has one writer: end the other`, {
        cause,
      })
    : new SteleError("spool.failed", `${join(folder, STATE_NAME)}: ${said}`, { cause });
}
