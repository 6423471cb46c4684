import { setImmediate } from "node:timers/promises";
import type { Manifest } from "../../core/manifest.ts";
import type { SteleProof } from "../../core/stele-proof.ts";
import { toMillis } from "../../core/time.ts";
import type { Alarm } from "../../sweep/alarm.ts";
import { heldBackAlarm, heldBackRestAlarm, matchAlarm, type Rest, restAlarm, type Scene, type Told } from "./alarms.ts";
import type { HeldBack, RuleMemory } from "./memory.ts";
import type { Entry, RuleSet } from "./rule-set.ts";

/** Verified entries of one manifest: all of them, or a run. */
export interface Entries {
  readonly manifest: Manifest;
  /** Index of the first. */
  readonly first: number;
  /** Each entry followed by a line feed, whose places are `ends`. */
  readonly raw: Uint8Array;
  readonly ends: Uint32Array;
  readonly prove: (index: number) => Promise<SteleProof>;
}

/** So many alarms of a rule in one manifest, and so many characters of events in all; what is more is told in one alarm. */
export interface AlarmLimits {
  readonly perRule: number;
  readonly chars: number;
}

export const ALARM_LIMITS: AlarmLimits = { perRule: 100, chars: 16 * 2 ** 20 };

/** Entries after which others get a turn. */
const TURN = 500;

/**
 * Asks the rules about each entry and gives the alarms, in order of index.
 * @throws what `prove` throws: a match without its proof is not told, the entries are looked at again
 */
export async function alarmsOf(
  rules: RuleSet,
  scene: Scene,
  entries: Entries,
  memory: RuleMemory,
  limits: AlarmLimits = ALARM_LIMITS,
): Promise<Alarm[]> {
  const told: Told[] = [];
  const rests = new Map<string, Rest>();
  const perRule = new Map<string, number>();
  let chars = 0;
  let looked = 0;
  for (const entry of eachEntry(scene.log.name, entries)) {
    if (++looked % TURN === 0) await setImmediate();
    memory.advance(toMillis(entry.arrived));
    for (const { rule, countKey, throttleKey } of rules.evaluate(entry)) {
      const { count, throttle, name } = rule;
      const counted = count === undefined ? null : memory.count(name, countKey, entry.index, count);
      if (count !== undefined && counted === null) continue;
      if (throttle !== undefined && !memory.admit(name, throttleKey, entry.index, throttle.every)) continue;
      const before = perRule.get(name) ?? 0;
      if (before >= limits.perRule || chars + entry.text.length > limits.chars) {
        const rest = rests.get(name);
        if (rest === undefined) {
          rests.set(name, { rule, manifest: entries.manifest.index, count: 1, first: entry.index, last: entry.index });
        } else {
          rest.count++;
          rest.last = entry.index;
        }
        continue;
      }
      perRule.set(name, before + 1);
      chars += entry.text.length;
      told.push({ rule, entry, key: countKey, counted });
    }
  }
  const alarms: Alarm[] = [];
  const proofs = new Map<number, SteleProof>();
  for (const match of told) {
    const { index } = match.entry;
    const proof = proofs.get(index) ?? (await entries.prove(index));
    proofs.set(index, proof);
    alarms.push(matchAlarm(scene, match, proof));
  }
  return [
    ...alarms,
    ...[...rests.values()].map((rest) => restAlarm(scene, rest)),
    ...heldBackAlarms(rules, scene, memory, limits),
  ];
}

/** Alarms for what throttles held back, where their time is over: by the newest arrival, or as of `time` in milliseconds. */
export function heldBackAlarms(
  rules: RuleSet,
  scene: Scene,
  memory: RuleMemory,
  { perRule }: Pick<AlarmLimits, "perRule">,
  time?: number,
): Alarm[] {
  const byRule = Map.groupBy(memory.over(time), ({ rule }) => rule);
  return [...byRule].flatMap(([name, held]) => {
    // A rule that is gone has nothing more to tell.
    const rule = rules.rules.find((one) => one.name === name);
    if (rule === undefined) return [];
    // Whoever writes events may choose the groups: then there are as many as events.
    const told = held.slice(0, perRule).map((one) => heldBackAlarm(scene, rule, one));
    const rest: readonly HeldBack[] = held.slice(told.length);
    return rest.length === 0 ? told : [...told, heldBackRestAlarm(scene, rule, rest)];
  });
}

function* eachEntry(log: string, { manifest, first, raw, ends }: Entries): Generator<Entry, void, undefined> {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  let run = 0;
  let start = 0;
  for (const [at, end] of ends.entries()) {
    const index = first + at;
    let append = manifest.appends[run];
    while (append !== undefined && index >= append.first + append.count) append = manifest.appends[++run];
    // Appends cover a manifest's entries without a gap.
    if (append === undefined) return;
    yield { log, index, source: append.source, arrived: append.time, text: bytes.toString("utf8", start, end) };
    start = end + 1;
  }
}
