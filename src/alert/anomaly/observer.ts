import { setImmediate } from "node:timers/promises";
import { sha256 } from "#sha256";
import type { LogIdentity } from "../../archive/archive.ts";
import type { OpenedSegment } from "../../archive/segment/open.ts";
import { utf8 } from "../../core/bytes.ts";
import { HASH_SIZE } from "../../core/hash.ts";
import type { Append, Manifest } from "../../core/manifest.ts";
import { type Timestamp, toMillis } from "../../core/time.ts";
import type { Alarm } from "../../sweep/alarm.ts";
import type { EntryObserver, MetManifest, Observation } from "../../sweep/observer.ts";
import { type JsonObject, parseEvent } from "../rules/event.ts";
import { matchesLog } from "../rules/log-pattern.ts";
import { type Change, changeAlarm } from "./change.ts";
import { compareClocks, judgeClock, newClockTally, type ClockTally } from "./clock.ts";
import type { AnomaliesConfig, AnomalyProfile } from "./config.ts";
import { type DuplicatesTally, judgeDuplicates, newDuplicatesTally, tallyDuplicate } from "./duplicates.ts";
import { idIn, sequenceIn, timeIn } from "./field.ts";
import { countEntries, newRate, passTo } from "./rate.ts";
import { follow, judgeGap, judgeSequence, newSequence, newSequenceTally, type SequenceTally } from "./sequence.ts";
import { hear, listen, newSilence } from "./silence.ts";
import { type Stream, Streams } from "./streams.ts";

/** Events that arrived may be met so much later, in milliseconds: only by then something is known to have not come. */
const GRACE = 180_000;
/** Entries after which others get a turn. */
const TURN = 1000;

interface Tallies {
  readonly clock: ClockTally;
  readonly duplicates: DuplicatesTally;
  readonly sequence: SequenceTally;
}

/** Looks for departures of a log's sources from their own past. */
export class AnomalyObserver implements EntryObserver {
  readonly name = "anomalies";
  readonly #profiles: AnomaliesConfig;

  constructor(profiles: AnomaliesConfig) {
    this.#profiles = profiles;
  }

  wants(log: string): boolean {
    return this.#profileOf(log) !== undefined;
  }

  async observe({ log, origin, commit, segment }: MetManifest, notes: string | null): Promise<Observation> {
    const profile = this.#profileOf(log.name);
    if (profile === undefined) return { alarms: [] };
    const { manifest } = commit;
    // A log that was closed is silent for good.
    if (manifest.closed === true) return { alarms: [], notes: "" };
    if (segment === null) return this.idle(log, origin, manifest.sealed, notes);
    const streams = Streams.read(notes);
    const alarms: Alarm[] = [];
    const tell = (stream: Stream, changes: readonly Change[]): void => {
      const scene = { origin, log, at: manifest.sealed, severity: profile.severity };
      for (const change of changes) alarms.push(changeAlarm(scene, stream.source, change));
    };
    for (const append of manifest.appends) {
      const time = streams.advance(toMillis(append.time));
      const stream = streams.use(append.source);
      if (profile.silence !== null) {
        stream.silence ??= newSilence(time);
        tell(stream, hear(stream.silence, time));
      }
      if (profile.rate !== null) {
        stream.rate ??= newRate(time, profile.rate);
        tell(stream, countEntries(stream.rate, time, append.first, append.count, profile.rate));
      }
    }
    const tallies = await lookInto(profile, streams, manifest, segment);
    for (const [stream, tally] of tallies) {
      if (profile.clock !== null) tell(stream, judgeClock((stream.clock ??= { open: null }), tally.clock, profile.clock));
      if (profile.duplicates !== null) {
        tell(stream, judgeDuplicates((stream.duplicates ??= { open: null }), tally.duplicates, profile.duplicates));
      }
      if (profile.sequence !== null && stream.sequence !== undefined) {
        tell(stream, judgeSequence(stream.sequence, tally.sequence, streams.clock, profile.sequence));
      }
    }
    for (const stream of streams.all()) {
      if (!tallies.has(stream)) tell(stream, changesWithTime(profile, stream, streams.clock));
    }
    return { alarms, notes: streams.format() };
  }

