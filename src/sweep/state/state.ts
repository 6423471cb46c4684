import type { SignedCheckpoint } from "../../core/checkpoint.ts";
import { SteleError } from "../../core/error.ts";
import { type Timestamp, timestamp, toMillis } from "../../core/time.ts";
import type { Alarm } from "../alarm.ts";
import { blockOf, type Place, type RoundName } from "../place.ts";
import type { Acknowledgement } from "../finding-record.ts";
import type { Folded } from "../fold.ts";
import { adopt } from "./adopt.ts";
import { Changes } from "./changes.ts";
import { Database } from "./database.ts";
import { makeFolder } from "./folder.ts";
import type { Found } from "./found.ts";
import { KeptCheckpoints } from "./kept-checkpoints.ts";
import { type Episode, Ledger } from "./ledger.ts";
import { Outbox, type QueuedAlarm } from "./outbox.ts";
import { type FinishedPass, type Pass, Passes } from "./passes.ts";
import { PendingReports } from "./pending-reports.ts";
import { type RememberedLog, RememberedLogs } from "./remembered-logs.ts";
import { Reporter } from "./reporter.ts";
import type { RoundSummary } from "./round-summary.ts";
import { CLOSED_KEPT_MILLIS, Sightings } from "./sightings.ts";
import { Telling } from "./telling.ts";

export interface SweepStateOptions {
  /** The archive's. */
  readonly origin: string;
  /** The store's url: a state of another place is refused. */
  readonly place: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How often an open finding is told of again, in milliseconds. Default: 24 hours. */
  readonly remindEveryMillis?: number | undefined;
  /** Findings of one log that get an alarm of their own in one sweep; the rest share one. Default: 100. */
  readonly maxAlarms?: number | undefined;
}

const DAY = 86_400_000;
const MAX_ALARMS = 100;

/** Facts. */
const BEGUN = "begun";
const SWEEPS_READ = "sweeps-read";
const TAKEN_OVER = "taken-over";

/**
 * What sweeps of one archive remember on this machine: how far they got, what is open, whom to tell. Everything that belongs
 * together is written in one transaction, so that a kill at any point loses no alarm and makes none a second time.
 *
 * One process has it open at a time.
 */
export class SweepState implements Disposable {
  readonly origin: string;
  readonly ledger: Ledger;
  readonly reports: PendingReports;
  readonly #db: Database;
  readonly #now: () => number;
  readonly #logs: RememberedLogs;
  readonly #passes: Passes;
  readonly #outbox: Outbox;
  readonly #telling: Telling;
  readonly #sightings: Sightings;
  readonly #reporter: Reporter;
  readonly #kept: KeptCheckpoints;

  private constructor(db: Database, options: SweepStateOptions) {
    const { origin, now, remindEveryMillis = DAY, maxAlarms = MAX_ALARMS } = options;
    this.origin = origin;
    this.#db = db;
    this.#now = now;
    this.#logs = new RememberedLogs(db);
    this.#passes = new Passes(db);
    this.#outbox = new Outbox(db);
    this.#kept = new KeptCheckpoints(db);
    const changes = new Changes(db);
    this.reports = new PendingReports(db);
    this.ledger = new Ledger(db);
    this.#telling = new Telling(db, this.ledger, this.#outbox, { origin, remindEveryMillis, maxAlarms });
    this.#sightings = new Sightings(db, this.ledger, this.#telling, changes, origin);
    const { ledger, reports } = this;
    this.#reporter = new Reporter(db, { origin, logs: this.#logs, passes: this.#passes, ledger, changes, reports });
  }

  /**
   * @throws SteleError `sweep.locked` when another has it open; `sweep.failed` when it can't be read, or is of another archive
   */
  static open(folder: string, options: SweepStateOptions): SweepState {
    makeFolder(folder);
    const db = Database.open(folder, options);
    return new SweepState(db, options);
  }

