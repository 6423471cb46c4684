import type { CompleteMultipartUploadCommandOutput, PutObjectCommandInput } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { SteleError } from "../../core/error.ts";
import type { S3Clients } from "./clients.ts";

/** Bytes of every part but the last. S3 allows 5 MiB to 5 GiB, and 10,000 parts. */
export const PART_SIZE: number = 16 * 1024 * 1024;

const PARTS_AT_ONCE = 4;

/** What an object is given when it is created, whole or in parts. */
export type ObjectHeaders = Pick<PutObjectCommandInput, "ContentType" | "ObjectLockMode" | "ObjectLockRetainUntilDate">;

export interface MultipartRequest {
  readonly Bucket: string;
  readonly Key: string;
  /** More than one part: a single one would be sent by a PUT, and that must not be retried. */
  readonly body: Uint8Array;
  readonly checksum: "sha256" | "md5";
  readonly headers: ObjectHeaders;
  readonly signal: AbortSignal | undefined;
}

/**
 * Uploads a body in parts, with `If-None-Match: *` on the completion; parts of a failed upload are removed.
 *
 * Every request may be sent again, the completion too: an upload's id is good for one version, so a completion whose answer
 * was lost ends in the same version, in `NoSuchUpload`, or in 412.
 *
 * An abort throws at once. What is under way then goes on in the background: the parts are removed after it, and a
 * completion that was sent already may still make the object. The port promises no more: after a throw, look first.
 * @throws what the SDK throws; SteleError `store.unreachable` when the answer leaves open which version was made
 */
export async function uploadParts(clients: S3Clients, request: MultipartRequest): Promise<CompleteMultipartUploadCommandOutput> {
  const { Bucket, Key, body, checksum, headers, signal } = request;
  if (body.length <= PART_SIZE) throw new RangeError(`multipart: expected more than ${PART_SIZE} bytes, got ${body.length}`);
  const upload = new Upload({
    client: clients.retrying,
    params: {
      Bucket,
      Key,
      Body: body,
      ...headers,
      IfNoneMatch: "*",
      ...(checksum === "sha256" ? { ChecksumAlgorithm: "SHA256" } : {}),
    },
    partSize: PART_SIZE,
    queueSize: PARTS_AT_ONCE,
    leavePartsOnError: false,
  });
  const stop = (): void => void upload.abort();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const answer = await upload.done();
    // So Ceph RGW 16 answers a completion that had got through before. The newest version may be someone else's by now.
    if (answer.VersionId === undefined && (answer.$metadata.attempts ?? 1) > 1) {
      throw new SteleError(
        "store.unreachable",
        `put s3://${Bucket}/${Key}: the upload's completion was sent again, and the answer does not say which version it made: read what is there, then try again`,
      );
    }
    return answer;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
