import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { Retention } from "../../core/retention.ts";
import {
  BodyDigests,
  type ChecksumChoice,
  type ChecksumProfile,
  type Evidence,
  checksumParameters,
  multipartEvidence,
  putEvidence,
} from "./checksum.ts";
import { type S3Clients, sendOptions } from "./clients.ts";
import { s3Failure, saysUnknownHeader } from "./errors.ts";
import { retainUntilDate } from "./locks.ts";
import { type ObjectHeaders, PART_SIZE, uploadParts } from "./multipart.ts";

export interface PutRequest {
  readonly Bucket: string;
  readonly Key: string;
  readonly body: Uint8Array;
  readonly retention: Retention | null;
  readonly contentType: string | undefined;
  readonly multipart: boolean;
  readonly signal: AbortSignal | undefined;
}

export type PutAnswer =
  | { readonly outcome: "created"; readonly versionId: string | null; readonly evidence: Evidence }
  | { readonly outcome: "exists" };

/**
 * Sends an object once, always with `If-None-Match: *`, and says what the answer proves about the stored bytes.
 * It is sent a second time in one case only: the store has refused the first for a header, so nothing was stored.
 * @throws what the SDK throws
 */
export async function putOnce(clients: S3Clients, profile: ChecksumProfile, request: PutRequest): Promise<PutAnswer> {
  const send = request.multipart ? sendParts : sendWhole;
  const choice = profile.choice;
  try {
    return await unlessExists(() => send(clients, profile, choice, request));
  } catch (error) {
    const failure = s3Failure(error);
    if (choice !== "auto" || failure === null || !saysUnknownHeader(failure)) throw error;
  }
  return unlessExists(() => send(clients, profile, "md5", request));
}

type Send = (clients: S3Clients, profile: ChecksumProfile, choice: ChecksumChoice, request: PutRequest) => Promise<PutAnswer>;

const sendWhole: Send = async (clients, profile, choice, request) => {
  const { Bucket, Key, body, signal } = request;
  const digests = new BodyDigests(body);
  const command = new PutObjectCommand({
    Bucket,
    Key,
    Body: body,
    IfNoneMatch: "*",
    ...objectHeaders(request),
    ...checksumParameters(digests, choice),
  });
  const answer = await clients.once.send(command, sendOptions(signal));
  profile.settle(choice !== "md5" && answer.ChecksumSHA256 !== undefined ? "sha256" : "md5");
  return { outcome: "created", versionId: answer.VersionId ?? null, evidence: putEvidence(digests, choice, answer) };
};

const sendParts: Send = async (clients, profile, choice, request) => {
  const { Bucket, Key, body, signal } = request;
  const checksum = choice === "md5" ? "md5" : "sha256";
  const answer = await uploadParts(clients, { Bucket, Key, body, checksum, headers: objectHeaders(request), signal });
  profile.settle(checksum === "sha256" && answer.ChecksumSHA256 !== undefined ? "sha256" : "md5");
  const evidence = checksum === "sha256" ? multipartEvidence(body, PART_SIZE, answer) : "none";
  return { outcome: "created", versionId: answer.VersionId ?? null, evidence };
};

async function unlessExists(send: () => Promise<PutAnswer>): Promise<PutAnswer> {
  try {
    return await send();
  } catch (error) {
    if (s3Failure(error)?.status === 412) return { outcome: "exists" };
    throw error;
  }
}

function objectHeaders({ retention, contentType }: PutRequest): ObjectHeaders {
  return {
    ContentType: contentType ?? "application/octet-stream",
    ...(retention === null ? {} : { ObjectLockMode: retention.mode, ObjectLockRetainUntilDate: retainUntilDate(retention) }),
  };
}
