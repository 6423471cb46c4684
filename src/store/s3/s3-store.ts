import { GetObjectCommand, HeadBucketCommand, HeadObjectCommand, ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import { SteleError } from "../../core/error.ts";
import type { Retention } from "../../core/retention.ts";
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
import { checkKey, compareKeys } from "../key.ts";
import { readBody } from "./body.ts";
import { ChecksumProfile, type ChecksumChoice, sha256Base64 } from "./checksum.ts";
import { type S3Clients, sendOptions } from "./clients.ts";
import { s3Error, s3Failure, saysAbsent } from "./errors.ts";
import { readVersionsPage } from "./listing.ts";
import { type VersionAddress, extendRetention, readLockState, setLegalHold } from "./locks.ts";
import { PART_SIZE } from "./multipart.ts";
import { putOnce } from "./put.ts";

export interface S3StoreSettings {
  readonly bucket: string;
  /** Without a slash at either end; empty for the whole bucket. */
  readonly prefix: string;
  readonly checksum: ChecksumChoice;
  readonly conditionalPut: "auto" | boolean;
  /** Bodies longer than this go up in parts. Bytes, at least one part (16 MiB). */
  readonly multipartThreshold: number;
}

/** A {@link Store} in an S3 bucket, rooted at a prefix. */
export class S3Store implements Store {
  readonly url: string;
  readonly capabilities: StoreCapabilities;
  readonly #clients: S3Clients;
  readonly #bucket: string;
  readonly #root: string;
  readonly #threshold: number;
  readonly #profile: ChecksumProfile;
  /** A 412 proves that the store heeds If-None-Match; until one was seen, the header may well be ignored. */
  #heedsCondition: boolean;
  readonly #mayLearn: boolean;
  #bucketSeen = false;

  constructor(clients: S3Clients, settings: S3StoreSettings) {
    this.#clients = clients;
    this.#bucket = settings.bucket;
    this.#root = settings.prefix === "" ? "" : `${settings.prefix}/`;
    this.url = `s3://${settings.bucket}${settings.prefix === "" ? "" : `/${settings.prefix}`}`;
    this.#threshold = Math.max(settings.multipartThreshold, PART_SIZE);
    this.#profile = new ChecksumProfile(settings.checksum);
    this.#heedsCondition = settings.conditionalPut === true;
    const heedsCondition = () => this.#heedsCondition;
    this.capabilities = {
      versions: true,
      locks: "enforced",
      get conditionalPut() {
        return heedsCondition();
      },
    };
    this.#mayLearn = settings.conditionalPut === "auto";
  }

  async putIfAbsent(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    checkKey(key);
    const { signal, retention, contentType } = options;
    return this.#attempt(`put ${this.#name(key)}`, signal, async () => {
      const multipart = body.length > this.#threshold;
      const target = { Bucket: this.#bucket, Key: this.#root + key };
      const answer = await putOnce(this.#clients, this.#profile, {
        ...target,
        body,
        retention,
        contentType,
        multipart,
        signal,
      });
      if (answer.outcome === "exists") {
        if (this.#mayLearn && !multipart) this.#heedsCondition = true;
        return answer;
      }
      const { versionId, evidence } = answer;
      const kept = evidence === "none" ? await this.#keptBytes(key, versionId, body, signal) : evidence === "matched";
      if (!kept) {
        throw new SteleError(
          "store.altered",
          `put ${this.#name(key)}: the store kept other bytes than the ${body.length} it was given (version ${versionId ?? "none"})`,
        );
      }
      return { outcome: "created", versionId };
    });
  }

  async get(key: string, options: GetOptions): Promise<StoredObject> {
    checkKey(key);
    const { signal, versionId, maxBytes } = options;
    const name = this.#name(key, versionId);
    return this.#attempt(`get ${name}`, signal, async () => {
      const answer = await this.#clients.retrying.send(new GetObjectCommand(this.#address(key, versionId)), sendOptions(signal));
      const body = await readBody(answer.Body, answer.ContentLength, maxBytes, name, signal);
      return { body, versionId: answer.VersionId ?? null };
    });
  }

  async head(key: string, options: VersionOptions = {}): Promise<ObjectHead | null> {
    checkKey(key);
    const { signal, versionId } = options;
    return this.#attempt(`head ${this.#name(key, versionId)}`, signal, async () => {
      try {
        const command = new HeadObjectCommand(this.#address(key, versionId));
        const answer = await this.#clients.retrying.send(command, sendOptions(signal));
        if (answer.ContentLength === undefined)
          throw new SteleError("store.unreachable", `${this.#name(key)}: no length in the answer`);
        return { size: answer.ContentLength, versionId: answer.VersionId ?? null };
      } catch (error) {
        const failure = s3Failure(error);
        if (failure === null || !saysAbsent(failure)) throw error;
        await this.#assertBucket(signal);
        return null;
      }
    });
  }

  async *versions(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectVersion> {
    const { signal, after, limit } = options;
    const MaxKeys = Math.min(1000, Math.max(1, limit ?? 1000));
    let from = after === undefined ? {} : { KeyMarker: this.#root + after };
    for (;;) {
      const page = await this.#attempt(`list versions of ${this.#name(prefix)}`, signal, async () => {
        const command = new ListObjectVersionsCommand({
          Bucket: this.#bucket,
          Prefix: this.#root + prefix,
          EncodingType: "url",
          MaxKeys,
          ...from,
        });
        return readVersionsPage(await this.#clients.retrying.send(command, sendOptions(signal)));
      });
      for (const version of page.versions) {
        const key = version.key.slice(this.#root.length);
        // A "folder" that a console made for the prefix itself has no name below it.
        if (key === "" || (after !== undefined && compareKeys(key, after) <= 0)) continue;
        yield { ...version, key };
      }
      if (page.next === null) return;
      const { keyMarker, versionIdMarker } = page.next;
      from = { KeyMarker: keyMarker, ...(versionIdMarker === undefined ? {} : { VersionIdMarker: versionIdMarker }) };
    }
  }

  async lockState(key: string, options: VersionOptions = {}): Promise<LockState> {
    checkKey(key);
    const { signal, versionId } = options;
    return this.#attempt(`read the lock of ${this.#name(key, versionId)}`, signal, () =>
      readLockState(this.#clients.retrying, this.#address(key, versionId), signal),
    );
  }

  async extendRetention(key: string, retention: Retention, options: VersionOptions = {}): Promise<void> {
    checkKey(key);
    const { signal, versionId } = options;
    return this.#attempt(`extend the retention of ${this.#name(key, versionId)}`, signal, () =>
      extendRetention(this.#clients.retrying, this.#address(key, versionId), retention, signal),
    );
  }

  async setLegalHold(key: string, held: boolean, options: VersionOptions = {}): Promise<void> {
    checkKey(key);
    const { signal, versionId } = options;
    return this.#attempt(`${held ? "set" : "lift"} the legal hold of ${this.#name(key, versionId)}`, signal, () =>
      setLegalHold(this.#clients.retrying, this.#address(key, versionId), held, signal),
    );
  }

  async #keptBytes(key: string, versionId: string | null, body: Uint8Array, signal: AbortSignal | undefined): Promise<boolean> {
    let stored: StoredObject;
    try {
      stored = await this.get(key, { versionId, maxBytes: body.length, signal });
    } catch (error) {
      if (error instanceof SteleError && error.code === "store.too-large") return false;
      throw error;
    }
    return stored.body.length === body.length && sha256Base64(stored.body) === sha256Base64(body);
  }

  /** A HEAD's 404 doesn't say whether the key or the whole bucket is missing, and a mistyped bucket is no empty one. */
  async #assertBucket(signal: AbortSignal | undefined): Promise<void> {
    if (this.#bucketSeen) return;
    try {
      await this.#clients.retrying.send(new HeadBucketCommand({ Bucket: this.#bucket }), sendOptions(signal));
    } catch (error) {
      if (s3Failure(error)?.status === 404) {
        throw new SteleError("store.unsupported", `bucket ${this.#bucket} does not exist: check its name and the endpoint`, {
          cause: error,
        });
      }
      // Whoever may not ask about the bucket was still told 404 for the key.
      if (s3Failure(error)?.status !== 403) throw error;
    }
    this.#bucketSeen = true;
  }

  async #attempt<T>(action: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    try {
      const result = await work();
      return result;
    } catch (error) {
      throw s3Error(error, action, signal);
    }
  }

  #address(key: string, versionId: string | null | undefined): VersionAddress {
    return { Bucket: this.#bucket, Key: this.#root + key, ...(versionId == null ? {} : { VersionId: versionId }) };
  }

  #name(key: string, versionId?: string | null): string {
    return `${this.url}/${key}${versionId == null ? "" : ` (version ${versionId})`}`;
  }
}
