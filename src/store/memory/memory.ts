import { SteleError } from "../../core/error.ts";
import { type Period, type Retention, retainUntil, type LockMode } from "../../core/retention.ts";
import { type Timestamp, timestamp } from "../../core/time.ts";
import type { StoreCall } from "../fault.ts";
import { checkKey, compareKeys } from "../key.ts";
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
} from "../port.ts";
import { type BypassOptions, checkDeletable, checkFuture, checkRetentionChange, type Lock } from "./lock-rules.ts";

export interface MemoryStoreOptions {
  readonly url?: string;
  /** Milliseconds since 1970; the system's clock when left out. */
  readonly now?: () => number;
  /** False: like Ceph RGW 16, `putIfAbsent` never sees that a key is taken, and stacks a newer version. Default true. */
  readonly conditionalPut?: boolean;
  /** The bucket's default lock, for versions that are written without one of their own. */
  readonly defaultRetention?: { readonly mode: LockMode; readonly period: Period } | null;
  /** True for a key: the store silently puts the default lock in place of the one asked for, as Ceph RGW 16 does on multipart uploads. */
  readonly losesRetention?: (key: string) => boolean;
}

interface Version {
  readonly id: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly isMarker: boolean;
  readonly lastModified: Timestamp;
  readonly lock: Lock;
}

const NO_LOCK: Lock = { retention: null, legalHold: false };

/**
 * A versioned bucket with Object Lock, in memory, for tests: locks hold by S3's rules against the injected clock.
 *
 * Beside the port it has what others may do to a bucket. By the rules, as an administrator or attacker could on S3:
 * {@link overwrite}, {@link deleteObject}, {@link deleteVersion}, {@link changeRetention}. Around the rules, as no one can
 * on S3 and a verifier must notice all the same: {@link corrupt}, {@link vanish}, {@link forceLock}, {@link dropLock}.
 */
