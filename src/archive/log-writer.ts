import { signCheckpoint } from "../core/checkpoint.ts";
import { chainStart, extendChain } from "../core/chain.ts";
import { fromBase64, toBase64 } from "../core/bytes.ts";
import { type Commit, encodeCommit, openCommit } from "../core/commit.ts";
import { CompactRange } from "../core/compact-range.ts";
import { descriptionPeriod } from "../core/description.ts";
import { SteleError } from "../core/error.ts";
import { emptyRoot } from "../core/hash.ts";
import type { Signer, VerifierKey } from "../core/key.ts";
import { logKey, parseLogName, parseSegmentKey, SEGMENTS_PREFIX, TILES_PREFIX } from "../core/layout.ts";
import { encodeManifest, FORMAT, type Manifest, manifestLeaf, type SegmentReference } from "../core/manifest.ts";
import { type LockMode, type Period, type Retention, retainUntil } from "../core/retention.ts";
import { type Timestamp, timestamp } from "../core/time.ts";
import type { Store } from "../store/port.ts";
import { type Archive, logKeys, type LogIdentity, logOf } from "./archive.ts";
import { describeLog } from "./descriptions.ts";
import { type NewAppend, placeAppends } from "./provenance.ts";
import { putManifest } from "./put-manifest.ts";
import { History } from "./history.ts";
import { locateHead } from "./locate.ts";
import { ensureLock } from "./locked-put.ts";
import { putSegment } from "./put-segment.ts";
import { markRotation } from "./rotations.ts";
import { MAX_RAW_BYTES } from "./segment/open.ts";
import type { SealedSegment } from "./segment/seal.ts";
import { TileWriter } from "./tiles.ts";
import { VERSION } from "./version.ts";

export interface WriterOptions {
  readonly signer: Signer;
  /** Stands in manifests: which process wrote. */
  readonly writerId: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The one writer of one log. Each {@link commit} makes a segment part of the log for good: segment, lock read back, manifest,
 * read back. Another writer on the same log is found out by the manifest's key and ends this one with `log.fenced`.
 *
 * After an error its state is unknown: open a new one, which finds out from the store how far the log got.
 */
export class LogWriter {
  readonly log: LogIdentity;
  readonly #archive: Archive;
  readonly #store: Store;
  readonly #options: WriterOptions;
  readonly #retention: { readonly mode: LockMode; readonly period: Period };
  readonly #tiles: TileWriter;
  #keys: readonly VerifierKey[];
  /** Commits one after the other, whoever calls. */
  #turn: Promise<unknown> = Promise.resolve();
  #signer: Signer;
  #head: Commit | null;
  #failed: unknown = null;
  #fresh = true;

  private constructor(
    archive: Archive,
    log: LogIdentity,
    options: WriterOptions,
    retention: { readonly mode: LockMode; readonly period: Period },
    keys: readonly VerifierKey[],
    head: Commit | null,
  ) {
    this.log = log;
    this.#archive = archive;
    this.#store = archive.store;
    this.#options = options;
    this.#retention = retention;
    this.#tiles = new TileWriter(archive.store, log);
    this.#keys = keys;
    this.#signer = options.signer.rename(log.origin);
    this.#head = head;
  }

  /**
   * Finds the log's head and makes ready to append after it.
   * @throws SteleError `log.key` when the signer's key is not in force, `log.closed`, `store.*`
   */
  static async open(archive: Archive, name: string, options: WriterOptions): Promise<LogWriter> {
    const { store, description } = archive;
    const log = logOf(archive, parseLogName(name));
    if (store.capabilities.locks === "none") {
      throw new SteleError(
        "store.unsupported",
        `${store.url} is a plain copy of an archive, without locks: it can be read, but not written to`,
      );
    }
    if (description === null)
      throw new SteleError("format.description", `${store.url}: without its archive.json an archive can't be written to`);
    const signer = options.signer.rename(log.origin);
    const { newest, ring, keys } = await locateHead(store, log, logKeys(archive, log), options.signal);
    const head = newest?.commit ?? null;
    requireInForce(log, signer.key, ring.inForce);
    if (head?.manifest.closed === true) {
      throw new SteleError(
        "log.closed",
        `log ${name} was closed with manifest ${head.manifest.index} at ${head.manifest.sealed}: nothing may follow it`,
      );
    }
    const retention = { mode: description.retention.mode, period: descriptionPeriod(description) };
    const writer = new LogWriter(archive, log, options, retention, keys, head);
    if (newest === null) {
      await requireNothingAfterNothing(store, log, options.signal);
    } else {
      const { version, commit } = newest;
      const { retention: promised } = commit.manifest;
      // Whoever put it may have died before its lock was read back.
      await ensureLock(store, version.key, version.versionId, promised, options.signal);
      await writer.#tiles.repair(commit, writer.#history(commit), promised, options.signal);
    }
    return writer;
  }

