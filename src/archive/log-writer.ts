import { fromBase64, toBase64 } from "../core/bytes.ts";
import { chainStart, extendChain } from "../core/chain.ts";
import { signCheckpoint } from "../core/checkpoint.ts";
import { type Commit, encodeCommit, openCommit } from "../core/commit.ts";
import { CompactRange } from "../core/compact-range.ts";
import { SteleError } from "../core/error.ts";
import { emptyRoot } from "../core/hash.ts";
import type { Signer, VerifierKey } from "../core/key.ts";
import { logKey } from "../core/layout.ts";
import { type Append, encodeManifest, FORMAT, type Manifest, manifestLeaf } from "../core/manifest.ts";
import { type Retention, retainUntil } from "../core/retention.ts";
import { type Timestamp, timestamp, toMillis } from "../core/time.ts";
import type { Store } from "../store/port.ts";
import { type Archive, logKeys, type LogIdentity } from "./archive.ts";
import { describeLog } from "./descriptions.ts";
import { History } from "./history.ts";
import { ensureLock } from "./locked-put.ts";
import { type NewAppend, placeAppends } from "./provenance.ts";
import { putManifest } from "./put-manifest.ts";
import { markRotation } from "./rotations.ts";
import type { SealedSegment } from "./segment/seal.ts";
import { TileWriter } from "./tiles.ts";
import { kept, type KeptSegment, requireSealed, type StoredSegment, Uploads } from "./uploads.ts";
import { VERSION } from "./version.ts";
import { closedBy, findWritable, type WritableLog } from "./writable.ts";

export interface WriterOptions {
  readonly signer: Signer;
  /** Stands in manifests: which process wrote. */
  readonly writerId: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /**
   * Promised in every manifest but the log's last: the next one is sealed within so many milliseconds. Whoever gives it commits
   * heartbeats in time. null (the default): nothing is promised.
   */
  readonly heartbeatMillis?: number | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an upload gives, to be committed in order, by this writer or by a later one of the same log. */
export type UploadedSegment = StoredSegment | KeptSegment;

/** By how much a segment's lock may end earlier than one that began at its commit, in milliseconds. */
const LATE = 3_600_000;

/**
 * The one writer of one log. {@link upload} puts segments, several at a time; {@link commitUploaded} makes one after the other
 * part of the log for good: segment, lock read back, manifest, read back. Another writer on the same log is found out by the
 * manifest's key and ends this one with `log.fenced`.
 *
 * A failed upload leaves the writer as it was. After any other error its state is unknown, and it refuses everything: open a
 * new one, which finds out from the store how far the log got, and takes over what was uploaded.
 */
export class LogWriter {
  readonly log: LogIdentity;
  readonly #archive: Archive;
  readonly #store: Store;
  readonly #options: WriterOptions;
  readonly #terms: WritableLog["retention"];
  readonly #tiles: TileWriter;
  readonly #uploads: Uploads;
  #keys: readonly VerifierKey[];
  /** Commits one after the other, whoever calls. */
  #turn: Promise<unknown> = Promise.resolve();
  #signer: Signer;
  #head: Commit | null;
  #failed: unknown = null;

  private constructor(archive: Archive, options: WriterOptions, { log, newest, keys, retention }: WritableLog) {
    this.log = log;
    this.#archive = archive;
    this.#store = archive.store;
    this.#options = options;
    this.#terms = retention;
    this.#tiles = new TileWriter(archive.store, log);
    this.#uploads = new Uploads(archive.store, log, options.signal);
    this.#keys = keys;
    this.#signer = options.signer.rename(log.origin);
    this.#head = newest?.commit ?? null;
  }

