import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { beforeAll, describe, expect, test } from "vitest";
import { isSteleError } from "../../src/core/error.ts";
import type { Retention } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import { doctorS3 } from "../../src/store/s3/doctor.ts";
import { openS3Store } from "../../src/store/s3/open.ts";
import { provisionBucket } from "../../src/store/s3/provision.ts";
import { newBucket, requireServer } from "./ceph-bucket.ts";

beforeAll(requireServer);

// What holds of Ceph RGW 16.2 in particular; test/contract holds the adapter to the port.

const BODY = new TextEncoder().encode("an event\n");
const inSeconds = (seconds: number): Retention => ({
  mode: "COMPLIANCE",
  until: timestamp((Math.ceil(Date.now() / 1000) + seconds) * 1000),
});

describe("the adapter on Ceph", () => {
  test.each(["auto", "sha256", "md5"] as const)("a body is put under its lock with checksum %s", async (checksum) => {
    const store = (await newBucket()).open({ checksum });
    const retention = inSeconds(30);
    const put = await store.putIfAbsent("key", BODY, { retention, contentType: "application/x-ndjson" });
    expect(put.outcome).toBe("created");
    expect(await store.lockState("key")).toEqual({ retention, legalHold: false });
    expect((await store.get("key", { maxBytes: 100 })).body).toEqual(BODY);
  });

  test("a body in parts comes back whole, and its lost lock is seen and can be mended", async () => {
    const { bucket, client, open } = await newBucket();
    const store = open({ multipartThreshold: 0 });
    const body = new Uint8Array(33 * 1024 * 1024).map((_, i) => i * 7 + (i >> 13));
    const retention = inSeconds(30);
    const put = await store.putIfAbsent("large", body, { retention });
    if (put.outcome !== "created") throw new Error("the key was taken");
    const stored = await client.send(new GetObjectCommand({ Bucket: bucket, Key: "large" }));
    expect(stored.ETag).toMatch(/-3"$/);
    expect(Buffer.compare((await stored.Body?.transformToByteArray()) ?? new Uint8Array(), body)).toBe(0);
    const { versionId } = put;
    expect((await store.lockState("large", { versionId })).retention).toBeNull();
    await store.extendRetention("large", retention, { versionId });
    expect((await store.lockState("large", { versionId })).retention).toEqual(retention);
  });

  test("an upload in parts that is cut short throws the reason and leaves neither object nor parts", async () => {
    const { bucket, client, open } = await newBucket();
    const stop = new AbortController();
    const reason = new Error("enough");
    const put = open({ multipartThreshold: 0 }).putIfAbsent("large", new Uint8Array(64 * 1024 * 1024), {
      retention: inSeconds(30),
      signal: stop.signal,
    });
    setTimeout(() => stop.abort(reason), 50);
    await expect(put).rejects.toBe(reason);
    // Parts that were on their way arrive first, and are removed after it.
    const uploads = async () => (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? [];
    await expect.poll(uploads, { timeout: 20_000 }).toEqual([]);
    const { Versions } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect(Versions ?? []).toEqual([]);
  });

  test("an upload that is completed twice makes one version", async () => {
    const { bucket, client } = await newBucket();
    const target = { Bucket: bucket, Key: "large" };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
    const upload = { ...target, UploadId };
    const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: BODY }));
    const complete = { ...upload, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] }, IfNoneMatch: "*" };
    const first = await client.send(new CompleteMultipartUploadCommand(complete));
    const second = await client.send(new CompleteMultipartUploadCommand(complete)).catch((error: unknown) => error);
    const { Versions } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect({ second, versions: Versions?.map(({ VersionId }) => VersionId) }).toMatchObject({ versions: [first.VersionId] });
  });

  test("a second put makes a newer version, and never shows as a refusal", async () => {
    const store = (await newBucket()).open();
    const first = await store.putIfAbsent("key", BODY, { retention: inSeconds(30) });
    const second = await store.putIfAbsent("key", new Uint8Array(3), { retention: inSeconds(30) });
    expect([first.outcome, second.outcome, store.capabilities.conditionalPut]).toEqual(["created", "created", false]);
    const sizes: number[] = [];
    for await (const version of store.versions("key")) sizes.push(version.size);
    expect(sizes).toEqual([3, BODY.length]);
  });

  test("strays with control characters don't hide the rest of a listing", async () => {
    const { bucket, client, open } = await newBucket();
    for (const Key of ["log/a\u0001b", "log/c&<d>", "log/e+f g%41", "log//x"]) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "x" }));
    }
    const keys: string[] = [];
    for await (const { key } of open({ prefix: "log" }).versions("", { limit: 1 })) keys.push(key);
    expect(keys).toEqual(["/x", "a\u0001b", "c&<d>", "e+f g%41"]);
  });

  test("a bucket without Object Lock refuses a lock, and shows none", async () => {
    const store = (await newBucket({ objectLock: false })).open();
    await expect(store.putIfAbsent("key", BODY, { retention: inSeconds(30) })).rejects.toSatisfy((error) =>
      isSteleError(error, "store.unsupported"),
    );
    await store.putIfAbsent("free", BODY, { retention: null });
    expect(await store.lockState("free")).toEqual({ retention: null, legalHold: false });
    await expect(store.lockState("absent")).rejects.toSatisfy((error) => isSteleError(error, "store.not-found"));
  });

  test("a missing bucket is no empty one, and wrong keys are a refusal", async () => {
    const { bucket } = await newBucket();
    const missing = openS3Store({ bucket: `${bucket}-missing`, pathStyle: true });
    await expect(missing.head("key")).rejects.toSatisfy((error) => isSteleError(error, "store.unsupported"));
    const stranger = openS3Store({
      bucket,
      pathStyle: true,
      client: { credentials: { accessKeyId: "nobody", secretAccessKey: "nothing" } },
    });
    await expect(stranger.head("key")).rejects.toSatisfy((error) => isSteleError(error, "store.denied"));
  });
});