  /** What is only seen because time passes. */
  idle(log: LogIdentity, origin: string, now: Timestamp, notes: string | null): Promise<Observation> {
    const profile = this.#profileOf(log.name);
    if (profile === undefined || notes === null) return Promise.resolve({ alarms: [] });
    const streams = Streams.read(notes);
    const scene = { origin, log, at: now, severity: profile.severity };
    const alarms = streams
      .all()
      .flatMap((stream) =>
        changesWithTime(profile, stream, toMillis(now) - GRACE).map((change) => changeAlarm(scene, stream.source, change)),
      );
    // What changed without an alarm is found again the next time.
    return Promise.resolve(alarms.length === 0 ? { alarms } : { alarms, notes: streams.format() });
  }

  #profileOf(log: string): AnomalyProfile | undefined {
    return this.#profiles.find(({ logs }) => matchesLog(logs, log));
  }
}

function changesWithTime({ silence, rate, sequence }: AnomalyProfile, stream: Stream, now: number): Change[] {
  return [
    ...(silence === null || stream.silence === undefined ? [] : listen(stream.silence, now, silence)),
    ...(rate === null || stream.rate === undefined ? [] : passTo(stream.rate, now, rate)),
    ...(sequence === null || stream.sequence === undefined ? [] : judgeGap(stream.sequence, null, now, sequence)),
  ];
}

/** Goes through the entries, as far as the profile asks for what is in them; gives each source that has some. */
async function lookInto(
  profile: AnomalyProfile,
  streams: Streams,
  manifest: Manifest,
  { raw, ends, leaves }: OpenedSegment,
): Promise<Map<Stream, Tallies>> {
  const tallies = new Map<Stream, Tallies>();
  const { clock, duplicates, sequence } = profile;
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  const parsed = clock !== null || sequence !== null || duplicates?.field !== undefined;
  let looked = 0;
  for (const append of manifest.appends) {
    const stream = streams.use(append.source);
    const tally = tallies.get(stream) ?? newTallies();
    tallies.set(stream, tally);
    if (!parsed && duplicates === null) continue;
    const arrived = toMillis(append.time);
    const time = streams.advance(arrived);
    for (const [place, index] of placesOf(append, manifest)) {
      if (++looked % TURN === 0) await setImmediate();
      const text = parsed ? bytes.toString("utf8", place === 0 ? 0 : (ends[place - 1] ?? 0) + 1, ends[place]) : "";
      const event: JsonObject | null = parsed ? parseEvent(text).object : null;
      if (duplicates !== null) {
        const id = duplicates.field === undefined ? undefined : event === null ? null : idIn(event, duplicates.field);
        const hash =
          id === undefined ? leaves.subarray(place * HASH_SIZE, (place + 1) * HASH_SIZE) : id === null ? null : hashOf(id);
        if (hash !== null) {
          tallyDuplicate(tally.duplicates, index, streams.recent.again(hash, time, duplicates.within));
        }
      }
      if (event === null) continue;
      const said = clock === null ? null : timeIn(event, clock.field, clock.format);
      if (clock !== null && said !== null) compareClocks(tally.clock, index, said, arrived, clock);
      const number = sequence === null ? null : sequenceIn(event, sequence.field);
      if (number !== null) follow((stream.sequence ??= newSequence()), tally.sequence, index, number, time);
    }
  }
  return tallies;
}

function* placesOf({ first, count }: Append, { entries }: Manifest): Generator<[place: number, index: number], void, undefined> {
  for (let index = first; index < first + count; index++) yield [index - entries.first, index];
}

function newTallies(): Tallies {
  return { clock: newClockTally(), duplicates: newDuplicatesTally(), sequence: newSequenceTally() };
}

function hashOf(id: string): Uint8Array {
  return sha256(utf8(id.toWellFormed()));
}