export class MemoryStore implements Store {
  readonly url: string;
  readonly capabilities: StoreCapabilities;
  readonly #options: MemoryStoreOptions;
  readonly #now: () => number;
  /** Oldest version first. */
  readonly #versions = new Map<string, readonly Version[]>();
  readonly #calls = new Map<StoreCall, number>();
  #made = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.url = options.url ?? "memory:";
    this.capabilities = { versions: true, locks: "enforced", conditionalPut: options.conditionalPut ?? true };
  }

  async putIfAbsent(key: string, body: Uint8Array, { retention, signal }: PutOptions): Promise<PutResult> {
    this.#begin("putIfAbsent", key, signal);
    if (retention !== null) checkFuture(retention, this.#now());
    const latest = this.#versions.get(key)?.at(-1);
    if (this.capabilities.conditionalPut && latest !== undefined && !latest.isMarker) return { outcome: "exists" };
    const kept = this.#options.losesRetention?.(key) === true ? null : retention;
    return { outcome: "created", versionId: this.overwrite(key, body, kept) };
  }

  async get(key: string, { maxBytes, signal, versionId }: GetOptions): Promise<StoredObject> {
    this.#begin("get", key, signal);
    const version = this.#need(key, versionId);
    if (version.body.length > maxBytes) {
      throw new SteleError("store.too-large", `${key} has ${version.body.length} bytes, and at most ${maxBytes} were expected`);
    }
    return { body: version.body.slice(), versionId: version.id };
  }

  async head(key: string, { signal, versionId }: VersionOptions = {}): Promise<ObjectHead | null> {
    this.#begin("head", key, signal);
    const version = this.#find(key, versionId);
    return version === null ? null : { size: version.body.length, versionId: version.id };
  }

  async *versions(prefix: string, { after, signal }: ListOptions = {}): AsyncIterable<ObjectVersion> {
    this.#begin("versions", null, signal);
    const keys = [...this.#versions.keys()].filter(
      (key) => key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0),
    );
    for (const key of keys.sort(compareKeys)) {
      const newestFirst = this.#versions.get(key)?.toReversed() ?? [];
      for (const [i, { id, body, isMarker, lastModified }] of newestFirst.entries()) {
        signal?.throwIfAborted();
        const kind = isMarker ? "delete-marker" : "object";
        yield { key, versionId: id, kind, isLatest: i === 0, size: body.length, lastModified };
      }
    }
  }

  async lockState(key: string, { signal, versionId }: VersionOptions = {}): Promise<LockState> {
    this.#begin("lockState", key, signal);
    return this.#need(key, versionId).lock;
  }

  async extendRetention(key: string, retention: Retention, { signal, versionId }: VersionOptions = {}): Promise<void> {
    this.#begin("extendRetention", key, signal);
    const version = this.#need(key, versionId);
    checkRetentionChange(key, version.lock.retention, retention, this.#now(), {});
    this.#replace(key, version, { lock: { ...version.lock, retention } });
  }

  async setLegalHold(key: string, held: boolean, { signal, versionId }: VersionOptions = {}): Promise<void> {
    this.#begin("setLegalHold", key, signal);
    const version = this.#need(key, versionId);
    this.#replace(key, version, { lock: { ...version.lock, legalHold: held } });
  }

  /** How often a call of the port was made, refused ones too. */
  calls(call: StoreCall): number {
    return this.#calls.get(call) ?? 0;
  }

  resetCalls(): void {
    this.#calls.clear();
  }

  /** By the rules: a plain PUT. Succeeds over any lock, and makes a newer version. @returns its version id */
  overwrite(key: string, body: Uint8Array, retention: Retention | null = null): string {
    return this.#push(key, {
      body: new Uint8Array(body),
      isMarker: false,
      lock: { ...NO_LOCK, retention: retention ?? this.#defaultRetention() },
    });
  }

  /** By the rules: DELETE without a version id. Succeeds over any lock, and makes a delete marker. @returns its version id */
  deleteObject(key: string): string {
    return this.#push(key, { body: new Uint8Array(), isMarker: true, lock: NO_LOCK });
  }

  /** By the rules: DELETE of one version or marker. @throws SteleError `store.locked` */
  deleteVersion(key: string, versionId: string, options: BypassOptions = {}): void {
    const version = this.#needAny(key, versionId);
    checkDeletable(`${key} (version ${versionId})`, version.lock, this.#now(), options);
    this.#replace(key, version, null);
  }

  /** By the rules: sets, shortens or (null) removes a version's retention. @throws SteleError `store.locked` */
  changeRetention(key: string, versionId: string, retention: Retention | null, options: BypassOptions = {}): void {
    const version = this.#needAny(key, versionId);
    checkRetentionChange(`${key} (version ${versionId})`, version.lock.retention, retention, this.#now(), options);
    this.#replace(key, version, { lock: { ...version.lock, retention } });
  }

  /** Around the rules: changes the stored bytes, as a rotten disk or a broken store does. `alter` gets a copy. */
  corrupt(key: string, versionId: string, alter: (body: Uint8Array<ArrayBuffer>) => Uint8Array): void {
    const version = this.#needAny(key, versionId);
    this.#replace(key, version, { body: new Uint8Array(alter(version.body.slice())) });
  }

  /** Around the rules: a version is gone, whatever its lock said. */
  vanish(key: string, versionId: string): void {
    this.#replace(key, this.#needAny(key, versionId), null);
  }

  /** Around the rules: sets a version's lock, shorter or weaker than before or already ended. */
  forceLock(key: string, versionId: string, lock: Partial<Lock>): void {
    const version = this.#needAny(key, versionId);
    this.#replace(key, version, { lock: { ...version.lock, ...lock } });
  }

  /** Around the rules: a version has neither retention nor hold any more. */
  dropLock(key: string, versionId: string): void {
    this.forceLock(key, versionId, NO_LOCK);
  }

  #begin(call: StoreCall, key: string | null, signal: AbortSignal | undefined): void {
    this.#calls.set(call, this.calls(call) + 1);
    if (key !== null) checkKey(key);
    signal?.throwIfAborted();
  }

  #defaultRetention(): Retention | null {
    const rule = this.#options.defaultRetention ?? null;
    return rule === null ? null : { mode: rule.mode, until: retainUntil(timestamp(this.#now()), rule.period) };
  }

  #push(key: string, version: Omit<Version, "id" | "lastModified">): string {
    checkKey(key);
    const id = `v${String(++this.#made).padStart(6, "0")}`;
    const made = { ...version, id, lastModified: timestamp(this.#now()) };
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), made]);
    return id;
  }

  #replace(key: string, version: Version, change: Partial<Version> | null): void {
    const others = this.#versions.get(key) ?? [];
    const next = others.flatMap((other) =>
      other.id === version.id ? (change === null ? [] : [{ ...other, ...change }]) : [other],
    );
    if (next.length === 0) this.#versions.delete(key);
    else this.#versions.set(key, next);
  }

  #find(key: string, versionId: string | null | undefined): Version | null {
    const versions = this.#versions.get(key) ?? [];
    const version = versionId == null ? versions.at(-1) : versions.find(({ id }) => id === versionId);
    return version === undefined || version.isMarker ? null : version;
  }

  #need(key: string, versionId: string | null | undefined): Version {
    const version = this.#find(key, versionId);
    if (version !== null) return version;
    throw new SteleError(
      "store.not-found",
      `there is no object ${key}${versionId == null ? "" : ` with version ${versionId}`} in ${this.url}`,
    );
  }

  #needAny(key: string, versionId: string): Version {
    const version = this.#versions.get(key)?.find(({ id }) => id === versionId);
    if (version !== undefined) return version;
    throw new SteleError("store.not-found", `there is no version ${versionId} of ${key} in ${this.url}`);
  }
}
