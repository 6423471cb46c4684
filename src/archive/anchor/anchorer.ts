import { randomBytes } from "node:crypto";
import { equalBytes, fromUtf8 } from "../../core/bytes.ts";
import { encodeCheckpoint, type SignedCheckpoint } from "../../core/checkpoint.ts";
import type { Commit } from "../../core/commit.ts";
import { type Cosignature, type CosignerKey, verifyCosignatures } from "../../core/cosignature.ts";
import { descriptionPeriod } from "../../core/description.ts";
import { isSteleError, SteleError } from "../../core/error.ts";
import type { VerifierKey } from "../../core/key.ts";
import { anchorKey, ARCHIVE_DESCRIPTION_KEY, checkpointCopyKey, logKey, type StoredAnchorKind } from "../../core/layout.ts";
import { formatNote } from "../../core/note.ts";
import { type Retention, retainUntil } from "../../core/retention.ts";
import { type Timestamp, timestamp } from "../../core/time.ts";
import type { Archive, LogIdentity } from "../archive.ts";
import { History } from "../history.ts";
import { ensureLock } from "../locked-put.ts";
import { versionsOf } from "../versions-of.ts";
import { type Anchoring, type AnchorKind, type AnchorLogOptions, type CopyStore, NO_POLICY } from "./anchoring.ts";
import type { AnchorsSeen } from "./check.ts";
import type { Connection } from "./http.ts";
import { checkpointIn, vouchersOf } from "./judge.ts";
import { anchorId, type AnchorPlace, isPlace, listAnchors, readAnchor } from "./places.ts";
import { putAnchor } from "./put-anchor.ts";
import { encodeStamped, parseStamped } from "./stamped-checkpoint.ts";
import type { Authority } from "./timestamp-request.ts";
import { askWitness, type Witness } from "./witness.ts";

/** What became of one anchor. */
export interface AnchorOutcome {
  readonly kind: AnchorKind;
  /** The witness's name, the authority's URL, or the second store. */
  readonly by: string;
  /** `already`: there was one for this head. */
  readonly outcome: "anchored" | "already" | "failed";
  /** By the clock of whoever vouches; null where none is said. */
  readonly time: Timestamp | null;
  /** Key of the stored object; null where nothing was stored now. */
  readonly object: string | null;
  /** Why it failed. */
  readonly error: SteleError | null;
}

/** Has one head of a log anchored. */
export class Anchorer {
  readonly #archive: Archive;
  readonly #log: LogIdentity;
  readonly #head: Commit;
  readonly #keys: readonly VerifierKey[];
  readonly #options: AnchorLogOptions;

  constructor(archive: Archive, log: LogIdentity, head: Commit, keys: readonly VerifierKey[], options: AnchorLogOptions) {
    this.#archive = archive;
    this.#log = log;
    this.#head = head;
    this.#keys = keys;
    this.#options = options;
  }

