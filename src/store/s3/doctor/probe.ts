import { randomUUID } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { ConformanceCheck } from "../../conformance.ts";
import type { LockMode } from "../../../core/retention.ts";
import { md5Base64 } from "../checksum.ts";
import { type S3Clients, sendOptions } from "../clients.ts";
import { type S3Failure, s3Failure } from "../errors.ts";
import { readVersionsPage } from "../listing.ts";
import type { DefaultRetention } from "../provision.ts";

export type Finding = Pick<ConformanceCheck, "observed" | "verdict" | "consequence">;

/** One question to the store. Whatever `ask` throws makes the verdict `unknown`. */
export interface Question extends Pick<ConformanceCheck, "id" | "title" | "expected"> {
  readonly ask: (probe: Probe) => Promise<Finding>;
}

/** A version of a probe object. */
export interface ProbeVersion {
  readonly Bucket: string;
  readonly Key: string;
  readonly VersionId: string;
}

/** Where the doctor's objects lie, and how long they are locked. */
export class Probe {
  readonly clients: S3Clients;
  readonly bucket: string;
  /** Full keys' common beginning, ending in `/`. */
  readonly place: string;
  readonly lockSeconds: number;
  /** What the bucket locks a new object with by itself; undefined when that could not be found out. */
  readonly bucketDefault: DefaultRetention | null | undefined;
  readonly now: () => number;
  readonly signal: AbortSignal | undefined;

  constructor(settings: {
    clients: S3Clients;
    bucket: string;
    root: string;
    lockSeconds: number;
    bucketDefault: DefaultRetention | null | undefined;
    now: () => number;
    signal: AbortSignal | undefined;
  }) {
    this.clients = settings.clients;
    this.bucket = settings.bucket;
    this.place = `${settings.root}_doctor/${randomUUID()}/`;
    this.lockSeconds = settings.lockSeconds;
    this.bucketDefault = settings.bucketDefault;
    this.now = settings.now;
    this.signal = settings.signal;
  }

  /** For what may be sent again. */
  get client(): S3Client {
    return this.clients.retrying;
  }

  get options(): { abortSignal?: AbortSignal } {
    return sendOptions(this.signal);
  }

  key(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.place + name };
  }

  /** A whole second, `factor` times the probes' lock from now. */
  until(factor = 1): Date {
    return new Date((Math.ceil(this.now() / 1000) + this.lockSeconds * factor) * 1000);
  }

  lock(until: Date, mode: LockMode = "COMPLIANCE"): Pick<PutObjectCommandInput, "ObjectLockMode" | "ObjectLockRetainUntilDate"> {
    return { ObjectLockMode: mode, ObjectLockRetainUntilDate: until };
  }

  /** Puts a shortly locked object of its own for one check, so that no check hangs on another's outcome. */
  async putLocked(name: string, until: Date = this.until(), mode: LockMode = "COMPLIANCE"): Promise<ProbeVersion> {
    return this.put(name, this.lock(until, mode));
  }

  async put(name: string, more: Partial<PutObjectCommandInput> = {}): Promise<ProbeVersion> {
    const body = probeBody(name);
    const command = new PutObjectCommand({ ...this.key(name), Body: body, ContentMD5: md5Base64(body), ...more });
    const { VersionId } = await this.clients.once.send(command, this.options);
    if (VersionId === undefined) throw new Error("the store gave the new object no version id");
    return { ...this.key(name), VersionId };
  }

  /** Whether the version is still there with the bytes it was put with. */
  async isIntact(version: ProbeVersion): Promise<boolean> {
    try {
      const answer = await this.client.send(new GetObjectCommand(version), this.options);
      const bytes = await answer.Body?.transformToByteArray();
      return bytes !== undefined && Buffer.compare(bytes, probeBody(version.Key.slice(this.place.length))) === 0;
    } catch (error) {
      if (s3Failure(error)?.status === 404) return false;
      throw error;
    }
  }

  /** Removes what no lock holds. @returns the keys that stay behind */
  async cleanUp(): Promise<string[]> {
    const left = new Set<string>();
    let from = {};
    for (;;) {
      const list = new ListObjectVersionsCommand({ Bucket: this.bucket, Prefix: this.place, EncodingType: "url", ...from });
      const page = readVersionsPage(await this.client.send(list, this.options));
      for (const { key, versionId } of page.versions) {
        const version = { Bucket: this.bucket, Key: key, ...(versionId === null ? {} : { VersionId: versionId }) };
        if ((await attack(() => this.client.send(new DeleteObjectCommand(version), this.options))) !== null) left.add(key);
      }
      if (page.next === null) return [...left].sort();
      const { keyMarker, versionIdMarker } = page.next;
      from = { KeyMarker: keyMarker, ...(versionIdMarker === undefined ? {} : { VersionIdMarker: versionIdMarker }) };
    }
  }
}

/**
 * Tries what a sound store refuses.
 * @returns the refusal, or null when the store let it happen
 * @throws what is neither: no answer, throttling, a failing server
 */
export async function attack(attempt: () => Promise<unknown>): Promise<S3Failure | null> {
  try {
    await attempt();
    return null;
  } catch (error) {
    const failure = s3Failure(error);
    const status = failure?.status ?? 0;
    if (failure !== null && (status === 501 || (status >= 400 && status < 500 && status !== 429))) return failure;
    throw error;
  }
}

export function answerOf(failure: S3Failure): string {
  return `HTTP ${failure.status ?? "-"} ${failure.name}`;
}

export function probeBody(name: string): Uint8Array {
  return new TextEncoder().encode(`probe object of stele doctor: ${name}\n`);
}
