import { fromUtf8, utf8 } from "../../core/bytes.ts";
import { encodeCheckpoint, parseCheckpoint, type SignedCheckpoint } from "../../core/checkpoint.ts";
import { SteleError } from "../../core/error.ts";
import { logOrigin } from "../../core/layout.ts";
import type { Finding, FindingCode } from "../../archive/finding.ts";
import type { Database } from "./database.ts";

/** What a checkpoint that was kept elsewhere may tell of a log, and what keeps that from being told. */
const TOLD_BY_CHECKPOINTS: ReadonlySet<FindingCode> = new Set([
  "checkpoint.bad-signature",
  "checkpoint.inconsistent",
  "log.missing",
  "log.truncated",
  "log.unreadable",
]);

/** Fact. */
const KEPT = "given";

/** Checkpoints that a log did not hold: a later sweep that is not given them again must not find that all is well. */
export class KeptCheckpoints {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  all(): SignedCheckpoint[] {
    return this.#notes().map((note) => parseCheckpoint(utf8(note)));
  }

  /** What was kept, and these. */
  add(checkpoints: readonly SignedCheckpoint[]): void {
    const notes = this.#notes();
    const added = checkpoints.map((one) => fromUtf8(encodeCheckpoint(one))).filter((note) => !notes.includes(note));
    if (added.length > 0) this.#db.setFact(KEPT, JSON.stringify([...notes, ...new Set(added)]));
  }

  /**
   * Forgets those of logs of which nothing is open that a checkpoint may have told.
   * @param archive its origin: a checkpoint of another is held against the archive as a whole
   */
  forgetHeld(archive: string, open: readonly Pick<Finding, "code" | "log">[]): void {
    const told = open.filter(({ code }) => TOLD_BY_CHECKPOINTS.has(code));
    const logs = new Set(told.map(({ log }) => (log === "" ? "" : logOrigin(archive, log))));
    const isWanted = ({ origin }: SignedCheckpoint): boolean => logs.has(origin.startsWith(`${archive}/`) ? origin : "");
    const notes = this.#notes();
    const wanted = notes.filter((note) => isWanted(parseCheckpoint(utf8(note))));
    if (wanted.length < notes.length) this.#db.setFact(KEPT, JSON.stringify(wanted));
  }

  #notes(): string[] {
    const kept = this.#db.fact(KEPT);
    if (kept === null) return [];
    const notes: unknown = JSON.parse(String(kept));
    if (Array.isArray(notes) && notes.every((note) => typeof note === "string")) return notes;
    throw new SteleError("sweep.failed", "the checkpoints that are remembered can't be read: the state is damaged");
  }
}