  /** Keys that may have signed the log until now. */
  get keys(): readonly VerifierKey[] {
    return this.#keys;
  }

  /** The newest manifest; null while the log is empty. */
  get head(): Commit | null {
    return this.#head;
  }

  /** The index that the next entry will get. */
  get nextEntry(): number {
    return this.#head === null ? 0 : this.#head.manifest.entries.first + this.#head.manifest.entries.count;
  }

  /**
   * Makes a sealed segment part of the log.
   * @param appends the provenance of its entries in order, covering all of them
   */
  async commit(sealed: SealedSegment, appends: readonly NewAppend[]): Promise<Commit> {
    return this.#guarded(async () => {
      if (sealed.count === 0 || sealed.rawBytes > MAX_RAW_BYTES) {
        throw new SteleError(
          "input.invalid",
          `segment: expected 1 entry or more, and at most ${MAX_RAW_BYTES} bytes, got ${sealed.count} entries and ${sealed.rawBytes} bytes`,
        );
      }
      const first = this.nextEntry;
      const runs = placeAppends(appends, first, sealed.count);
      const day = (runs[0]?.time ?? this.#now(runs)).slice(0, 10);
      const retention = this.#retentionNow();
      const stored = await putSegment(this.#store, this.log, {
        sealed,
        day,
        first,
        retention,
        ...this.#orphansAfter(),
        signal: this.#options.signal,
      });
      this.#fresh = false;
      const segment: SegmentReference = {
        key: stored.key,
        versionId: stored.versionId,
        encoding: "zstd",
        bytes: sealed.stored.length,
        sha256: toBase64(sealed.sha256),
        rawBytes: sealed.rawBytes,
      };
      const chain = extendChain(this.#chain(), sealed.leaves);
      const entries = { first, count: sealed.count, root: toBase64(sealed.root), chain: toBase64(chain) };
      return this.#append({ segment, entries, appends: runs }, retention);
    });
  }

