import type { AckLevel } from "./observer.ts";

/** How events are appended. */
export interface AppendOptions {
  /** Who delivers, as manifests will name it: at most 1,024 characters. Default: the log's own setting. */
  readonly source?: string | undefined;
  /** Idempotency key: what this source delivered under it before is not taken again. At most 1,024 characters. */
  readonly id?: string | undefined;
  /** Where the source is to go on after these events; kept together with them (`cursor()` of the opened log gives it back). */
  readonly cursor?: string | undefined;
  /** What to wait for. Default `spooled`. */
  readonly ack?: AckLevel | undefined;
  /** Stops the waiting. What was handed over by then may be archived all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** The word that events are kept: from `first` on, `count` of them, in this order. */
export interface Receipt {
  readonly log: string;
  /** Index of the first entry. */
  readonly first: number;
  readonly count: number;
  /** Their id had been delivered before: this says where they are, and nothing was taken now. */
  readonly duplicate: boolean;
  readonly ack: AckLevel;
  /** Of the manifest that holds the last of them. Only with `archived`. */
  readonly manifest?: number;
  /** Signed note over the tree that ends with this manifest. Only with `archived`. */
  readonly checkpoint?: string;
}
