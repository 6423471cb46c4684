import type { LogIdentity } from "../../archive/archive.ts";
import { type Timestamp, toMillis } from "../../core/time.ts";
import type { EntryObserver, MetManifest, Observation } from "../../sweep/observer.ts";
import { ALARM_LIMITS, type AlarmLimits, alarmsOf, heldBackAlarms } from "./evaluate.ts";
import { RuleMemory } from "./memory.ts";
import { RuleSet, type RulesStatus } from "./rule-set.ts";
import type { Rule } from "./rules-file.ts";

/** Entries that arrived within a throttle's time may be met so much later. */
const GRACE = 600_000;

/** Asks rules about events as the head round meets them. */
export class RuleObserver implements EntryObserver {
  readonly name = "rules";
  readonly #rules: RuleSet;
  readonly #limits: AlarmLimits;
  readonly #forgotten = new Map<string, number>();

  constructor(rules: readonly Rule[], limits: Partial<AlarmLimits> = {}) {
    this.#rules = new RuleSet(rules);
    this.#limits = { ...ALARM_LIMITS, ...limits };
  }

  wants(log: string): boolean {
    return this.#rules.wants(log);
  }

  /** @throws what the proof of a match throws; nothing was told then */
  async observe({ log, origin, commit, segment, prove }: MetManifest, notes: string | null): Promise<Observation> {
    const { manifest } = commit;
    const memory = RuleMemory.read(notes);
    const scene = { origin, log, at: manifest.sealed };
    if (segment === null) {
      memory.advance(toMillis(manifest.sealed));
      return this.#observation(heldBackAlarms(this.#rules, scene, memory, this.#limits), memory, log, notes);
    }
    const entries = { manifest, first: manifest.entries.first, raw: segment.raw, ends: segment.ends, prove };
    return this.#observation(await alarmsOf(this.#rules, scene, entries, memory, this.#limits), memory, log, notes);
  }

  /** A throttle's time passes also where nothing comes. */
  idle(log: LogIdentity, origin: string, now: Timestamp, notes: string | null): Promise<Observation> {
    if (notes === null) return Promise.resolve({ alarms: [] });
    const memory = RuleMemory.read(notes);
    const alarms = heldBackAlarms(this.#rules, { origin, log, at: now }, memory, this.#limits, toMillis(now) - GRACE);
    return Promise.resolve(alarms.length === 0 ? { alarms } : this.#observation(alarms, memory, log, notes));
  }

  /** What became of the rules since the process began. */
  status(): RulesStatus & { readonly forgotten: number } {
    return { ...this.#rules.status, forgotten: [...this.#forgotten.values()].reduce((sum, n) => sum + n, 0) };
  }

  #observation(alarms: Observation["alarms"], memory: RuleMemory, log: LogIdentity, notes: string | null): Observation {
    this.#forgotten.set(log.name, memory.forgotten);
    const kept = memory.format();
    if (kept === null && notes === null) return { alarms };
    return { alarms, notes: kept ?? "" };
  }
}
