import { readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { SteleError } from "../../core/error.ts";
import type { Retention } from "../../core/retention.ts";
import { toMillis } from "../../core/time.ts";
import { checkKey } from "../key.ts";
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
} from "../port.ts";
import { errnoOf, fileError } from "./errno.ts";
import { listObjects } from "./list.ts";
import { LOCKS_FOLDER, LockRecords, strongest } from "./lock-record.ts";
import { readWhole } from "./read.ts";
import { notFollowed, openRoot, OWN_FOLDER, type Root, statInside, statObject } from "./root.ts";
import { syncFolder, WriteOnce } from "./write-once.ts";
import { makeFolders } from "./make-folders.ts";

export interface DirectoryOptions {
  /** Milliseconds since 1970; the system's clock when left out. */
  readonly now?: () => number;
}

/**
 * A store in a folder: each object a read-only file, its lock a record beside. For trials, tests and copies.
 *
 * The locks are `recorded`, not enforced: this adapter has no way to delete or replace an object and refuses to weaken a
 * lock, but the folder's owner and root can delete and rewrite any file, records too. Such an archive shows tampering, and
 * does not prevent loss. A folder without lock records (a plain copy of an archive) has `capabilities.locks` `none`.
 *
 * @throws SteleError `store.not-found` when there is no such folder.
 */
export async function openDirectoryStore(path: string, options: DirectoryOptions = {}): Promise<Store> {
  const root = await openRoot(path);
  const locks = await statInside(root, LOCKS_FOLDER);
  if (locks?.isSymbolicLink()) throw notFollowed(LOCKS_FOLDER);
  return new DirectoryStore(root, locks?.isDirectory() ?? false, options.now ?? Date.now);
}

/**
 * Makes a folder a store that records locks, and opens it. Does nothing to one that is.
 *
 * @throws SteleError `input.invalid` when there are files in it already: they would look as if they had lost their locks.
 */
export async function createDirectoryStore(path: string, options: DirectoryOptions = {}): Promise<Store> {
  const absolute = resolve(path);
  try {
    const [firstMade] = await makeFolders(absolute);
    if (firstMade !== undefined) await syncChain(absolute, dirname(firstMade));
  } catch (error) {
    if (errnoOf(error) === "EEXIST")
      throw new SteleError("input.invalid", `store: expected a folder, got a file at ${path}`, { cause: error });
    throw fileError(error, `creating the folder ${path}`);
  }
  const root = await openRoot(absolute);
  if ((await statInside(root, LOCKS_FOLDER)) === null) {
    const names = await readdir(root.path).catch((error: unknown) => {
      throw fileError(error, `listing the folder ${path}`);
    });
    if (names.some((name) => name !== OWN_FOLDER)) {
      throw new SteleError(
        "input.invalid",
        `store: expected an empty folder or a Stele archive with lock records, got other files in ${path}`,
      );
    }
    await new WriteOnce(root, options.now ?? Date.now).makeFolder(LOCKS_FOLDER);
  }
  return openDirectoryStore(absolute, options);
}

class DirectoryStore implements Store {
  readonly url: string;
  readonly capabilities: StoreCapabilities;
  readonly #root: Root;
  readonly #files: WriteOnce;
  readonly #locks: LockRecords;
  readonly #now: () => number;

  constructor(root: Root, recordsLocks: boolean, now: () => number) {
    this.url = root.path;
    this.capabilities = { versions: false, locks: recordsLocks ? "recorded" : "none", conditionalPut: true };
    this.#root = root;
    this.#now = now;
    this.#files = new WriteOnce(root, now);
    this.#locks = new LockRecords(root, this.#files, now);
  }