  /**
   * Finds the log's head and makes ready to append after it.
   * @throws SteleError `log.key` when the signer's key is not in force, `log.closed`, `log.unsound`, `store.*`
   */
  static async open(archive: Archive, name: string, options: WriterOptions): Promise<LogWriter> {
    const found = await findWritable(archive, name, ({ origin }) => options.signer.rename(origin).key, options.signal);
    const writer = new LogWriter(archive, options, found);
    if (found.newest !== null) {
      const { version, commit } = found.newest;
      const { retention: promised } = commit.manifest;
      const isOver = promised.until <= timestamp(options.now());
      // Whoever put it may have died before its lock was read back. A lock that has ended by now can't be set any more.
      if (!isOver) await ensureLock(writer.#store, version.key, version.versionId, promised, options.signal);
      const retention = isOver ? writer.#lockFrom(writer.#sealedNow([])) : promised;
      await writer.#tiles.repair(commit, writer.#history(commit), retention, options.signal);
    }
    writer.#requireUsable();
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
   * Puts a segment that will begin at entry `first`, from {@link nextEntry} on; several may be under way at once. Afterwards
   * `sealed.stored` is not needed any more. A failed upload may be tried again.
   *
   * A crash leaves at most one object for each that was under way: no part of the log, and taken over by whoever puts the
   * same segment. While the log is empty only its first segment is put, and a copy of each other kept for its commit, so that
   * a log with others and without manifests is known to have lost its manifests, and is not begun a second time.
   *
   * @param appends the provenance of its entries in order, covering all of them
   * @throws RangeError when entry `first` is committed already
   */
  async upload(sealed: SealedSegment, appends: readonly NewAppend[], first: number): Promise<UploadedSegment> {
    this.#requireUsable();
    requireSealed(sealed);
    const runs = placeAppends(appends, first, sealed.count);
    if (!Number.isSafeInteger(first) || first < this.nextEntry) {
      throw new RangeError(`upload: expected a segment of entries from ${this.nextEntry} on, got ${first}`);
    }
    return this.#head === null && first > 0 ? kept(sealed, runs, first) : this.#put(sealed, runs, first);
  }

  /**
   * Makes an uploaded segment part of the log, strictly in order.
   * @throws RangeError when it does not begin at {@link nextEntry}
   */
  commitUploaded(uploaded: UploadedSegment): Promise<Commit> {
    return this.#inTurn(() => this.#commit(uploaded));
  }

  /**
   * Uploads a sealed segment and makes it part of the log.
   * @param appends the provenance of its entries in order, covering all of them
   */
  commit(sealed: SealedSegment, appends: readonly NewAppend[]): Promise<Commit> {
    return this.#inTurn(async () => this.#commit(await this.upload(sealed, appends, this.nextEntry)));
  }

  /** Commits a manifest without entries: the log's signed word that nothing came. */
  heartbeat(): Promise<Commit> {
    return this.#inTurn(() => this.#append(this.#nothing()));
  }

  /** Commits the log's last manifest. Nothing may follow it, whoever writes: everything is refused with `log.closed`. */
  finish(): Promise<Commit> {
    return this.#inTurn(() => this.#append({ ...this.#nothing(), closed: true }));
  }

  /**
   * Commits a key rotation, signed by the key in force until now; the next manifest is signed by `next`.
   * The old key is retired.
   */
  rotate(next: Signer): Promise<Commit> {
    return this.#inTurn(async () => {
      const successor = next.rename(this.log.origin);
      const keys = { add: [successor.key.vkey], retire: [this.#signer.key.vkey] };
      const content = this.#nothing();
      await markRotation(this.#store, this.log, this.#head?.after.size ?? 0, content.retention, this.#options.signal);
      const commit = await this.#append({ ...content, keys });
      this.#signer = successor;
      this.#keys = [...this.#keys, successor.key];
      return commit;
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      this.#requireUsable();
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

  #requireUsable(): void {
    if (this.#failed !== null) {
      throw new SteleError("log.fenced", `log ${this.log.name}: this writer stopped at an earlier error; open a new one`, {
        cause: this.#failed,
      });
    }
    if (this.#head?.manifest.closed === true) throw closedBy(this.log, this.#head.manifest);
  }

  #put(sealed: SealedSegment, appends: readonly Append[], first: number): Promise<StoredSegment> {
    const sealedNow = this.#sealedNow(appends);
    const retention = this.#lockFrom(sealedNow);
    const day = (appends[0]?.time ?? sealedNow).slice(0, 10);
    return this.#uploads.put({ sealed, day, first, appends, retention }, this.#head, this.nextEntry);
  }

  async #commit(uploaded: UploadedSegment): Promise<Commit> {
    if (uploaded.first !== this.nextEntry) {
      throw new RangeError(`commit: expected the segment of entry ${this.nextEntry}, got that of entry ${uploaded.first}`);
    }
    const stored = uploaded.kind === "stored" ? uploaded : await this.#put(uploaded.sealed, uploaded.appends, uploaded.first);
    const { first, place, reference, entries, appends, retention } = stored;
    const sealed = this.#sealedNow(appends);
    const due = this.#lockFrom(sealed);
    const isLate = this.#isLate(retention, due, sealed);
    if (isLate) {
      await ensureLock(this.#store, logKey(this.log.name, place.key), place.versionId, due, this.#options.signal);
    }
    const chain = toBase64(extendChain(this.#chain(), entries.leaves));
    return this.#append({
      sealed,
      segment: { ...place, ...reference },
      entries: { first, count: entries.count, root: toBase64(entries.root), chain },
      appends,
      // What the segment is locked with: an upload and its commit cost no third request for seconds between them.
      retention: isLate ? due : retention,
    });
  }

  async #append(content: Omit<Manifest, "format" | "origin" | "index" | "previous" | "nextBy" | "writer">): Promise<Commit> {
    const before = this.#head?.after ?? CompactRange.empty;
    const { retention } = content;
    const manifest: Manifest = {
      format: FORMAT,
      origin: this.log.origin,
      index: before.size,
      previous: this.#head === null ? null : toBase64(this.#head.leaf),
      writer: { id: this.#options.writerId, version: VERSION },
      ...this.#promise(content),
      ...content,
    };
    if (this.#head === null) {
      const terms = { signer: this.#signer, ...this.#terms, now: toMillis(content.sealed) };
      await describeLog(this.#store, this.log, logKeys(this.#archive, this.log), terms, this.#options.signal);
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

  #nothing(): Pick<Manifest, "sealed" | "segment" | "entries" | "appends" | "retention"> {
    const sealed = this.#sealedNow([]);
    const entries = { first: this.nextEntry, count: 0, root: toBase64(emptyRoot()), chain: toBase64(this.#chain()) };
    return { sealed, segment: null, entries, appends: [], retention: this.#lockFrom(sealed) };
  }

  #chain(): Uint8Array {
    return this.#head === null ? chainStart(this.log.origin) : fromBase64(this.#head.manifest.entries.chain, "entries.chain");
  }

  #history(head: Commit): History {
    return new History(this.#store, this.log, head, this.#keys);
  }

  // Sealing times never decrease along a log, and nothing arrives after it was sealed, whatever the clock does: a search by
  // time halves on them.
  #sealedNow(appends: readonly NewAppend[]): Timestamp {
    let latest = timestamp(this.#options.now());
    const last = this.#head?.manifest.sealed;
    if (last !== undefined && last > latest) latest = last;
    for (const { time } of appends) if (time > latest) latest = time;
    return latest;
  }

  #promise({ sealed, closed }: Pick<Manifest, "sealed" | "closed">): Pick<Manifest, "nextBy"> {
    const { heartbeatMillis = null } = this.#options;
    if (heartbeatMillis === null || closed === true) return {};
    return { nextBy: timestamp(toMillis(sealed) + heartbeatMillis) };
  }

  /** Counted from the sealing time, which does not go back: a clock that was set back shortens no lock. */
  #lockFrom(sealed: Timestamp): Retention {
    return { mode: this.#terms.mode, until: retainUntil(sealed, this.#terms.period) };
  }

  /** Whether so much of a segment's lock has gone by between upload and commit that the manifest must promise more. */
  #isLate({ until }: Retention, due: Retention, sealed: Timestamp): boolean {
    const gone = toMillis(due.until) - toMillis(until);
    const left = toMillis(until) - toMillis(sealed);
    return gone > Math.min(LATE, left);
  }
}
