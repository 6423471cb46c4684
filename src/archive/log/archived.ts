interface Waiting {
  readonly end: number;
  /** Shared by all who wait for the same: who stops waiting leaves nothing behind. */
  readonly promise: Promise<void>;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/** Callers who wait until the log holds all entries before an index. */
export class ArchivedUpTo {
  #end: number;
  #failure: Error | null = null;
  /** In order of `end`. */
  readonly #waiting: Waiting[] = [];

  constructor(end: number) {
    this.#end = end;
  }

  /** All entries before this one are archived. */
  get end(): number {
    return this.#end;
  }

  advance(end: number): void {
    this.#end = Math.max(this.#end, end);
    const later = this.#waiting.findIndex((one) => one.end > this.#end);
    for (const { done } of this.#waiting.splice(0, later < 0 ? this.#waiting.length : later)) done();
  }

  /** Nothing more will be archived: all who wait, and all who will, hear of it. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const { failed } of this.#waiting.splice(0)) failed(error);
  }

  reached(end: number): Promise<void> {
    if (end <= this.#end) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    let at = this.#waiting.length;
    // Only who asks again for an earlier append stands before others.
    while (at > 0 && (this.#waiting[at - 1]?.end ?? 0) > end) at--;
    const same = this.#waiting[at - 1];
    if (same?.end === end) return same.promise;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.splice(at, 0, { end, promise, done: resolve, failed: reject });
    return promise;
  }
}
