import type { LogIdentity } from "../../archive/archive.ts";
import { type Finding, finding, isReadFailure } from "../../archive/finding.ts";
import { loadSegment } from "../../archive/load-segment.ts";
import type { OpenedSegment } from "../../archive/segment/open.ts";
import { chainStart } from "../../core/chain.ts";
import { equalBytes, fromBase64 } from "../../core/bytes.ts";
import type { Commit } from "../../core/commit.ts";
import { isSteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { logKey } from "../../core/layout.ts";
import { timestamp } from "../../core/time.ts";
import type { Alarm } from "../alarm.ts";
import type { EntryObserver, Observation } from "../observer.ts";
import type { RoundContext } from "./context.ts";
import { proveMet } from "./prove-met.ts";

/** What reading a manifest's entries gave. */
export interface MetEntries {
  readonly segment: OpenedSegment | null;
  /** Why there are none, where there should be. */
  readonly findings: readonly Finding[];
  /** Whether they may be had another time: the head round then waits here. */
  readonly unreadable: boolean;
}

/** What observers made of it: kept in one transaction with the head's progress. */
export interface Observed {
  readonly alarms: readonly Alarm[];
  readonly notes: ReadonlyMap<string, string>;
}

/** Shows the entries of new manifests to those who want to see them. */
export class EntryWatch {
  readonly #context: RoundContext;
  readonly #log: LogIdentity;
  readonly #observers: readonly EntryObserver[];
  readonly #notes = new Map<string, string | null>();

  constructor(context: RoundContext, log: LogIdentity) {
    this.#context = context;
    this.#log = log;
    this.#observers = context.observers.filter((observer) => observer.wants(log.name));
    for (const { name } of this.#observers) this.#notes.set(name, context.state.notes(name, log.name));
  }

  /** Whether anybody wants to see entries of this log. */
  get wanted(): boolean {
    return this.#observers.length > 0;
  }

  /** Reads and verifies the entries of a manifest. @throws the signal's reason */
  async read(commit: Commit, before: Commit | null): Promise<MetEntries> {
    const { segment, index, entries, retention } = commit.manifest;
    const { store, pool, signal, now } = this.#context;
    if (segment === null) return { segment: null, findings: [], unreadable: false };
    const where = { object: logKey(this.#log.name, segment.key), versionId: segment.versionId, index };
    const told = (found: Finding, unreadable: boolean): MetEntries => ({ segment: null, findings: [found], unreadable });
    try {
      const chainBefore = chainBehind(this.#log, index, before);
      const opened = await loadSegment(store, pool, this.#log, commit, segment, { chainBefore, keepRaw: true, signal });
      if (opened.chain === null || equalBytes(opened.chain, fromBase64(entries.chain, "entries.chain")))
        return { segment: opened, findings: [], unreadable: false };
      const message = `the entries of manifest ${index} do not lead to its chain value`;
      return told(finding("chain.broken", this.#log.name, message, { ...where, expected: entries.chain }), false);
    } catch (error) {
      if (!isSteleError(error) || signal?.aborted === true) throw error;
      if (isReadFailure(error.code)) return told(finding("segment.unreadable", this.#log.name, error.message, where), true);
      if (error.code !== "store.not-found")
        return told(
          finding(
            "segment.altered",
            this.#log.name,
            `the segment of manifest ${index} is not what was archived: ${error.message}`,
            where,
          ),
          false,
        );
      if (retention.until <= timestamp(now())) {
        const expired = `it is gone, after its lock had ended on ${retention.until}`;
        return told(finding("object.expired", this.#log.name, expired, where), false);
      }
      return told(finding("segment.missing", this.#log.name, `the segment of manifest ${index} is missing`, where), false);
    }
  }

  /** @param keys that may have signed the manifest */
  async observe(commit: Commit, segment: OpenedSegment | null, keys: readonly VerifierKey[]): Promise<Observed> {
    const { origin } = this.#context.archive;
    const met = {
      log: this.#log,
      origin,
      commit,
      segment,
      prove: async (index: number) => proveMet(commit, segment, index, keys),
    };
    return this.#ask((observer, notes) => observer.observe(met, notes));
  }

  /** Asks those who want to know when nothing came. */
  async idle(now: number): Promise<Observed> {
    const { origin } = this.#context.archive;
    return this.#ask(
      async (observer, notes) => (await observer.idle?.(this.#log, origin, timestamp(now), notes)) ?? { alarms: [] },
    );
  }

  async #ask(question: (observer: EntryObserver, notes: string | null) => Promise<Observation>): Promise<Observed> {
    const alarms: Alarm[] = [];
    const kept = new Map<string, string>();
    for (const observer of this.#observers) {
      const seen = await question(observer, this.#notes.get(observer.name) ?? null);
      alarms.push(...seen.alarms);
      if (seen.notes === undefined) continue;
      kept.set(observer.name, seen.notes);
      this.#notes.set(observer.name, seen.notes);
    }
    return { alarms, notes: kept };
  }
}

function chainBehind(log: LogIdentity, index: number, before: Commit | null): Uint8Array | null {
  if (index === 0) return chainStart(log.origin);
  return before?.manifest.index === index - 1 ? fromBase64(before.manifest.entries.chain, "entries.chain") : null;
}
