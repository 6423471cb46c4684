import { SteleError } from "../core/error.ts";
import type { Retention } from "../core/retention.ts";
import type {
  GetOptions,
  ListOptions,
  LockState,
  ObjectHead,
  ObjectVersion,
  PutOptions,
  PutResult,
  Store,
  StoreCapabilities,
  StoredObject,
  VersionOptions,
} from "./port.ts";

/** The calls of the port, by name. */
export type StoreCall = Exclude<keyof Store, "url" | "capabilities">;

/** One call, as a plan sees it before it happens. */
export interface PlannedCall {
  readonly call: StoreCall;
  /** The object's key, or the listing's prefix. */
  readonly key: string;
  /** Counts all calls, from 0. */
  readonly index: number;
  /** Counts the calls of this name, from 0. */
  readonly nth: number;
}

/**
 * - `unpersisted`: the call fails and did nothing; a listing fails after its first `items` (default 0).
 * - `persisted`: the call does its work, and is then reported as failed; of a listing, at its end.
 * - `altered`: a put stores, or a get returns, other bytes than it was given. Other calls have no bytes to alter.
 *
 * `error` is what is thrown; `store.unreachable` when left out.
 */
export type Fault =
  | { readonly kind: "unpersisted"; readonly error?: unknown; readonly items?: number }
  | { readonly kind: "persisted"; readonly error?: unknown }
  | { readonly kind: "altered"; readonly body: (body: Uint8Array) => Uint8Array };

/** Which calls go wrong, and how; null for those that don't. */
export type FaultPlan = (call: PlannedCall) => Fault | null;

/** A call that was made. `ok` and `threw` are the store's own answer. */
export interface LoggedCall extends PlannedCall {
  readonly outcome: "pending" | "ok" | "threw" | Fault["kind"];
}

export interface FaultyStore extends Store {
  /** Every call so far, in order. */
  readonly log: readonly LoggedCall[];
  /** How often a call was made, with or without a fault. */
  count(call: StoreCall): number;
}

/** For tests: the same store, where the calls that `plan` names go wrong. Deterministic; never for production. */
export function withFaults(store: Store, plan: FaultPlan): FaultyStore {
  return new StoreWithFaults(store, plan);
}

/** A plan with one fault: at the `nth` call (from 0) of this name, of those whose key `matches`. */
export function faultAt(call: StoreCall, nth: number, fault: Fault, matches: (key: string) => boolean = () => true): FaultPlan {
  let met = 0;
  return (made) => (made.call === call && matches(made.key) && met++ === nth ? fault : null);
}

/** For `altered`: keeps the first `length` bytes. */
export function truncated(length: number): Fault {
  return { kind: "altered", body: (body) => body.slice(0, length) };
}

class StoreWithFaults implements FaultyStore {
  readonly #store: Store;
  readonly #plan: FaultPlan;
  readonly #log: LoggedCall[] = [];

  constructor(store: Store, plan: FaultPlan) {
    this.#store = store;
    this.#plan = plan;
  }

  get url(): string {
    return this.#store.url;
  }

  get capabilities(): StoreCapabilities {
    return this.#store.capabilities;
  }

  get log(): readonly LoggedCall[] {
    return this.#log;
  }

  count(call: StoreCall): number {
    return this.#log.filter((made) => made.call === call).length;
  }

  putIfAbsent(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    return this.#run("putIfAbsent", key, (fault) =>
      this.#store.putIfAbsent(key, fault?.kind === "altered" ? fault.body(body.slice()) : body, options),
    );
  }

  get(key: string, options: GetOptions): Promise<StoredObject> {
    return this.#run("get", key, async (fault) => {
      const object = await this.#store.get(key, options);
      return fault?.kind === "altered" ? { ...object, body: new Uint8Array(fault.body(object.body)) } : object;
    });
  }

  head(key: string, options?: VersionOptions): Promise<ObjectHead | null> {
    return this.#run("head", key, () => this.#store.head(key, options));
  }

  lockState(key: string, options?: VersionOptions): Promise<LockState> {
    return this.#run("lockState", key, () => this.#store.lockState(key, options));
  }

  extendRetention(key: string, retention: Retention, options?: VersionOptions): Promise<void> {
    return this.#run("extendRetention", key, () => this.#store.extendRetention(key, retention, options));
  }

  setLegalHold(key: string, held: boolean, options?: VersionOptions): Promise<void> {
    return this.#run("setLegalHold", key, () => this.#store.setLegalHold(key, held, options));
  }

  async *versions(prefix: string, options?: ListOptions): AsyncIterable<ObjectVersion> {
    const { made, fault } = this.#begin("versions", prefix);
    let left = fault?.kind === "unpersisted" ? (fault.items ?? 0) : Infinity;
    if (left === 0) throw this.#fail(made, fault);
    try {
      for await (const version of this.#store.versions(prefix, options)) {
        yield version;
        if (--left === 0) break;
      }
    } catch (error) {
      this.#end(made, "threw");
      throw error;
    }
    if (fault?.kind === "persisted" || fault?.kind === "unpersisted") throw this.#fail(made, fault);
    this.#end(made, "ok");
  }

  async #run<T>(call: StoreCall, key: string, perform: (fault: Fault | null) => Promise<T>): Promise<T> {
    const { made, fault } = this.#begin(call, key);
    if (fault?.kind === "unpersisted") throw this.#fail(made, fault);
    let result: T;
    try {
      result = await perform(fault);
    } catch (error) {
      this.#end(made, "threw");
      throw error;
    }
    if (fault?.kind === "persisted") throw this.#fail(made, fault);
    this.#end(made, fault?.kind ?? "ok");
    return result;
  }

  #begin(call: StoreCall, key: string): { made: PlannedCall; fault: Fault | null } {
    const made = { call, key, index: this.#log.length, nth: this.count(call) };
    this.#log.push({ ...made, outcome: "pending" });
    return { made, fault: this.#plan(made) };
  }

  #end(made: PlannedCall, outcome: LoggedCall["outcome"]): void {
    this.#log[made.index] = { ...made, outcome };
  }

  #fail(made: PlannedCall, fault: Fault | null): unknown {
    const kind = fault?.kind ?? "unpersisted";
    this.#end(made, kind);
    const given = fault !== null && fault.kind !== "altered" ? fault.error : undefined;
    return given ?? new SteleError("store.unreachable", `injected fault (${kind}): ${made.call} ${made.key}`);
  }
}
