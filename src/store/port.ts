import type { Retention } from "../core/retention.ts";
import type { Timestamp } from "../core/time.ts";

/**
 * Where objects lie. One contract suite (`test/contract`) holds for every adapter.
 *
 * The port has no delete and no overwrite: nothing above it has a way to ask for them. Keys are relative to the store's
 * root (bucket and prefix, or folder), `/`-separated, never empty, without `.`, `..` or empty components.
 *
 * Every call may be cut short by `signal`, and may throw a SteleError:
 * `store.not-found` (no such key or version), `store.denied` (no permission), `store.unreachable` (network, throttling,
 * 5xx: try again later), `store.unsupported` (the store can't do what was asked, and retrying won't help).
 * Absence is reported only when the store said so; anything unclear throws.
 */
export interface Store {
  /** The store as its user named it, for messages: `s3://bucket/prefix` or a folder. Never holds a secret. */
  readonly url: string;

  readonly capabilities: StoreCapabilities;

  /**
   * Writes a whole object durably, unless one is there. `created` promises that the stored bytes were checked against
   * `body` by a checksum; it does NOT promise the lock: read it back with {@link Store.lockState}.
   *
   * Where `capabilities.conditionalPut` is false, the store may answer `created` over an existing object, making a newer
   * version: list {@link Store.versions} to know. `exists` comes only from the store's own refusal.
   *
   * After a throw, the object may or may not have been written. Never retried blindly by an adapter: under Object
   * Lock a second version could not be deleted.
   *
   * @throws SteleError `store.altered` when the store kept other bytes than it was given.
   */
  putIfAbsent(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult>;

  /**
   * Reads a whole object: the version named, or the newest. On a store without versions `versionId` is ignored.
   * @throws SteleError `store.not-found` also when the newest version is a delete marker;
   *   `store.too-large` before reading when the object is longer than `maxBytes`.
   */
  get(key: string, options: GetOptions): Promise<StoredObject>;

  /** The newest version's (or the named version's) size and identity, without its bytes; null when there is none. */
  head(key: string, options?: VersionOptions): Promise<ObjectHead | null>;

  /**
   * Every version and delete marker under `prefix` (a plain string prefix), in key order, newest version first within a
   * key. `after` leaves out all keys up to and including that key. `limit` is how many the caller means to read: a hint
   * for the page size. A store without versions yields one version, with id null, a key.
   */
  versions(prefix: string, options?: ListOptions): AsyncIterable<ObjectVersion>;

  /**
   * The lock on one version, asked of the store itself. `retention: null` means the store said "none".
   * @throws SteleError `store.denied` when the caller may not see it: unknown is never reported as none;
   *   `store.unsupported` where `capabilities.locks` is `none`.
   */
  lockState(key: string, options?: VersionOptions): Promise<LockState>;

  /**
   * Sets the retention of one version to a later end. A store refuses to shorten or weaken COMPLIANCE.
   * @throws SteleError `store.locked` when refused for that reason.
   */
  extendRetention(key: string, retention: Retention, options?: VersionOptions): Promise<void>;

  setLegalHold(key: string, held: boolean, options?: VersionOptions): Promise<void>;
}

export interface StoreCapabilities {
  /** Keeps and lists versions and delete markers. Without it, shadowing can't be observed. */
  readonly versions: boolean;
  /** `enforced` by the store against everyone, only `recorded` by the adapter (an administrator can still delete), or `none` to be seen. */
  readonly locks: "enforced" | "recorded" | "none";
  /** Whether putIfAbsent is refused by the store itself when the key is taken. */
  readonly conditionalPut: boolean;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface VersionOptions extends CallOptions {
  readonly versionId?: string | null | undefined;
}

export interface PutOptions extends CallOptions {
  /** The lock to put on the new version; null leaves it to the store's default. */
  readonly retention: Retention | null;
  /** Media type, where the store keeps one. */
  readonly contentType?: string;
}

export type PutResult = { readonly outcome: "created"; readonly versionId: string | null } | { readonly outcome: "exists" };

export interface GetOptions extends VersionOptions {
  /** The most bytes that the caller is ready to hold. */
  readonly maxBytes: number;
}

export interface ObjectHead {
  readonly size: number;
  readonly versionId: string | null;
}

export interface StoredObject {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly versionId: string | null;
}

export interface ListOptions extends CallOptions {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface ObjectVersion {
  readonly key: string;
  readonly versionId: string | null;
  readonly kind: "object" | "delete-marker";
  readonly isLatest: boolean;
  /** Bytes; 0 for a delete marker. */
  readonly size: number;
  readonly lastModified: Timestamp;
}

export interface LockState {
  readonly retention: Retention | null;
  readonly legalHold: boolean;
}