  /**
   * Commits a key rotation, signed by the key in force until now; the next manifest is signed by `next`.
   * The old key is retired.
   */
  async rotate(next: Signer): Promise<Commit> {
    return this.#guarded(async () => {
      const successor = next.rename(this.log.origin);
      const keys = { add: [successor.key.vkey], retire: [this.#signer.key.vkey] };
      const retention = this.#retentionNow();
      await markRotation(this.#store, this.log, this.#head?.after.size ?? 0, retention, this.#options.signal);
      const commit = await this.#append({ ...this.#nothing(), keys }, retention);
      this.#signer = successor;
      this.#keys = [...this.#keys, successor.key];
      return commit;
    });
  }

  #guarded<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      if (this.#failed !== null) {
        throw new SteleError("log.fenced", `log ${this.log.name}: this writer stopped at an earlier error; open a new one`, {
          cause: this.#failed,
        });
      }
      try {
        return await work();
      } catch (error) {
        this.#failed = error;
        throw error;
      }
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #append(content: Pick<Manifest, "segment" | "entries" | "appends" | "keys">, retention: Retention): Promise<Commit> {
    const before = this.#head?.after ?? CompactRange.empty;
    const manifest: Manifest = {
      format: FORMAT,
      origin: this.log.origin,
      index: before.size,
      previous: this.#head === null ? null : toBase64(this.#head.leaf),
      sealed: this.#now(content.appends),
      retention,
      writer: { id: this.#options.writerId, version: VERSION },
      ...content,
    };
    if (this.#head === null) {
      const terms = { signer: this.#signer, ...this.#retention, now: this.#options.now() };
      await describeLog(this.#store, this.log, logKeys(this.#archive, this.log), terms);
    }
    const commit = await this.#sign(manifest, before);
    await putManifest(this.#store, this.log, commit, this.#keys, retention, this.#options.signal);
    this.#head = commit.commit;
    await this.#tiles.committed(commit.commit, this.#history(commit.commit), retention, this.#options.signal);
    return commit.commit;
  }

  /** Signs, encodes, and reads what was encoded: what is put is what a reader will accept. */
  async #sign(manifest: Manifest, before: CompactRange): Promise<{ commit: Commit; bytes: Uint8Array<ArrayBuffer> }> {
    const after = before.append(manifestLeaf(encodeManifest(manifest)));
    const checkpoint = await signCheckpoint({ origin: this.log.origin, size: after.size, root: after.root() }, [this.#signer]);
    const bytes = encodeCommit(manifest, before, checkpoint);
    return { commit: openCommit(bytes, this.log.origin, [this.#signer.key]).commit, bytes };
  }

  /** Only a writer's first segment can have been put before; what lies behind the head's own is looked through for it. */
  #orphansAfter(): { orphansAfter?: string | null } {
    if (!this.#fresh) return {};
    if (this.#head === null) return { orphansAfter: null };
    const last = this.#head.manifest.segment;
    return last === null ? {} : { orphansAfter: last.key };
  }

  #nothing(): Pick<Manifest, "segment" | "entries" | "appends"> {
    const entries = { first: this.nextEntry, count: 0, root: toBase64(emptyRoot()), chain: toBase64(this.#chain()) };
    return { segment: null, entries, appends: [] };
  }

  #chain(): Uint8Array {
    return this.#head === null ? chainStart(this.log.origin) : fromBase64(this.#head.manifest.entries.chain, "entries.chain");
  }

  #history(head: Commit): History {
    return new History(this.#store, this.log, head, this.#keys);
  }

  // Sealing times never decrease along a log, and nothing arrives after it was sealed, whatever the clock does: a search by
  // time halves on them.
  #now(appends: readonly NewAppend[]): Timestamp {
    let latest = timestamp(this.#options.now());
    const last = this.#head?.manifest.sealed;
    if (last !== undefined && last > latest) latest = last;
    for (const { time } of appends) if (time > latest) latest = time;
    return latest;
  }

  #retentionNow(): Retention {
    return { mode: this.#retention.mode, until: retainUntil(timestamp(this.#options.now()), this.#retention.period) };
  }
}

function requireInForce(log: LogIdentity, key: VerifierKey, inForce: readonly VerifierKey[]): void {
  if (inForce.some(({ vkey }) => vkey === key.vkey)) return;
  // With any other key the writer would make a manifest that no reader accepts, beside the real one.
  throw new SteleError(
    "log.key",
    `log ${log.name}: the signing key ${key.vkey} is not in force; expected ${inForce.map(({ vkey }) => vkey).join(" or ") || "a key of the archive"}. ` +
      `Give the archive's own key with --key-file.`,
  );
}

/** A log without manifests but with what only manifests lead to has lost them: going on at 0 would be a second history. */
async function requireNothingAfterNothing(store: Store, log: LogIdentity, signal?: AbortSignal): Promise<void> {
  for (const prefix of [TILES_PREFIX, SEGMENTS_PREFIX]) {
    for await (const { key } of store.versions(logKey(log.name, prefix), { signal })) {
      const relative = key.slice(log.name.length + 1);
      if (prefix === SEGMENTS_PREFIX && (parseSegmentKey(relative)?.first ?? 0) === 0) continue;
      throw new SteleError(
        "log.unsound",
        `log ${log.name} has no manifest, but ${key}: its manifests are gone. Nothing is appended, since that would begin a second history. ` +
          `Run "stele verify"; to go on all the same, use another log`,
      );
    }
  }
}
