import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { mockClient } from "aws-sdk-client-mock";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { isSteleError } from "../../src/core/error.ts";
import { parseTimestamp } from "../../src/core/time.ts";
import { openS3Store } from "../../src/store/s3/open.ts";

// What the adapter hands to the SDK and makes of its answers. What goes over the wire, and how often, is for s3-put.test.ts.

const s3 = mockClient(S3Client);
beforeEach(() => s3.reset());
afterAll(() => s3.restore());

const MIB = 1024 * 1024;
const BODY = new TextEncoder().encode("an event\n");
const LARGE = new Uint8Array(33 * MIB).map((_, i) => i >> 9);
// sha256sum and md5sum of "an event\n", in base64.
const SHA256 = "qtiCLKL0RB3azg9sIvDjr4Ipz0Kw53a0Kpk1e1iuTzk=";
const MD5 = "/rOdseGioVyDA230v4zYdA==";
const retention = { mode: "COMPLIANCE", until: parseTimestamp("2033-11-23T00:00:00.000Z") } as const;

const answered = (name: string, httpStatusCode: number): S3ServiceException =>
  new S3ServiceException({ name, message: "as scripted", $fault: "client", $metadata: { httpStatusCode } });

const put = (body = BODY, checksum: "auto" | "sha256" | "md5" = "auto"): Promise<unknown> =>
  openS3Store({ bucket: "bucket", region: "eu-central-1", checksum, multipartThreshold: 16 * MIB })
    .putIfAbsent("log/key", body, { retention })
    .catch((error: unknown) => error);

describe("a put", () => {
  test.each([
    ["auto", { ContentMD5: MD5, ChecksumSHA256: SHA256 }],
    ["sha256", { ContentMD5: undefined, ChecksumSHA256: SHA256 }],
    ["md5", { ContentMD5: MD5, ChecksumSHA256: undefined }],
  ] as const)("with checksum %s: condition, lock and digests are parameters of one PutObject", async (checksum, digests) => {
    s3.on(PutObjectCommand).resolves({
      VersionId: "v1",
      ETag: `"${Buffer.from(MD5, "base64").toString("hex")}"`,
      ChecksumSHA256: SHA256,
    });
    expect(await put(BODY, checksum)).toEqual({ outcome: "created", versionId: "v1" });
    const [call, ...more] = s3.commandCalls(PutObjectCommand);
    expect(more).toEqual([]);
    const { ContentMD5, ChecksumSHA256, ...input } = call?.args[0].input ?? {};
    expect({ ContentMD5, ChecksumSHA256 }).toEqual(digests);
    expect(input).toMatchObject({
      Bucket: "bucket",
      Key: "log/key",
      IfNoneMatch: "*",
      ObjectLockMode: "COMPLIANCE",
      ObjectLockRetainUntilDate: new Date("2033-11-23T00:00:00Z"),
    });
  });

  test("412: exists", async () => {
    s3.on(PutObjectCommand).rejects(answered("PreconditionFailed", 412));
    expect(await put()).toEqual({ outcome: "exists" });
  });

  test.each([
    [409, "ConditionalRequestConflict", "store.unreachable"],
    [503, "SlowDown", "store.unreachable"],
    [429, "TooManyRequests", "store.unreachable"],
    [403, "AccessDenied", "store.denied"],
  ] as const)("%i %s: %s, and no second PutObject", async (status, name, code) => {
    s3.on(PutObjectCommand).rejects(answered(name, status));
    expect(isSteleError(await put(), code)).toBe(true);
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(1);
  });
});

describe("a put in parts", () => {
  const uploading = () => {
    s3.on(CreateMultipartUploadCommand).resolves({ UploadId: "up" });
    s3.on(UploadPartCommand).resolves({ ETag: '"part"' });
    s3.on(AbortMultipartUploadCommand).resolves({});
  };

  test("the lock goes with the creation, the condition with the completion, SHA-256 with every part", async () => {
    uploading();
    s3.on(CompleteMultipartUploadCommand).resolves({ VersionId: "v1", ChecksumSHA256: "another" });
    expect(isSteleError(await put(LARGE), "store.altered")).toBe(true);
    expect(s3.commandCalls(CreateMultipartUploadCommand)[0]?.args[0].input).toMatchObject({
      ObjectLockMode: "COMPLIANCE",
      ObjectLockRetainUntilDate: new Date("2033-11-23T00:00:00Z"),
      ChecksumAlgorithm: "SHA256",
    });
    const parts = s3.commandCalls(UploadPartCommand).map(({ args }) => args[0].input);
    expect(parts.map(({ PartNumber, ChecksumAlgorithm }) => [PartNumber, ChecksumAlgorithm])).toEqual([
      [1, "SHA256"],
      [2, "SHA256"],
      [3, "SHA256"],
    ]);
    const completions = s3.commandCalls(CompleteMultipartUploadCommand).map(({ args }) => args[0].input);
    expect(completions).toHaveLength(1);
    expect(completions[0]).toMatchObject({ IfNoneMatch: "*", UploadId: "up" });
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(0);
  });

  test.each([
    ["412 on the completion", 412, "PreconditionFailed", { outcome: "exists" }],
    ["409 on the completion", 409, "ConditionalRequestConflict", { code: "store.unreachable" }],
    ["403 on the completion", 403, "AccessDenied", { code: "store.denied" }],
  ] as const)("%s: the parts are removed", async (_, status, name, expected) => {
    uploading();
    s3.on(CompleteMultipartUploadCommand).rejects(answered(name, status));
    expect(await put(LARGE)).toMatchObject(expected);
    expect(s3.commandCalls(AbortMultipartUploadCommand)).toHaveLength(1);
  });

  test("a refused completion is told, even when the parts can't be removed either", async () => {
    uploading();
    s3.on(CompleteMultipartUploadCommand).rejects(answered("SlowDown", 503));
    s3.on(AbortMultipartUploadCommand).rejects(answered("AccessDenied", 403));
    expect(await put(LARGE)).toMatchObject({ code: "store.unreachable" });
  });
});
