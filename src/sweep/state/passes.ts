import { parseTimestamp, type Timestamp } from "../../core/time.ts";
import { ROUNDS, type RoundName } from "../place.ts";
import type { Database, Row } from "./database.ts";

/** One going through a log, block after block, by the locks or the content round. */
export interface Pass {
  readonly id: number;
  readonly round: RoundName;
  readonly log: string;
  /** Such as `1/1` or `2/4`. */
  readonly shard: string;
  readonly startedAt: Timestamp;
  /** All blocks of the shard before this one are done. */
  readonly nextBlock: number;
  /** Manifests of the block under way that were checked. */
  readonly done: ReadonlySet<number>;
}

export interface FinishedPass {
  readonly startedAt: Timestamp;
  readonly finishedAt: Timestamp;
}

const UNDER_WAY = "SELECT * FROM passes WHERE round = ? AND log = ? AND shard = ? AND finished_at IS NULL";

/** How far the rounds over blocks have got. */
export class Passes {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  current(round: RoundName, log: string, shard: string): Pass | null {
    const row = this.#db.get(UNDER_WAY, round, log, shard);
    return row === null ? null : this.#read(row);
  }

  begin(round: RoundName, log: string, shard: string, now: Timestamp, nextBlock = 0): Pass {
    const current = this.current(round, log, shard);
    if (current !== null) return current;
    this.#db.run(
      "INSERT INTO passes (round, log, shard, started_at, next_block) VALUES (?, ?, ?, ?, ?)",
      round,
      log,
      shard,
      now,
      nextBlock,
    );
    const begun = this.current(round, log, shard);
    if (begun === null) throw new Error("a pass that was written is not there");
    return begun;
  }

  checked({ id }: Pass, index: number): void {
    this.#db.run("INSERT OR IGNORE INTO pass_done (pass, manifest) VALUES (?, ?)", id, index);
  }

  /** Remembers what was found in the block under way, for when the look at it ends. */
  sighted({ id }: Pass, findings: Iterable<string>): void {
    for (const finding of findings) this.#db.run("INSERT OR IGNORE INTO pass_found (pass, finding) VALUES (?, ?)", id, finding);
  }

  /** Ids of what was found in the block under way. */
  sightings({ id }: Pass): Set<string> {
    return new Set(this.#db.all("SELECT finding FROM pass_found WHERE pass = ?", id).map((row) => row.text("finding")));
  }

  finishBlock({ id }: Pass, block: number): void {
    this.#forgetBlock(id);
    this.#db.run("UPDATE passes SET next_block = ? WHERE id = ?", block + 1, id);
  }

  /** The pass has been through its log. Only the newest finished one is kept. */
  finish({ id, round, log, shard }: Pass, now: Timestamp): void {
    this.#forgetBlock(id);
    this.#db.run("DELETE FROM passes WHERE round = ? AND log = ? AND shard = ? AND finished_at IS NOT NULL", round, log, shard);
    this.#db.run("UPDATE passes SET finished_at = ? WHERE id = ?", now, id);
  }

  last(round: RoundName, log: string, shard: string): FinishedPass | null {
    const find =
      "SELECT * FROM passes WHERE round = ? AND log = ? AND shard = ? AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1";
    const row = this.#db.get(find, round, log, shard);
    return row === null ? null : finished(row);
  }

  /** All that are known, finished or under way. */
  all(): (Pass & { readonly finishedAt: Timestamp | null })[] {
    return this.#db.all("SELECT * FROM passes ORDER BY id").map((row) => {
      const end = row.textOrNull("finished_at");
      return { ...this.#read(row), finishedAt: end === null ? null : parseTimestamp(end) };
    });
  }

  #forgetBlock(id: number): void {
    this.#db.run("DELETE FROM pass_done WHERE pass = ?", id);
    this.#db.run("DELETE FROM pass_found WHERE pass = ?", id);
  }

  #read(row: Row): Pass {
    return row.read(() => {
      const id = row.number("id");
      const done = this.#db.all("SELECT manifest FROM pass_done WHERE pass = ? ORDER BY manifest", id);
      const round = ROUNDS.find((one) => one === row.text("round"));
      if (round === undefined) throw new TypeError(`round: got ${row.text("round")}`);
      return {
        id,
        round,
        log: row.text("log"),
        shard: row.text("shard"),
        startedAt: parseTimestamp(row.text("started_at")),
        nextBlock: row.number("next_block"),
        done: new Set(done.map((one) => one.number("manifest"))),
      };
    });
  }
}

function finished(row: Row): FinishedPass {
  return row.read(() => ({
    startedAt: parseTimestamp(row.text("started_at")),
    finishedAt: parseTimestamp(row.text("finished_at")),
  }));
}