describe("provisionBucket on Ceph", () => {
  test("creates, and finds again what it created", async () => {
    const bucket = `test-${crypto.randomUUID()}`;
    const defaultRetention = { mode: "COMPLIANCE", period: { count: 36, unit: "h" } } as const;
    const days = { mode: "COMPLIANCE", period: { count: 2, unit: "d" } };
    const options = { bucket, pathStyle: true, defaultRetention };
    expect(await provisionBucket(options)).toEqual({ bucket: "created", defaultRetention: days, defaultRetentionSet: true });
    const other = { ...options, defaultRetention: { mode: "GOVERNANCE", period: { count: 1, unit: "y" } } as const };
    expect(await provisionBucket(other)).toEqual({ bucket: "found", defaultRetention: days, defaultRetentionSet: false });
  });

  test("leaves a bucket without a default as it is unless asked", async () => {
    const { bucket } = await newBucket();
    const expected = { bucket: "found", defaultRetention: null, defaultRetentionSet: false };
    expect(await provisionBucket({ bucket, pathStyle: true })).toEqual(expected);
    expect(await provisionBucket({ bucket, pathStyle: true })).toEqual(expected);
  });

  test("refuses a bucket without Object Lock, and says what to do", async () => {
    const { bucket } = await newBucket({ objectLock: false });
    await expect(provisionBucket({ bucket, pathStyle: true })).rejects.toSatisfy(
      (error) => isSteleError(error, "store.unsupported") && /no Object Lock.*init creates it/.test(error.message),
    );
  });

  test("a missing bucket that is not to be created is not found", async () => {
    const bucket = `test-${crypto.randomUUID()}`;
    await expect(provisionBucket({ bucket, pathStyle: true, create: false })).rejects.toSatisfy((error) =>
      isSteleError(error, "store.not-found"),
    );
  });
});

describe("doctorS3 on Ceph", () => {
  const verdicts = async (bucket: string) => {
    const report = await doctorS3({ bucket, prefix: "archive", pathStyle: true });
    const by = (verdict: string) => report.checks.filter((check) => check.verdict === verdict).map(({ id }) => id);
    return { report, quirks: by("quirk"), fails: by("fail"), unknown: by("unknown"), passes: by("pass") };
  };
  const QUIRKS = [
    "put.without-checksum",
    "put.wrong-sha256",
    "put.if-none-match",
    "multipart.if-none-match",
    "multipart.retention",
  ];

  test.each([
    ["without a default lock", {}],
    ["with a default lock of a day", { defaultDays: 1 }],
  ])("in a bucket %s: what is enforced passes, what Ceph 16 is known for is a quirk", async (_, traits) => {
    const { bucket } = await newBucket(traits);
    const { report, quirks, fails, unknown, passes } = await verdicts(bucket);
    expect({ quirks, fails, unknown }).toEqual({ quirks: QUIRKS, fails: [], unknown: [] });
    expect(passes).toEqual(
      expect.arrayContaining(["version.delete", "version.bypass", "lock.shorten", "lock.downgrade", "hold.delete"]),
    );
    expect(report.store).toBe(`s3://${bucket}/archive`);
    expect(report.leftBehind).not.toEqual([]);
    for (const key of report.leftBehind) expect(key).toMatch(/^archive\/_doctor\//);
    for (const check of report.checks) if (check.verdict !== "pass") expect(check.consequence).toMatch(/./);
  });

  test("sees clocks that are apart", async () => {
    const { bucket } = await newBucket();
    const report = await doctorS3({ bucket, pathStyle: true, now: () => Date.now() + 120_000 });
    const skew = report.checks.find(({ id }) => id === "clock.skew");
    expect(skew).toMatchObject({
      verdict: "fail",
      observed: expect.stringMatching(/^the store's clock is (119|120|121) s behind$/),
    });
  });

  test("finds a bucket without Object Lock out, and cleans up behind itself", async () => {
    const { bucket, client } = await newBucket({ objectLock: false });
    const { report, fails, passes } = await verdicts(bucket);
    expect(fails).toEqual(expect.arrayContaining(["bucket.object-lock", "bucket.versioning"]));
    expect(passes).not.toContain("version.delete");
    expect(report.leftBehind).toEqual([]);
    const { Versions } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect(Versions ?? []).toEqual([]);
  });

  test("what could not be tried is unknown, with the reason", async () => {
    const { report, unknown, passes } = await verdicts(`missing-${crypto.randomUUID()}`);
    expect(passes).toEqual([]);
    expect(unknown).toHaveLength(report.checks.length);
    for (const check of report.checks) expect(check.observed).toMatch(/NoSuchBucket|404/);
  });
});
