import { z } from "zod";
import { type Change, inWords } from "./change.ts";
import type { DuplicatesConfig } from "./config.ts";

interface GenerationNotes {
  readonly since: number;
  readonly held: number;
  /** Base64. */
  readonly bits: string;
}

export interface FilterNotes {
  readonly young: GenerationNotes;
  readonly old: GenerationNotes;
}

const generation: z.ZodType<GenerationNotes> = z.object({ since: z.int(), held: z.int().min(0), bits: z.string() });
export const filterSchema: z.ZodType<FilterNotes> = z.object({ young: generation, old: generation });

export interface Duplicates {
  /** The episode under way. */
  open: string | null;
}

export const duplicatesSchema: z.ZodType<Duplicates> = z.object({ open: z.string().nullable() });

/** A source's entries in one manifest that were there before. */
export interface DuplicatesTally {
  events: number;
  again: number;
  first: number;
  end: number;
}

export function newDuplicatesTally(): DuplicatesTally {
  return { events: 0, again: 0, first: 0, end: 0 };
}

/** 64 KiB a generation: with 30,000 hashes in it, one in some 2,000 others is taken for one of them. */
const BYTES = 65_536;
const CAPACITY = 30_000;
const PROBES = 7;

interface Generation {
  since: number;
  held: number;
  readonly bits: Uint8Array;
}

/**
 * Hashes that came not long ago, as a Bloom filter of two generations: bounded, and wrong only in that now and then it takes a
 * new entry for an old one, which is why some repeated entries alone make no alarm.
 */
export class RecentHashes {
  #young: Generation;
  #old: Generation;

  constructor(time: number) {
    this.#young = { since: time, held: 0, bits: new Uint8Array(BYTES) };
    this.#old = { since: time, held: 0, bits: new Uint8Array(BYTES) };
  }

  static read({ young, old }: FilterNotes): RecentHashes {
    const hashes = new RecentHashes(young.since);
    hashes.#young = read(young);
    hashes.#old = read(old);
    return hashes;
  }

  format(): FilterNotes {
    return { young: write(this.#young), old: write(this.#old) };
  }

  /**
   * Whether a hash came within the time, by all that is known; from now on it has.
   * @param hash 32 bytes
   */
  again(hash: Uint8Array, time: number, within: number): boolean {
    if (this.#young.held >= CAPACITY || time - this.#young.since > within) {
      // A time without entries empties both.
      this.#old = time - this.#young.since > 2 * within ? { since: time, held: 0, bits: new Uint8Array(BYTES) } : this.#young;
      this.#young = { since: time, held: 0, bits: new Uint8Array(BYTES) };
    }
    const places = placesOf(hash);
    if (has(this.#young, places) || has(this.#old, places)) return true;
    for (const place of places) this.#young.bits[place >>> 3] = (this.#young.bits[place >>> 3] ?? 0) | (1 << (place & 7));
    this.#young.held++;
    return false;
  }
}

export function tallyDuplicate(tally: DuplicatesTally, index: number, again: boolean): void {
  tally.events++;
  if (!again) return;
  if (tally.again === 0) tally.first = index;
  tally.again++;
  tally.end = index + 1;
}

export function judgeDuplicates(state: Duplicates, tally: DuplicatesTally, config: DuplicatesConfig): Change[] {
  if (tally.events === 0) return [];
  const many = tally.again >= config.atLeast && tally.again >= config.share * tally.events;
  const what = config.field === undefined ? "the same content" : `the same ${config.field.join(".")}`;
  const expected = `less than ${config.share * 100} % of events with ${what} as one within ${inWords(config.within)} before`;
  const actual = `${tally.again.toLocaleString("en-US")} of ${tally.events.toLocaleString("en-US")}`;
  if (state.open === null && many) {
    state.open = String(tally.first);
    const entries = { first: tally.first, end: tally.end };
    return [{ kind: "begins", detector: "duplicates", episode: state.open, expected, actual, entries }];
  }
  if (state.open === null || many) return [];
  const episode = state.open;
  state.open = null;
  return [{ kind: "over", detector: "duplicates", episode, expected, actual, entries: null }];
}

function placesOf(hash: Uint8Array): number[] {
  const view = new DataView(hash.buffer, hash.byteOffset, hash.length);
  // A hash is as good as so many independent ones.
  return Array.from({ length: PROBES }, (_, i) => view.getUint32(i * 4) % (BYTES * 8));
}

function has({ bits }: Generation, places: readonly number[]): boolean {
  return places.every((place) => ((bits[place >>> 3] ?? 0) & (1 << (place & 7))) !== 0);
}

function read({ since, held, bits }: GenerationNotes): Generation {
  const bytes = new Uint8Array(BYTES);
  bytes.set(new Uint8Array(Buffer.from(bits, "base64")).subarray(0, BYTES));
  return { since, held, bits: bytes };
}

function write({ since, held, bits }: Generation): GenerationNotes {
  return { since, held, bits: Buffer.from(bits).toString("base64") };
}
