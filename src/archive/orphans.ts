import { logKey, parseSegmentKey, segmentKey, SEGMENTS_PREFIX } from "../core/layout.ts";
import type { Commit } from "../core/commit.ts";
import type { ObjectVersion, Store } from "../store/port.ts";
import type { LogIdentity } from "./archive.ts";

/** Keys that are passed over before the rest of their day is skipped: a page of a listing. */
const PASSED_OVER = 1000;
/** More than uploads can be under way: what a stranger puts among the segments costs no more memory than these. */
const MOST = 10_000;
const SUFFIX = ".ndjson.zst";

/**
 * What lies among a log's segments behind its head: the uploads of a writer that died before their manifests, or that were
 * reported as failed and were kept. A segment that is put again has to be looked for there: the store may not refuse it, and
 * a second version could not be deleted for years.
 *
 * One listing tells, from the head's day on; segments of an earlier day, as a clock that was set back gives them, cost one
 * listing for each such day.
 */
export class Orphans {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #signal: AbortSignal | undefined;
  readonly #next: number;
  /** UTC day of the head's key or sealing; null while the log is empty. */
  readonly #since: string | null;
  readonly #listings = new Map<string, Promise<void>>();
  readonly #found = new Map<number, ObjectVersion[]>();
  #count = 0;

  /** @param next index of the first entry that no manifest holds */
  constructor(store: Store, log: LogIdentity, head: Commit | null, next: number, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#log = log;
    this.#signal = signal;
    this.#next = next;
    this.#since = head === null ? null : dayOf(head);
  }

  /** Object versions in the place of a segment that begins at entry `first`, under the key of any day that was looked at. */
  async at(day: string, first: number): Promise<readonly ObjectVersion[]> {
    const since = this.#since;
    const from = since === null || day >= since ? since : day;
    const prefix = from === since ? SEGMENTS_PREFIX : `${SEGMENTS_PREFIX}dt=${day}/`;
    let listing = this.#listings.get(prefix);
    if (listing === undefined) {
      listing = this.#list(prefix, from === null ? undefined : this.#behind(from));
      this.#listings.set(prefix, listing);
    }
    await listing;
    return this.#found.get(first) ?? [];
  }

  async #list(prefix: string, from: string | undefined): Promise<void> {
    let after = from;
    for (let isOver = false; !isOver;) {
      isOver = true;
      let passedOver = 0;
      for await (const version of this.#store.versions(logKey(this.#log.name, prefix), { after, signal: this.#signal })) {
        const parsed = parseSegmentKey(version.key.slice(this.#log.name.length + 1));
        if (parsed === null) continue;
        if (parsed.first >= this.#next) {
          this.#note(parsed.first, version);
        } else if (++passedOver === PASSED_OVER) {
          // Segments of the log under later days than its newest: a clock ran ahead, and there may be very many.
          after = this.#behind(parsed.day);
          isOver = false;
          break;
        }
      }
    }
  }

  #note(first: number, version: ObjectVersion): void {
    if (version.kind !== "object" || this.#count === MOST) return;
    this.#count++;
    const found = this.#found.get(first);
    if (found === undefined) this.#found.set(first, [version]);
    else found.push(version);
  }

  /** The place in a day's keys before the first that no manifest can name. */
  #behind(day: string): string {
    return logKey(this.#log.name, segmentKey(day, this.#next).slice(0, -SUFFIX.length));
  }
}

function dayOf({ manifest }: Commit): string {
  const day = manifest.segment === null ? undefined : parseSegmentKey(manifest.segment.key)?.day;
  return day ?? manifest.sealed.slice(0, 10);
}
