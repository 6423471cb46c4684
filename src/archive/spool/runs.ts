import { type Timestamp, toMillis } from "../../core/time.ts";
import type { NewAppend } from "../provenance.ts";

/** Bytes of provenance in one manifest: with its other fields it stays under its largest size. */
export const MAX_PROVENANCE_BYTES = 40_000;
/** Deliveries of one source that are this near are one run in the manifest. */
const RUN_MILLIS = 1000;
/** A run's JSON without its source, with the longest numbers. */
const RUN_BYTES = Buffer.byteLength(
  `${JSON.stringify({ first: Number.MAX_SAFE_INTEGER, count: Number.MAX_SAFE_INTEGER, time: "2026-11-23T15:00:01.123Z", source: "" })},`,
);

const SHORTEST_RUN_BYTES = Buffer.byteLength(
  JSON.stringify({ first: 0, count: 1, time: "2026-11-23T15:00:01.123Z", source: "" }),
);

/** Keeps count, delivery by delivery, of the provenance that a file's manifest will hold. */
export class RunCount {
  #bytes = 2;
  #source: string | null = null;
  #since = 0;

  /**
   * Counts a delivery in; false, and counts nothing, when there is no room for it.
   * @param sourceBytes of the source as JSON with its quotes
   */
  add(source: string, sourceBytes: number, millis: number): boolean {
    if (source === this.#source && isNear(this.#since, millis)) return true;
    const bytes = this.#bytes + RUN_BYTES + sourceBytes - 2;
    if (bytes > MAX_PROVENANCE_BYTES) return false;
    this.#bytes = bytes;
    this.#source = source;
    this.#since = millis;
    return true;
  }
}

/** What a file's manifest holds of its deliveries; for the same file always the same. */
export class Runs {
  readonly #withIds: RunList;
  readonly #without: RunList;
  /** For a mended file, whose placeholders nobody made room for. */
  readonly #coarse: RunList;

  constructor(first: number) {
    this.#withIds = new RunList(first, RUN_MILLIS);
    this.#without = new RunList(first, RUN_MILLIS);
    this.#coarse = new RunList(first, Number.POSITIVE_INFINITY);
  }

  add(count: number, time: Timestamp, source: string, id: string | undefined): void {
    const millis = toMillis(time);
    this.#withIds.add({ count, time, source, id }, millis);
    this.#without.add({ count, time, source }, millis);
    this.#coarse.add({ count, time, source }, millis);
  }

  /** With the deliveries' ids where there is room for them. */
  list(): readonly NewAppend[] {
    for (const runs of [this.#withIds, this.#without]) if (runs.bytes <= MAX_PROVENANCE_BYTES) return runs.list;
    return this.#coarse.list;
  }
}

class RunList {
  list: { count: number; readonly time: Timestamp; readonly source: string; readonly id?: string | undefined }[] = [];
  readonly #millis: number;
  readonly #next: number;
  #since = 0;
  #overflows = false;

  constructor(first: number, millis: number) {
    this.#next = first;
    this.#millis = millis;
  }

  add(append: NewAppend, millis: number): void {
    const last = this.list.at(-1);
    const joins = last !== undefined && last.id === undefined && append.id === undefined && last.source === append.source;
    if (joins && isNear(this.#since, millis, this.#millis)) {
      last.count += append.count;
      return;
    }
    if (this.#overflows) return;
    this.list.push({ ...append });
    this.#since = millis;
    // An id for each of 65,536 entries would be spelled for nothing.
    if (this.list.length <= MAX_PROVENANCE_BYTES / SHORTEST_RUN_BYTES) return;
    this.#overflows = true;
    this.list = [];
  }

  /** As JSON, with their places; more than fit when they are too many to be spelled. */
  get bytes(): number {
    if (this.#overflows) return Number.POSITIVE_INFINITY;
    let next = this.#next;
    const placed = this.list.map(({ count, time, source, id }) => {
      const run = { first: next, count, time, source, id };
      next += count;
      return run;
    });
    return Buffer.byteLength(JSON.stringify(placed));
  }
}

/** A clock that went back begins a new run, so that a run's time is its earliest. */
function isNear(since: number, millis: number, within: number = RUN_MILLIS): boolean {
  if (within === Number.POSITIVE_INFINITY) return true;
  return millis >= since && millis - since < within;
}
