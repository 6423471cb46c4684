import type { Archive } from "../../archive/archive.ts";
import type { Signer } from "../../core/key.ts";
import { SteleError } from "../../core/error.ts";
import { followAcknowledgements } from "../../sweep/acknowledge.ts";
import { requestsOf } from "../../sweep/cost.ts";
import { openForSweep } from "../../sweep/open-for-sweep.ts";
import type { RoundName } from "../../sweep/place.ts";
import { record } from "../../sweep/record.ts";
import { beginUnrestored, restore } from "../../sweep/restore.ts";
import type { SweepResult } from "../../sweep/result.ts";
import type { SweepState } from "../../sweep/state/state.ts";
import { sweep } from "../../sweep/sweep.ts";
import { openStoreWith } from "../settings.ts";
import { sweepSigner, thisSweeper } from "../sweep-state.ts";
import { counted } from "../words.ts";
import type { Clock } from "./clock.ts";
import { type EventLog, reasonOf } from "./event-log.ts";
import { reportOf, type RoundReport } from "./round-status.ts";
import type { Setup } from "./setup.ts";

export interface RoundRunnerOptions {
  readonly location: string;
  readonly state: SweepState;
  /** The key of the log of sweeps, where one was named. */
  readonly sweepKey: string | undefined;
  readonly clock: Clock;
  readonly log: EventLog;
  /** Aborts when the daemon is to end at once. */
  readonly abort: AbortSignal;
}

/** A round that ended, and what it used. */
export interface RoundRun extends RoundReport {
  readonly requests: number;
  readonly bytes: number;
}

const FAILED: RoundRun = { outcome: "failed", reason: null, isAllSound: false, requests: 0, bytes: 0 };

/** Runs rounds of one archive. What goes wrong is a report, and no error: the next round is another try. */
export class RoundRunner {
  readonly #options: RoundRunnerOptions;
  #archive: Archive;
  #recorded: number;
  #recording: Promise<void> | null = null;
  #signer: Signer | null = null;
  #saidKeyless = false;

  constructor(archive: Archive, options: RoundRunnerOptions) {
    this.#archive = archive;
    this.#options = options;
    this.#recorded = options.clock.now();
  }

  get archive(): Archive {
    return this.#archive;
  }

  /** Another configuration: other keys, another way to the store. */
  async reopen({ settings }: Setup): Promise<void> {
    const { location, state } = this.#options;
    const archive = await openForSweep(await openStoreWith(location, settings), settings.pinned);
    if (archive.origin !== state.origin) {
      throw new SteleError(
        "log.key",
        `expected the archive ${state.origin}, which was opened at the start, got ${archive.origin}`,
      );
    }
    this.#archive = archive;
    this.#signer = null;
  }

  /** @param stop ends the round early, with its progress kept */
  async run(round: RoundName, setup: Setup, stop: AbortSignal): Promise<RoundRun> {
    try {
      // The description was not to be had when the archive was opened; it names keys that the pinned ones do not.
      if (this.#archive.description === null) await this.reopen(setup);
      // Nothing may begin before what earlier sweeps saw is known: it would count as known from then on.
      if (round === "head" || this.#options.state.isNew) await this.#catchUp();
      const result = await this.#sweep(round, setup, stop);
      this.#tell(result);
      if (this.#isToRecord(result, setup)) this.#recording ??= this.#record(setup);
      const { cost } = result;
      return { ...reportOf(result, stop.aborted), requests: requestsOf(cost), bytes: cost.bytesRead };
    } catch (error) {
      const reason = reasonOf(error);
      if (stop.aborted) return { ...FAILED, outcome: "stopped", reason };
      this.#options.log.error("round.failed", `the ${round} round failed: ${reason}`, { round });
      return { ...FAILED, reason };
    }
  }

  /** Waits for a report that is being written, at most so long. */
  async settled(millis: number): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#recording, this.#options.clock.wait(millis, over.signal)]);
    over.abort();
  }

  /** What others know that this machine does not: everything, where it is new here; what was acknowledged elsewhere. */
  async #catchUp(): Promise<void> {
    const { state, log, abort } = this.#options;
    if (state.isNew) {
      try {
        const restored = await restore(this.#archive, state, { signal: abort });
        if (restored !== null)
          log.info("state.restored", "what earlier sweeps saw was taken over from the archive's log of sweeps");
      } catch (error) {
        abort.throwIfAborted();
        beginUnrestored(state, error);
        log.warn("state.unrestored", `what earlier sweeps saw could not be taken over: ${reasonOf(error)}`);
      }
      return;
    }
    try {
      const taken = await followAcknowledgements(this.#archive, state, { signal: abort });
      if (taken > 0) log.info("findings.acknowledged", `${counted(taken, "finding")} acknowledged`);
    } catch (error) {
      abort.throwIfAborted();
      // The round says by itself what is the matter with the archive.
      log.warn("acknowledgements.unread", `acknowledgements could not be read: ${reasonOf(error)}`);
    }
  }

  #sweep(round: RoundName, { sweep: config, settings, observers, anchoring }: Setup, stop: AbortSignal): Promise<SweepResult> {
    const { budget, maxRequests, contentDays, bandwidth, connections, policy, grace } = config;
    const { state, clock, abort } = this.#options;
    return sweep(this.#archive, {
      state,
      rounds: [round],
      now: () => clock.now(),
      observers,
      anchors: anchoring?.policy,
      // Where nobody says otherwise, the content round reads what is due: hour by hour, all of it within its days.
      budget: { bytes: budget ?? "auto", requests: maxRequests },
      contentDays,
      bandwidth,
      connections,
      policy,
      graceMillis: grace,
      // A log that is just being made has a description and no manifest yet; one that held something before is remembered.
      allowEmpty: state.logs().length > 0,
      sweeper: thisSweeper(),
      threads: settings.limits.threads,
      stop,
      signal: abort,
    });
  }

  #tell({ findings }: SweepResult): void {
    const { log } = this.#options;
    for (const { standing, id, code, severity, log: name, object, message } of findings) {
      const fields = { finding: id, code, severity, log: name, object };
      if (standing === "new" && severity !== "info") log.warn("finding.opened", message, fields);
      if (standing === "gone") log.info("finding.closed", message, fields);
    }
  }

  /** At once where something changed, else from time to time: each time costs a segment and a manifest. */
  #isToRecord({ findings }: SweepResult, { watch }: Setup): boolean {
    const changed = findings.some(({ standing }) => standing !== "open");
    return changed || this.#options.clock.now() - this.#recorded >= watch.recordEvery;
  }

  async #record({ settings }: Setup): Promise<void> {
    const { state, log, sweepKey, abort } = this.#options;
    try {
      this.#signer ??= await sweepSigner(this.#archive, settings, sweepKey, (message) => log.warn("key", message));
      if (this.#signer === null) {
        if (this.#saidKeyless) return;
        this.#saidKeyless = true;
        log.warn(
          "reports.kept",
          `no key of the archive's log of sweeps is at hand (--sweep-key): what sweeps see is only remembered on this machine`,
        );
        return;
      }
      const options = { signer: this.#signer, spool: settings.spool, writerId: thisSweeper(), signal: abort };
      const count = await record(this.#archive, state, options);
      if (count > 0) log.info("reports.archived", `${counted(count, "report")} archived in the log of sweeps`);
    } catch (error) {
      log.warn("reports.waiting", `reports wait to be archived: ${reasonOf(error)}`);
    } finally {
      this.#recorded = this.#options.clock.now();
      this.#recording = null;
    }
  }
}
