import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** How a round fared, in milliseconds since 1970. */
export interface RoundRecord {
  /** Since when it has been on the agenda. */
  readonly since: number;
  /** When it last began. */
  readonly began: number | null;
  /** When it last ended, and was not cut short. Before `began`: the last one never did. */
  readonly ended: number | null;
  /** When it last ended and could tell, whatever it found. */
  readonly told: number | null;
  /** When it last ended and all was sound. */
  readonly sound: number | null;
  /** How long it took when it last ended, in milliseconds. */
  readonly lasted: number;
  /** Since when it has been silent (`told`, or else `since`), if an alarm says that it is overdue. */
  readonly overdueOf: number | null;
}

const FILE = "watch.json";
const millis = z.number().min(0);
const schema = z.strictObject({
  version: z.literal(1),
  rounds: z.record(
    z.string(),
    z.strictObject({
      since: millis,
      began: millis.nullable(),
      ended: millis.nullable(),
      told: millis.nullable(),
      sound: millis.nullable(),
      lasted: millis,
      overdueOf: millis.nullable(),
    }),
  ),
});

/**
 * When rounds last ran, kept beside what sweeps remember, so that a daemon that starts again neither runs all of them at once
 * nor forgets that one is overdue. Losing it costs a round too early, and starts the count of what is overdue anew.
 */
export class RoundRecords<Name extends string> {
  readonly #path: string;
  readonly #records: Map<string, RoundRecord>;
  readonly #lost: (why: unknown) => void;

  private constructor(path: string, records: Map<string, RoundRecord>, lost: (why: unknown) => void) {
    this.#path = path;
    this.#records = records;
    this.#lost = lost;
  }

  /** @param lost told when the file is there and can't be read, or can't be written */
  static open<Name extends string>(folder: string, lost: (why: unknown) => void): RoundRecords<Name> {
    const path = join(folder, FILE);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      const { rounds } = schema.parse(JSON.parse(readFileSync(path, "utf8")));
      return new RoundRecords(path, new Map(Object.entries(rounds)), lost);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) lost(error);
      return new RoundRecords(path, new Map(), lost);
    }
  }

  /** What is known of a round; of one that is not known yet, that it is on the agenda since `now`. */
  of(name: Name, now: number): RoundRecord {
    const known = this.#records.get(name);
    if (known !== undefined) return known;
    const fresh: RoundRecord = { since: now, began: null, ended: null, told: null, sound: null, lasted: 0, overdueOf: null };
    this.#records.set(name, fresh);
    return fresh;
  }

  change(name: Name, now: number, change: Partial<RoundRecord>): void {
    this.#records.set(name, { ...this.of(name, now), ...change });
    const text = JSON.stringify({ version: 1, rounds: Object.fromEntries(this.#records) });
    try {
      // Replaced in one step: a kill leaves the old one or the new one.
      writeFileSync(`${this.#path}.new`, `${text}\n`, { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      // It is only needed at the next start: no reason not to sweep.
      this.#lost(error);
    }
  }
}
