import { isSteleError, SteleError } from "../core/error.ts";
import type { Retention } from "../core/retention.ts";
import { answered, type FailureStatus } from "./fault/answers.ts";
import { type HangFault, unlessAborted } from "./fault/hang.ts";
import type {
  CallOptions,
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
 * - `answer`: the call fails as the S3 adapter does when the store answers with `status`: `persisted` after its work, else
 *   before (the default). For a put, 412 is no failure but the outcome `exists`, though nothing need be there.
 * - `hang`: made by `hanging`.
 * - `slow`: the call, and each version of a listing, waits for `wait()` first.
 * - `altered`: a put stores, or a get returns, other bytes than it was given. Other calls have no bytes to alter.
 *
 * `error` is what is thrown; `store.unreachable` when left out.
 */
export type Fault =
  | { readonly kind: "unpersisted"; readonly error?: unknown; readonly items?: number }
  | { readonly kind: "persisted"; readonly error?: unknown }
  | { readonly kind: "answer"; readonly status: FailureStatus; readonly persisted?: boolean; readonly items?: number }
  | HangFault
  | { readonly kind: "slow"; readonly wait: () => Promise<unknown> }
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

  async putIfAbsent(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    try {
      return await this.#run("putIfAbsent", key, options, (fault) =>
        this.#store.putIfAbsent(key, fault?.kind === "altered" ? fault.body(body.slice()) : body, options),
      );
    } catch (error) {
      if (isSteleError(error, "store.exists")) return { outcome: "exists" };
      throw error;
    }
  }

  get(key: string, options: GetOptions): Promise<StoredObject> {
    return this.#run("get", key, options, async (fault) => {
      const object = await this.#store.get(key, options);
      return fault?.kind === "altered" ? { ...object, body: new Uint8Array(fault.body(object.body)) } : object;
    });
  }

  head(key: string, options?: VersionOptions): Promise<ObjectHead | null> {
    return this.#run("head", key, options, () => this.#store.head(key, options));
  }

  lockState(key: string, options?: VersionOptions): Promise<LockState> {
    return this.#run("lockState", key, options, () => this.#store.lockState(key, options));
  }

  extendRetention(key: string, retention: Retention, options?: VersionOptions): Promise<void> {
    return this.#run("extendRetention", key, options, () => this.#store.extendRetention(key, retention, options));
  }

  setLegalHold(key: string, held: boolean, options?: VersionOptions): Promise<void> {
    return this.#run("setLegalHold", key, options, () => this.#store.setLegalHold(key, held, options));
  }

  async *versions(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectVersion> {
    const { made, fault } = this.#begin("versions", prefix);
    let left = failsBefore(fault) ? (fault.items ?? 0) : Infinity;
    await this.#delay(made, fault, options.signal);
    if (left > 0) {
      try {
        for await (const version of this.#store.versions(prefix, options)) {
          await this.#delay(made, fault, options.signal);
          yield version;
          if (--left === 0) break;
        }
      } catch (error) {
        this.#end(made, "threw");
        throw error;
      }
    }
    if (failsBefore(fault) || failsAfter(fault)) throw await this.#failure(made, fault, options.signal);
    this.#end(made, fault?.kind ?? "ok");
  }

  async #run<T>(
    call: StoreCall,
    key: string,
    options: CallOptions | undefined,
    perform: (fault: Fault | null) => Promise<T>,
  ): Promise<T> {
    const { made, fault } = this.#begin(call, key);
    if (failsBefore(fault)) throw await this.#failure(made, fault, options?.signal);
    await this.#delay(made, fault, options?.signal);
    let result: T;
    try {
      result = await perform(fault);
    } catch (error) {
      this.#end(made, "threw");
      throw error;
    }
    if (failsAfter(fault)) throw await this.#failure(made, fault, options?.signal);
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

  /** What a call throws for its fault; of one that hangs, when that is over. */
  async #failure(made: PlannedCall, fault: Failing, signal: AbortSignal | undefined): Promise<unknown> {
    this.#end(made, fault.kind);
    if (fault.kind === "answer") return answered(made.call, made.key, fault.status);
    if (fault.kind === "hang") {
      fault.reached?.();
      await unlessAborted(fault.until, signal);
    }
    return fault.error ?? new SteleError("store.unreachable", `injected fault (${fault.kind}): ${made.call} ${made.key}`);
  }

  async #delay(made: PlannedCall, fault: Fault | null, signal: AbortSignal | undefined): Promise<void> {
    if (fault?.kind !== "slow") return;
    // The outcome of a call that is given up while it waits.
    this.#end(made, "slow");
    await unlessAborted(fault.wait(), signal);
  }
}

type Failing = Exclude<Fault, { readonly kind: "slow" | "altered" }>;

function failsBefore(fault: Fault | null): fault is Exclude<Failing, { readonly kind: "persisted" }> {
  if (fault?.kind === "answer" || fault?.kind === "hang") return fault.persisted !== true;
  return fault?.kind === "unpersisted";
}

function failsAfter(fault: Fault | null): fault is Exclude<Failing, { readonly kind: "unpersisted" }> {
  if (fault?.kind === "answer" || fault?.kind === "hang") return fault.persisted === true;
  return fault?.kind === "persisted";
}
