import { clip } from "../../core/bytes.ts";
import { SteleError } from "../../core/error.ts";
import { isProvenance } from "../../core/manifest.ts";
import { type Timestamp, timestamp } from "../../core/time.ts";
import type { Delivery } from "./delivery.ts";

/** A delivery on its way to the disk. */
export interface Arrival {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly source: string;
  /** Length of the source as JSON. */
  readonly sourceBytes: number;
  readonly millis: number;
  readonly time: Timestamp;
  readonly id: string | undefined;
  readonly cursor: string | undefined;
}

const MAX_CURSOR = 4096;
const LF = 0x0a;
/** Sources whose length is kept. */
const KNOWN_SOURCES = 1024;

/** Checks deliveries, and says when they came. */
export class Intake {
  readonly #limits: { readonly bytes: number; readonly entries: number };
  readonly #now: () => number;
  readonly #sources = new Map<string, number>();
  #millis = Number.NaN;
  #time: Timestamp = timestamp(0);

  constructor({
    limits,
    now,
  }: {
    readonly limits: { readonly bytes: number; readonly entries: number };
    readonly now: () => number;
  }) {
    this.#limits = limits;
    this.#now = now;
  }

  /** @throws SteleError `input.invalid` */
  take(delivery: Delivery): Arrival {
    const { source, id, cursor, count, bytes } = delivery;
    const sourceBytes = this.#sources.get(source) ?? this.#measureSource(source);
    this.#check(delivery);
    const millis = Math.floor(this.#now());
    const time = this.#timeOf(millis);
    return { bytes, count, source, sourceBytes, millis, time, id, cursor };
  }

  #check({ id, cursor, count, bytes }: Delivery): void {
    const limits = this.#limits;
    if (!(Number.isSafeInteger(count) && count >= 1) || count > bytes.length || bytes[bytes.length - 1] !== LF) {
      throw new SteleError(
        "input.invalid",
        `delivery: expected 1 entry or more, each followed by a line feed, got ${count} in ${bytes.length} bytes`,
      );
    }
    if (count > limits.entries || bytes.length > limits.bytes) {
      throw new SteleError(
        "input.invalid",
        `delivery: expected at most ${limits.entries} entries and ${limits.bytes} bytes, got ${count} and ${bytes.length}; divide it`,
      );
    }
    if (id !== undefined && !isProvenance(id)) {
      throw new SteleError("input.invalid", `id: expected at most 1024 characters of Unicode, got ${clip(id)}`);
    }
    if (cursor !== undefined && (cursor.length > MAX_CURSOR || !cursor.isWellFormed())) {
      throw new SteleError("input.invalid", `cursor: expected at most ${MAX_CURSOR} characters of Unicode, got ${clip(cursor)}`);
    }
  }

  #measureSource(source: string): number {
    if (!isProvenance(source)) {
      throw new SteleError("input.invalid", `source: expected at most 1024 characters of Unicode, got ${clip(source)}`);
    }
    const bytes = Buffer.byteLength(JSON.stringify(source));
    if (this.#sources.size >= KNOWN_SOURCES) this.#sources.clear();
    this.#sources.set(source, bytes);
    return bytes;
  }

  /** Milliseconds pass less often than appends come. */
  #timeOf(millis: number): Timestamp {
    if (millis !== this.#millis) {
      this.#time = timestamp(millis);
      this.#millis = millis;
    }
    return this.#time;
  }
}