  async putIfAbsent(key: string, body: Uint8Array, { retention, signal }: PutOptions): Promise<PutResult> {
    checkObjectKey(key);
    signal?.throwIfAborted();
    if (retention !== null) {
      this.#needLocks();
      this.#needFuture(retention);
    }
    if (await this.#files.isTaken(key)) return { outcome: "exists" };
    const staging = this.#files.stage(body);
    try {
      // Before the object, so that it is never seen unlocked. A crash in between leaves a record without an object, and
      // so does a lost race: the lock of whoever comes after may get longer by it, never shorter.
      const recording = retention === null ? null : this.#record(key, retention);
      // Both wait for the disk.
      await Promise.allSettled([staging, recording]);
      await recording;
      signal?.throwIfAborted();
      return (await this.#files.publish(await staging, key)) ? { outcome: "created", versionId: null } : { outcome: "exists" };
    } finally {
      await staging.then(
        (staged) => this.#files.discard(staged),
        () => undefined,
      );
    }
  }

  #record(key: string, retention: Retention): Promise<void> {
    return this.#locks.update(key, (present) => {
      const merged = strongest(present.retention, retention);
      return sameRetention(present.retention, merged) ? null : { ...present, retention: merged };
    });
  }

  async get(key: string, { maxBytes, signal }: GetOptions): Promise<StoredObject> {
    checkObjectKey(key);
    signal?.throwIfAborted();
    const body = await readWhole(this.#root, key, maxBytes, signal);
    if (body === null) throw notFound(this.url, key);
    return { body, versionId: null };
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectHead | null> {
    checkObjectKey(key);
    signal?.throwIfAborted();
    const stats = await statObject(this.#root, key);
    return stats === null ? null : { size: stats.size, versionId: null };
  }

  versions(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectVersion> {
    return listObjects(this.#root, prefix, options);
  }

  async lockState(key: string, options: CallOptions = {}): Promise<LockState> {
    await this.#needLockable(key, options);
    return this.#locks.read(key);
  }

  /** Asks no clock whether the present lock has ended: whoever sets the clock could else weaken a lock. */
  async extendRetention(key: string, retention: Retention, options: CallOptions = {}): Promise<void> {
    await this.#needLockable(key, options);
    await this.#locks.update(key, (present) => {
      const before = present.retention;
      if (before !== null) refuseWeaker(key, before, retention);
      this.#needFuture(retention);
      return sameRetention(before, retention) ? null : { ...present, retention };
    });
  }

  async setLegalHold(key: string, held: boolean, options: CallOptions = {}): Promise<void> {
    await this.#needLockable(key, options);
    await this.#locks.update(key, (present) => (present.legalHold === held ? null : { ...present, legalHold: held }));
  }

  async #needLockable(key: string, { signal }: CallOptions): Promise<void> {
    checkObjectKey(key);
    signal?.throwIfAborted();
    this.#needLocks();
    if ((await statObject(this.#root, key)) === null) throw notFound(this.url, key);
  }

  #needLocks(): void {
    if (this.capabilities.locks !== "none") return;
    throw new SteleError(
      "store.unsupported",
      `${this.url} has no lock records (no folder ${LOCKS_FOLDER}): it is a plain copy of an archive, whose locks can be neither read nor set`,
    );
  }

  #needFuture(retention: Retention): void {
    if (toMillis(retention.until) > this.#now()) return;
    throw new SteleError(
      "input.invalid",
      `retention: expected an end in the future, got ${retention.until}; is the clock right?`,
    );
  }
}

/** Any spelling of the adapter's own folder, since some file systems do not tell cases apart. */
function checkObjectKey(key: string): void {
  checkKey(key);
  if (key.split("/", 1)[0]?.toLowerCase() === OWN_FOLDER) {
    throw new SteleError(
      "input.invalid",
      `object key: ${OWN_FOLDER}/ holds a folder store's own records, got ${JSON.stringify(key.slice(0, 200))}`,
    );
  }
}

function refuseWeaker(key: string, before: Retention, wanted: Retention): void {
  const shorter = wanted.until < before.until;
  if (!shorter && !(before.mode === "COMPLIANCE" && wanted.mode === "GOVERNANCE")) return;
  throw new SteleError(
    "store.locked",
    `${key} is locked in ${before.mode} until ${before.until}, which can be neither shortened nor weakened: ${wanted.mode} until ${wanted.until} is refused`,
  );
}

function sameRetention(a: Retention | null, b: Retention): boolean {
  return a?.mode === b.mode && a.until === b.until;
}

function notFound(url: string, key: string): SteleError {
  return new SteleError("store.not-found", `there is no object ${key} in ${url}`);
}

/** Makes new folders durable, from `folder` up to the one that was there before. */
async function syncChain(folder: string, last: string): Promise<void> {
  for (let at = folder; ; at = dirname(at)) {
    await syncFolder(await openRoot(at), "");
    if (at === last || at === dirname(at)) return;
  }
}
