import { createHash, randomUUID } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { LockMode, Retention } from "../../../src/core/retention.ts";
import type { Store } from "../../../src/store/port.ts";
import type { TestBucket } from "../../store/ceph-bucket.ts";
import { impossible, type Place, type Power } from "./place.ts";

/**
 * A prefix of a bucket with Object Lock, and somebody with every right in it. Under COMPLIANCE that is the right to put
 * something over objects; under GOVERNANCE, whose locks can be bypassed, also to remove them.
 */
export class CephPlace implements Place {
  static readonly POWERS: ReadonlySet<Power> = new Set(["replace", "remove", "overwrite", "hide"]);
  readonly store: Store;
  readonly now: () => number;
  readonly powers: ReadonlySet<Power> = CephPlace.POWERS;
  readonly mode: LockMode;
  readonly #bucket: TestBucket;
  readonly #prefix: string = randomUUID();

  constructor(bucket: TestBucket, needs: readonly Power[]) {
    this.#bucket = bucket;
    this.store = bucket.open({ prefix: this.#prefix });
    this.mode = needs.includes("remove") || needs.includes("replace") ? "GOVERNANCE" : "COMPLIANCE";
    // Stands still, so that what is forged promises the very lock that it gets.
    const started = Date.now();
    this.now = () => started;
  }

  async put(key: string, body: Uint8Array, retention: Retention | null): Promise<string> {
    const lock = retention && { ObjectLockMode: retention.mode, ObjectLockRetainUntilDate: new Date(retention.until) };
    const ContentMD5 = createHash("md5").update(body).digest("base64");
    const { VersionId } = await this.#bucket.client.send(
      new PutObjectCommand({ ...this.#address(key), Body: body, ContentMD5, ...lock }),
    );
    if (VersionId === undefined) throw new Error(`${key}: the server gave no version id`);
    return VersionId;
  }

  async read(key: string): Promise<Uint8Array> {
    const { Body } = await this.#bucket.client.send(
      new GetObjectCommand({ ...this.#address(key), VersionId: await this.#oldest(key) }),
    );
    return (await Body?.transformToByteArray()) ?? new Uint8Array(0);
  }

  async rewrite(key: string, alter: (body: Uint8Array) => Uint8Array): Promise<void> {
    const body = await this.read(key);
    const { retention } = await this.store.lockState(key);
    await this.remove(key);
    await this.put(key, alter(body), retention);
  }

  async remove(key: string): Promise<void> {
    const address = { ...this.#address(key), VersionId: await this.#oldest(key) };
    await this.#bucket.client.send(new DeleteObjectCommand({ ...address, BypassGovernanceRetention: true }));
  }

  async hide(key: string): Promise<void> {
    await this.#bucket.client.send(new DeleteObjectCommand(this.#address(key)));
  }

  relock(): Promise<never> {
    return impossible();
  }

  async another(): Promise<CephPlace> {
    return new CephPlace(this.#bucket, []);
  }

  /** The bucket goes with the cluster: what is locked can't be removed. */
  async close(): Promise<void> {
    return undefined;
  }

  #address(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket.bucket, Key: `${this.#prefix}/${key}` };
  }

  async #oldest(key: string): Promise<string> {
    const { Bucket, Key } = this.#address(key);
    const { Versions = [] } = await this.#bucket.client.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key }));
    const oldest = Versions.findLast((version) => version.Key === Key)?.VersionId;
    if (oldest === undefined) throw new Error(`there is no ${key} to attack`);
    return oldest;
  }
}
