/** The receipt that an id got, or will get. */
export interface Receipt {
  readonly first: number;
  readonly count: number;
  readonly duplicate: boolean;
}

interface Recent {
  readonly receipt: Promise<Receipt>;
  readonly millis: number;
}

/** Ids that are on their way to the disk, or in a file whose ids the state has not taken over yet. */
export class RecentIds {
  readonly #window: { readonly ids: number; readonly millis: number };
  readonly #ids = new Map<string, Recent>();

  constructor(window: { readonly ids: number; readonly millis: number }) {
    this.#window = window;
  }

  /** Rejects when the delivery that had the id failed; null when there is none, or one that is older than the window. */
  find(source: string, id: string, now: number): Promise<Receipt> | null {
    const recent = this.#ids.get(keyOf(source, id));
    return recent === undefined || recent.millis < now - this.#window.millis ? null : recent.receipt;
  }

  add(source: string, id: string, millis: number, receipt: Promise<Receipt>): void {
    const key = keyOf(source, id);
    // A map keeps the place of a key that it has.
    this.#ids.delete(key);
    this.#ids.set(key, { receipt, millis });
    if (this.#ids.size <= this.#window.ids) return;
    for (const oldest of this.#ids.keys()) {
      this.#ids.delete(oldest);
      break;
    }
  }

  /** Takes out the delivery that came at `millis`. */
  remove(source: string, id: string, millis: number): void {
    const key = keyOf(source, id);
    if (this.#ids.get(key)?.millis === millis) this.#ids.delete(key);
  }
}

/** No two pairs have the same: the length says where the source ends. */
function keyOf(source: string, id: string): string {
  return `${source.length} ${source}${id}`;
}
