import { anchorLog } from "../../archive/anchor/anchor-log.ts";
import type { Archive } from "../../archive/archive.ts";
import { isSteleError } from "../../core/error.ts";
import type { RememberedLog } from "../../sweep/state/remembered-logs.ts";
import type { ConfiguredAnchoring } from "../anchoring.ts";
import { counted } from "../words.ts";
import { type EventLog, reasonOf } from "./event-log.ts";
import type { RoundReport } from "./round-status.ts";

export interface AnchorsOptions {
  readonly state: { logs(): readonly Pick<RememberedLog, "name" | "checkpoint">[] };
  readonly now: () => number;
  readonly log: EventLog;
}

/** Has the heads of an archive's logs anchored: those that the head round saw in order. */
export class Anchors {
  readonly #options: AnchorsOptions;
  /** Sizes that have all their anchors, by log. */
  readonly #anchored = new Map<string, number>();

  constructor(options: AnchorsOptions) {
    this.#options = options;
  }

  /** Whether a head stands without anchors, as far as is known since the start. */
  get isAnyNew(): boolean {
    return this.#options.state.logs().some(({ name, checkpoint }) => this.#anchored.get(name) !== checkpoint.size);
  }

  /** A configuration may ask for others. */
  forget(): void {
    this.#anchored.clear();
  }

  /** One that fails does not keep the others; it is tried again with the next. */
  async run(archive: Archive, { anchoring, fetch }: ConfiguredAnchoring, signal: AbortSignal): Promise<RoundReport> {
    const { state, now, log } = this.#options;
    const failed: string[] = [];
    // What a witness knows of another history goes before whoever did not answer.
    const unsound: string[] = [];
    const blame = (error: unknown, text: string): void => {
      (isSteleError(error, "log.unsound") ? unsound : failed).push(text);
    };
    let count = 0;
    for (const { name, checkpoint } of state.logs()) {
      if (signal.aborted) return { outcome: "stopped", reason: "not all heads were anchored yet", isAllSound: false };
      if (this.#anchored.get(name) === checkpoint.size) continue;
      try {
        const { outcomes, complete, checkpoint: head } = await anchorLog(archive, name, anchoring, { now, fetch, signal });
        count += outcomes.filter(({ outcome }) => outcome === "anchored").length;
        if (complete) this.#anchored.set(name, head.size);
        for (const { by, error } of outcomes) {
          if (error !== null) blame(error, `${name}: ${by}: ${error.message}`);
        }
      } catch (error) {
        if (signal.aborted) return { outcome: "stopped", reason: "not all heads were anchored yet", isAllSound: false };
        blame(error, `${name}: ${reasonOf(error)}`);
      }
    }
    if (count > 0) log.info("anchored", counted(count, "anchor"), { count });
    const [first, ...more] = [...unsound, ...failed];
    if (first === undefined) return { outcome: "sound", reason: null, isAllSound: true };
    const reason = `${first}${more.length === 0 ? "" : `; and ${more.length} more`}`;
    return { outcome: unsound.length > 0 ? "unsound" : "failed", reason, isAllSound: false };
  }
}