  /** By all who are configured, at once. @param seen what is there already: whom a witness was asked for the last time */
  async all(anchoring: Anchoring, seen: AnchorsSeen): Promise<AnchorOutcome[]> {
    const { fetch = globalThis.fetch, signal } = this.#options;
    const connection = { fetch, allowPrivate: anchoring.allowPrivate ?? false, signal };
    const outcomes = await Promise.all([
      this.#witnesses(anchoring, seen, connection),
      ...anchoring.authorities.map((authority) => this.#timestamp(authority, connection)),
      ...anchoring.copies.map((copy) => this.#copy(copy)),
    ]);
    return outcomes.flat();
  }

  get #checkpoint(): SignedCheckpoint {
    return this.#head.checkpoint;
  }

  /** Nothing is stored before enough witnesses have cosigned: what is stored is an anchor. */
  async #witnesses({ witnesses, quorum }: Anchoring, seen: AnchorsSeen, connection: Connection): Promise<AnchorOutcome[]> {
    const there = await this.#attempt(() => this.#cosigned(witnesses.map(({ key }) => key)));
    if (there instanceof SteleError) return witnesses.map(({ key }) => failed("witness", key.name, there));
    const missing = witnesses.filter(({ key }) => !there.some((one) => one.key.vkey === key.vkey));
    const asked = await Promise.all(
      missing.map(async (witness) => ({ witness, got: await this.#attempt(() => this.#ask(witness, seen, connection)) })),
    );
    const fresh = asked.flatMap(({ got }) => (got instanceof SteleError ? [] : [got]));
    const stored = await this.#attempt(() => this.#storeCosigned([...there, ...fresh], fresh.length, quorum));
    const already = there.map(({ key, time }): AnchorOutcome => done("witness", key.name, "already", time, null));
    const now = asked.map(({ witness: { key }, got }): AnchorOutcome => {
      if (got instanceof SteleError) return failed("witness", key.name, got);
      return stored instanceof SteleError
        ? failed("witness", key.name, stored)
        : done("witness", key.name, "anchored", got.time, stored);
    });
    return [...already, ...now];
  }

  #ask(witness: Witness, { newest }: AnchorsSeen, connection: Connection): Promise<Cosignature> {
    const last = newest.find(({ kind, by }) => kind === "witness" && by.includes(witness.key.vkey));
    const history = new History(this.#archive.store, this.#log, this.#head, this.#keys);
    return askWitness(witness, this.#checkpoint, last?.size ?? 0, (size) => history.consistencyProof(size), {
      ...connection,
      now: this.#options.now,
    });
  }

  async #storeCosigned(cosignatures: readonly Cosignature[], fresh: number, quorum: number): Promise<string | null> {
    if (cosignatures.length < quorum) {
      throw new SteleError(
        "anchor.failed",
        `${cosignatures.length} of the ${quorum} witnesses that are needed cosigned: nothing was stored`,
      );
    }
    if (fresh === 0) return null;
    const { text, signatures } = this.#checkpoint.note;
    const bytes = formatNote({ text, signatures: [...signatures, ...cosignatures.map(({ line }) => line)] });
    return this.#store("witness", bytes);
  }

  /** The cosignatures on this head that are stored already. */
  async #cosigned(keys: readonly CosignerKey[]): Promise<Cosignature[]> {
    const found = new Map<string, Cosignature>();
    if (keys.length === 0) return [];
    for await (const { checkpoint } of this.#stored("witness")) {
      for (const one of ignoring(() => verifyCosignatures(checkpoint.note, keys)) ?? []) found.set(one.key.vkey, one);
    }
    return [...found.values()];
  }