  close(): void {
    this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Does several things in one transaction: all of them are kept, or none. */
  atomically<T>(work: () => T): T {
    return this.#db.transaction(work);
  }

  /** Whether nothing was ever remembered here: a new machine, or a new archive. */
  get isNew(): boolean {
    return this.#db.fact(BEGUN) === null;
  }

  /** Says that from now on this state is what is known, though nothing was seen yet. */
  begin(): void {
    this.#db.setFact(BEGUN, timestamp(this.#now()));
  }

  /**
   * `owed`: sweeps began here though the archive's log of sweeps could not be understood. `unproven`: what it says was taken over, and
   * no sweep has looked since.
   */
  get takenOver(): "owed" | "unproven" | null {
    const said = this.#db.fact(TAKEN_OVER);
    return said === "owed" || said === "unproven" ? said : null;
  }

  /** What the log of sweeps says is still to be taken over, or was. */
  setTakenOver(to: "owed" | "unproven"): void {
    this.#change(() => this.#db.setFact(TAKEN_OVER, to));
  }

  logs(): RememberedLog[] {
    return this.#logs.all();
  }

  log(name: string): RememberedLog | null {
    return this.#logs.get(name);
  }

  /**
   * The head round passed manifests, up to the head given: how far it is, what observers noted and told, and what was found
   * there. Findings open here; only {@link settle} closes.
   */
  advanceHead(
    log: RememberedLog,
    met: {
      readonly alarms?: readonly Alarm[];
      readonly notes?: ReadonlyMap<string, string>;
      readonly findings?: readonly Found[];
    } = {},
  ): void {
    const { alarms = [], notes = new Map<string, string>(), findings = [] } = met;
    this.#change(() => {
      this.#logs.put(log);
      for (const [observer, text] of notes) this.#logs.setNotes(observer, log.name, text);
      this.#outbox.add(alarms);
      this.#sightings.sight("head", { log: log.name, block: null }, findings, this.#time());
    });
  }

  /** What an observer noted of a log; null where it noted nothing. */
  notes(observer: string, log: string): string | null {
    return this.#logs.notes(observer, log);
  }

  /** The pass under way; null where none is. */
  pass(round: RoundName, log: string, shard: string): Pass | null {
    return this.#passes.current(round, log, shard);
  }

  /** The pass under way, or a new one. */
  beginPass(round: RoundName, log: string, shard: string): Pass {
    return this.#change(() => this.#passes.begin(round, log, shard, this.#time()));
  }

  /** A manifest of the block under way was checked, with all it names. */
  checked(pass: Pass, index: number, findings: readonly Found[]): void {
    // Progress alone may be undone by a power cut: the manifest is then checked again.
    this.#change(() => {
      this.#passes.checked(pass, index);
      const place = { log: pass.log, block: blockOf(index) };
      const ids = this.#sightings.sight(pass.round, place, findings, this.#time());
      this.#passes.sighted(pass, ids);
    }, findings.length > 0);
  }

  /**
   * A block was looked at from end to end.
   * @param findings all that was found in it, or what {@link checked} was not told
   * @param readable whether all of it could be read: if not, nothing of it is closed
   */
  finishBlock(pass: Pass, block: number, findings: readonly Found[], readable: boolean): void {
    this.#change(() => {
      const earlier = this.#passes.sightings(pass);
      this.#sightings.look(pass.round, { log: pass.log, block }, { findings, earlier, readable, now: this.#time() });
      this.#passes.finishBlock(pass, block);
    });
  }

  finishPass(pass: Pass): void {
    this.#change(() => this.#passes.finish(pass, this.#time()));
  }

  /** When the newest finished pass began and ended. */
  lastPass(round: RoundName, log: string, shard: string): FinishedPass | null {
    return this.#passes.last(round, log, shard);
  }

  /**
   * A look at a place is over.
   * @param readable whether all of it could be read: if not, nothing of it is closed
   * @param covered manifests, end exclusive, that the head round walked
   */
  settle(
    round: RoundName,
    place: Place,
    findings: readonly Found[],
    readable: boolean,
    covered?: { readonly first: number; readonly end: number },
  ): void {
    this.#change(() => this.#sightings.look(round, place, { findings, readable, covered, now: this.#time() }));
  }

  /** From here on, findings count anew towards the alarms that one sweep makes. */
  beginSweep(): void {
    this.#change(() => this.#telling.beginSweep(this.#time()));
  }

  /** Tells of what got no alarm of its own, and reminds of what is open. */
  endSweep(): void {
    this.#change(() => {
      this.#telling.tellHeldBack(this.#time());
      this.#telling.remind(this.#time());
    });
  }

  /** Reminds of what has been open for long, and opens again what was acknowledged until now. */
  remind(): void {
    this.#change(() => this.#telling.remind(this.#time()));
  }

  /**
   * Checkpoints that were given to sweeps and were not held, and these, from now on: until {@link forgetHeld}, each sweep holds
   * the logs against them, whether it is given them again or not.
   */
  keepCheckpoints(given: readonly SignedCheckpoint[]): readonly SignedCheckpoint[] {
    return this.#change(() => {
      this.#kept.add(given);
      return this.#kept.all();
    });
  }

  /** Forgets the checkpoints of logs of which nothing is open that a checkpoint may have told. */
  forgetHeld(): void {
    this.#change(() => {
      this.#kept.forgetHeld(this.origin, this.ledger.open());
      if (this.takenOver === "unproven") this.#db.setFact(TAKEN_OVER, "looked");
    });
  }

  /** Alarms that are of no finding. One that was raised before, by its id, is not raised again. */
  raise(alarms: readonly Alarm[]): void {
    this.#change(() => this.#outbox.add(alarms));
  }

  /** Alarms after `afterSeq`, in the order they were made. */
  alarms(afterSeq: number, limit: number): QueuedAlarm[] {
    return this.#outbox.after(afterSeq, limit);
  }

  /** All alarms up to `seq` are in other hands now. */
  handedOver(seq: number): void {
    this.#change(() => this.#outbox.handedOver(seq));
  }

  lastHandedOver(): number {
    return this.#outbox.lastHandedOver();
  }

  /**
   * Puts a round's report among those to be appended to `_sweeps`, with what was opened and closed since the last one; once a
   * day also all that a new machine would need.
   * @returns its lines: more than one where it is long
   */
  report(summary: RoundSummary): readonly string[] {
    return this.#change(() => {
      const now = this.#time();
      // What is told in one alarm for many is to stand in the report as told.
      this.#telling.tellHeldBack(now);
      const lines = this.#reporter.report(summary, now);
      this.#sightings.forget(timestamp(toMillis(now) - CLOSED_KEPT_MILLIS));
      return lines;
    });
  }

  /**
   * Someone answers for a finding: no more reminders, until it is gone or `until` has come. A line of its own for `_sweeps`.
   * @param sweeper which process on which machine was told
   */
  acknowledge(found: Episode, acknowledged: Acknowledgement, sweeper: string): void {
    this.#change(() => {
      this.#telling.acknowledge(found, acknowledged, this.#time());
      this.#reporter.acknowledgement(found, acknowledged, sweeper, this.#time());
    });
  }

  /**
   * Takes over an acknowledgement that was made elsewhere, unless what it was of is closed or acknowledged already.
   * @returns whether it was taken over
   */
  takeOver(finding: string, firstSeen: Timestamp, acknowledged: Acknowledgement): boolean {
    const found = this.ledger.find(finding);
    const isOver = acknowledged.until !== null && acknowledged.until <= this.#time();
    if (found === null || found.acknowledged !== null || found.firstSeen > firstSeen || isOver) return false;
    this.#change(() => this.#telling.acknowledge(found, acknowledged, this.#time()));
    return true;
  }

  /** How many entries of the archive's log of sweeps were read for what others say. */
  get sweepsRead(): number {
    const end = this.#db.fact(SWEEPS_READ);
    return typeof end === "number" ? end : 0;
  }

  readSweepsTo(end: number): void {
    this.#change(() => this.#db.setFact(SWEEPS_READ, end));
  }

  /**
   * Takes over what the archive's log of sweeps says.
   * @throws SteleError `sweep.failed` unless this state {@link isNew}
   */
  adopt(folded: Folded): void {
    if (!this.isNew)
      throw new SteleError("sweep.failed", "something is remembered here already: nothing can be restored over it");
    this.#change(() => {
      adopt(this.#db, this.#logs, this.#passes, folded);
      this.#db.setFact(TAKEN_OVER, "unproven");
    });
  }

  #change<T>(work: () => T, durable = true): T {
    return this.#db.transaction(() => {
      if (this.isNew) this.begin();
      return work();
    }, durable);
  }

  #time(): Timestamp {
    return timestamp(this.#now());
  }
}
