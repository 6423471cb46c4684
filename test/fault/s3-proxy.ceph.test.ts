import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FailureStatus } from "../../src/store/fault/answers.ts";
import { newBucket, type TestBucket } from "../store/ceph-bucket.ts";
import { proxyFaultAt, type Place, S3Proxy } from "./s3-proxy.ts";

const BODY = Buffer.from("some bytes under a key".repeat(100));
/** So long that the SDK asks the store first whether to send it (Expect: 100-continue). */
const LONG_BODY = Buffer.alloc(5_000_000, "0123456789");

let bucket: TestBucket;
let proxy: S3Proxy;
let client: S3Client;
beforeEach(async () => {
  bucket = await newBucket();
  proxy = await S3Proxy.start(process.env["AWS_ENDPOINT_URL"] ?? "");
  client = through();
});
afterEach(async () => {
  client.destroy();
  await proxy.close();
});

function through(config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    endpoint: proxy.endpoint,
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...config,
  });
}

const put = (Body: Uint8Array = BODY, signal?: AbortSignal): Promise<unknown> =>
  client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key: "a key", Body }), signal ? { abortSignal: signal } : {});
const get = async (): Promise<Buffer> => {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket.bucket, Key: "a key" }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};
/** The sizes of the versions that are there, asked of the store itself. */
const kept = async (): Promise<(number | undefined)[]> => {
  const { Versions } = await bucket.client.send(new ListObjectVersionsCommand({ Bucket: bucket.bucket }));
  return (Versions ?? []).map(({ Size }) => Size);
};

test("without a fault, bytes go through as they are, signed ones too", async () => {
  await put();
  expect(await get()).toEqual(BODY);
  await put(LONG_BODY);
  expect((await get()).equals(LONG_BODY)).toBe(true);
  const head = await client.send(new HeadObjectCommand({ Bucket: bucket.bucket, Key: "a key" }));
  expect(head.ContentLength).toBe(LONG_BODY.length);
  const listed = await client.send(new ListObjectVersionsCommand({ Bucket: bucket.bucket }));
  expect(listed.Versions?.map(({ Size }) => Size)).toEqual([LONG_BODY.length, BODY.length]);
  expect(proxy.seen.map(({ operation, key }) => `${operation} ${key}`)).toEqual([
    "PutObject a key",
    "GetObject a key",
    "PutObject a key",
    "GetObject a key",
    "HeadObject a key",
    "ListObjectVersions ",
  ]);
  expect(proxy.seen.map(({ index, nth }) => [index, nth])).toEqual([
    [0, 0],
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 0],
    [5, 0],
  ]);
});

describe.each<FailureStatus>([403, 409, 412, 500, 503])("answering %i", (status) => {
  test.each([
    ["short", BODY],
    ["long", LONG_BODY],
  ])("itself: the store has no %s object", async (_, body) => {
    proxy.follow(proxyFaultAt("PutObject", 0, { kind: "answer", status }));
    await expect(put(body)).rejects.toMatchObject({ $metadata: { httpStatusCode: status } });
    expect(await kept()).toEqual([]);
    await put(body);
    expect(await kept()).toEqual([body.length]);
  });

  test("instead of the store, which has the object", async () => {
    proxy.follow(proxyFaultAt("PutObject", 0, { kind: "answer", status, persisted: true }));
    await expect(put()).rejects.toMatchObject({ $metadata: { httpStatusCode: status } });
    expect(await kept()).toEqual([BODY.length]);
  });

  test("to a HEAD, without a body", async () => {
    proxy.follow(() => ({ kind: "answer", status }));
    const head = client.send(new HeadObjectCommand({ Bucket: bucket.bucket, Key: "a key" }));
    await expect(head).rejects.toMatchObject({ $metadata: { httpStatusCode: status } });
  });
});

test("the code of its own answer can be given", async () => {
  proxy.follow(() => ({ kind: "answer", status: 403, code: "RequestTimeTooSkewed" }));
  await expect(put()).rejects.toMatchObject({ name: "RequestTimeTooSkewed" });
});

describe("cutting the connection", () => {
  test.each<[Place, string, Buffer, readonly number[]]>([
    ["request", "short", BODY, []],
    ["request", "long", LONG_BODY, []],
    ["answer", "short", BODY, [BODY.length]],
    ["answer", "long", LONG_BODY, [LONG_BODY.length]],
  ])("of a PUT in its %s: what is kept of a %s object", async (at, _, body, expected) => {
    proxy.follow(proxyFaultAt("PutObject", 0, { kind: "cut", at }));
    const error: unknown = await put(body).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toHaveProperty("$metadata.httpStatusCode");
    expect(await kept()).toEqual(expected);
  });

  test.each<Place>(["request", "answer", "answer-body"])("of a GET in its %s", async (at) => {
    await put();
    proxy.follow(proxyFaultAt("GetObject", 0, { kind: "cut", at }));
    await expect(get()).rejects.toThrow(at === "answer-body" ? "aborted" : "socket hang up");
    expect(await get()).toEqual(BODY);
  });

  test("of a listing in the middle of its answer", async () => {
    await put();
    proxy.follow(() => ({ kind: "cut", at: "answer-body" }));
    await expect(client.send(new ListObjectVersionsCommand({ Bucket: bucket.bucket }))).rejects.toThrow("aborted");
  });
});

describe("hanging", () => {
  test.each<[Place, readonly number[]]>([
    ["request", []],
    ["answer", [BODY.length]],
  ])("a PUT in its %s, until the client gives up", async (at, expected) => {
    const reached = Promise.withResolvers<void>();
    const stop = new AbortController();
    proxy.follow(proxyFaultAt("PutObject", 0, { kind: "hang", at, reached: reached.resolve }));
    const hung = put(BODY, stop.signal);
    await reached.promise;
    stop.abort();
    await expect(hung).rejects.toMatchObject({ name: "AbortError" });
    expect(await kept()).toEqual(expected);
    await put();
  });

  test("a GET in the middle of the answer, until all connections are cut", async () => {
    await put();
    const reached = Promise.withResolvers<void>();
    proxy.follow(proxyFaultAt("GetObject", 0, { kind: "hang", at: "answer-body", reached: reached.resolve }));
    const hung = get();
    await reached.promise;
    proxy.cutAll();
    await expect(hung).rejects.toThrow("aborted");
  });
});

test("a slow answer comes piece by piece, when it is let", async () => {
  await put();
  let pieces = 0;
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const atSecond = Promise.withResolvers<void>();
  const wait = (): Promise<void> => {
    pieces++;
    if (pieces === 2) atSecond.resolve();
    return gates[pieces - 1]?.promise ?? Promise.resolve();
  };
  proxy.follow(proxyFaultAt("GetObject", 0, { kind: "slow", bytes: 100, wait }));
  const slow = get();
  gates[0].resolve();
  await atSecond.promise;
  expect(pieces).toBe(2);
  gates[1].resolve();
  expect(await slow).toEqual(BODY);
  expect(pieces).toBe(BODY.length / 100);
});