  async #timestamp(authority: Authority, connection: Connection): Promise<AnchorOutcome> {
    const { now, random = randomBytes } = this.#options;
    const by = authority.url;
    const outcome = await this.#attempt(async () => {
      const already = await this.#stampedBy(authority);
      if (already !== null) return done("timestamp", by, "already", already, null);
      // Loaded where there is an authority, and only there.
      const { requestTimestamp } = await import("./timestamp-request.ts");
      const note = encodeCheckpoint(this.#checkpoint);
      const { token, verified } = await requestTimestamp(authority, note, { ...connection, now, random });
      const object = await this.#store("timestamp", encodeStamped({ checkpoint: fromUtf8(note), authority: by, token }));
      return done("timestamp", by, "anchored", verified.time, object);
    });
    return outcome instanceof SteleError ? failed("timestamp", by, outcome) : outcome;
  }

  /** When this head was stamped by an authority, if a token that holds is stored. */
  async #stampedBy({ url, trusted }: Authority): Promise<Timestamp | null> {
    for await (const { place, bytes, checkpoint } of this.#stored("timestamp")) {
      // Where it says it came from proves nothing, but tells apart two authorities under one CA.
      if (parseStamped(bytes).authority !== url) continue;
      try {
        const [voucher] = await vouchersOf(place, bytes, checkpoint, { ...NO_POLICY, authorities: trusted });
        if (voucher?.time !== undefined) return voucher.time;
      } catch (error) {
        if (!isSteleError(error, "proof.timestamp", "format.encoding")) throw error;
      }
    }
    return null;
  }

  async #copy({ store, retention }: CopyStore): Promise<AnchorOutcome> {
    const by = store.url;
    const { now, signal } = this.#options;
    const outcome = await this.#attempt(async () => {
      if (by === this.#archive.store.url || (await store.head(ARCHIVE_DESCRIPTION_KEY, { signal })) !== null) {
        throw new SteleError(
          "input.invalid",
          `${by} holds an archive: copies of checkpoints go to a place of their own, in other hands than the archive's`,
        );
      }
      const bytes = encodeCheckpoint(this.#checkpoint);
      const { origin, size } = this.#checkpoint;
      const key = checkpointCopyKey(origin, size, anchorId(bytes));
      const versions = await versionsOf(store, key, signal);
      const there = await readAnchor({ kind: "copy", store, key, size, id: anchorId(bytes), versions }, signal);
      if (there !== null) return done("copy", by, "already", null, null);
      const lock: Retention | null =
        retention === null ? null : { mode: retention.mode, until: retainUntil(timestamp(now()), retention.period) };
      await putAnchor(store, { kind: "copy", key, size, bytes }, lock, signal);
      return done("copy", by, "anchored", null, key);
    });
    return outcome instanceof SteleError ? failed("copy", by, outcome) : outcome;
  }

  /** The anchors of this very head that are in the log's folder and signed by its key. */
  async *#stored(
    kind: StoredAnchorKind,
  ): AsyncGenerator<{ place: AnchorPlace; bytes: Uint8Array; checkpoint: SignedCheckpoint }, void, undefined> {
    const { signal } = this.#options;
    for await (const place of listAnchors(this.#archive.store, this.#log, kind, { of: this.#checkpoint.size, signal })) {
      if (!isPlace(place)) continue;
      const anchor = await readAnchor(place, signal);
      if (anchor === null) continue;
      const checkpoint = ignoring(() => checkpointIn(place, anchor.bytes, this.#log, this.#keys));
      if (checkpoint === null || !equalBytes(checkpoint.root, this.#checkpoint.root)) continue;
      // Whoever put it may have ended before its lock was read back. One that is over by now can't be set any more.
      const { retention } = this.#head.manifest;
      if (retention.until > timestamp(this.#options.now())) {
        await ensureLock(this.#archive.store, place.key, anchor.version.versionId, retention, signal);
      }
      yield { place, bytes: anchor.bytes, checkpoint };
    }
  }

  async #store(kind: StoredAnchorKind, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    const { size } = this.#checkpoint;
    const key = logKey(this.#log.name, anchorKey(kind, size, anchorId(bytes)));
    await putAnchor(this.#archive.store, { kind, key, size, bytes }, this.#retention(), this.#options.signal);
    return key;
  }

  /** At least that of the manifest whose checkpoint it is; longer where that began a while ago. */
  #retention(): Retention {
    const { mode, until } = this.#head.manifest.retention;
    const { description } = this.#archive;
    const now = timestamp(this.#options.now());
    const later = description === null ? until : retainUntil(now, descriptionPeriod(description));
    return { mode, until: later > until ? later : until };
  }

  /** What fails is one anchor's; the others go on. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | SteleError> {
    try {
      return await work();
    } catch (error) {
      if (!isSteleError(error) || this.#options.signal?.aborted === true) throw error;
      return error;
    }
  }
}

/** What does not hold is passed over here: a check of all anchors names it. */
function ignoring<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isSteleError(error)) return null;
    throw error;
  }
}

function done(
  kind: AnchorKind,
  by: string,
  outcome: "anchored" | "already",
  time: Timestamp | null,
  object: string | null,
): AnchorOutcome {
  return { kind, by, outcome, time, object, error: null };
}

function failed(kind: AnchorKind, by: string, error: SteleError): AnchorOutcome {
  return { kind, by, outcome: "failed", time: null, object: null, error };
}
