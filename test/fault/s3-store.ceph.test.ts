import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { timestamp } from "../../src/core/time.ts";
import type { FailureStatus } from "../../src/store/fault/answers.ts";
import type { ObjectVersion, PutResult, Store } from "../../src/store/port.ts";
import { withRetry } from "../../src/store/retry.ts";
import type { S3StoreOptions } from "../../src/store/s3/open.ts";
import type { S3Store } from "../../src/store/s3/s3-store.ts";
import { newBucket, type TestBucket } from "../store/ceph-bucket.ts";
import { proxyFaultAt, type ProxyFault, S3Proxy } from "./s3-proxy.ts";
import type { S3Operation } from "./s3-operation.ts";

const BODY = new TextEncoder().encode("some bytes under a key".repeat(100));
const KEY = "logs/app/a key";
/** Longer than this Ceph ever takes to answer, so that only what hangs is given up. */
const IDLE_MS = 1500;

let bucket: TestBucket;
let proxy: S3Proxy;
let direct: S3Store;
let waits: number;
beforeEach(async () => {
  bucket = await newBucket();
  proxy = await S3Proxy.start(process.env["AWS_ENDPOINT_URL"] ?? "");
  direct = bucket.open();
  waits = 0;
});
afterEach(() => proxy.close());

/** The store as users have it, but for the waits between tries, which are counted. */
function retrying(options: Partial<S3StoreOptions> = {}): Store {
  const store = bucket.open({ endpoint: proxy.endpoint, timeouts: { idleMs: IDLE_MS }, ...options });
  return withRetry(store, {
    sleep: async () => {
      waits++;
    },
  });
}

const put = (store: Store): Promise<PutResult> =>
  store.putIfAbsent(KEY, BODY, { retention: { mode: "COMPLIANCE", until: timestamp(Date.now() + 60_000) } });

async function list(store: Store): Promise<ObjectVersion[]> {
  const found: ObjectVersion[] = [];
  for await (const version of store.versions("")) found.push(version);
  return found;
}

/** Whatever went wrong: one version, with these bytes, locked, and it is the one that the put's outcome names. */
async function expectOnce(result: PutResult): Promise<void> {
  const versions = await list(direct);
  expect(versions.map(({ key, versionId }) => [key, versionId])).toEqual([
    [KEY, result.outcome === "created" ? result.versionId : null],
  ]);
  const { versionId } = versions[0] ?? {};
  expect((await direct.get(KEY, { versionId, maxBytes: BODY.length })).body).toEqual(BODY);
  expect((await direct.lockState(KEY, { versionId })).retention?.mode).toBe("COMPLIANCE");
}

const LOST: readonly [string, ProxyFault][] = [
  ["answered 500", { kind: "answer", status: 500 }],
  ["answered 503", { kind: "answer", status: 503 }],
  ["answered 409", { kind: "answer", status: 409 }],
  ["cut in mid-body", { kind: "cut", at: "request" }],
  ["left hanging", { kind: "hang", at: "request" }],
];
const KEPT: readonly [string, ProxyFault][] = [
  ["answered 500", { kind: "answer", status: 500, persisted: true }],
  ["answered 503", { kind: "answer", status: 503, persisted: true }],
  ["answered 409", { kind: "answer", status: 409, persisted: true }],
  ["cut before the answer", { kind: "cut", at: "answer" }],
  ["left hanging", { kind: "hang", at: "answer" }],
];

describe("a PUT", () => {
  test.each(LOST)("%s, of which the store has nothing: is looked for, then sent again", async (_, fault) => {
    proxy.follow(proxyFaultAt("PutObject", 0, fault));
    const result = await put(retrying());
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(["PutObject", "ListObjectVersions", "PutObject"]);
    expect(waits).toBe(1);
    await expectOnce(result);
  });

  test.each(KEPT)("%s, which the store has: is looked for, and not sent again", async (_, fault) => {
    proxy.follow(proxyFaultAt("PutObject", 0, fault));
    const result = await put(retrying());
    expect(proxy.seen.map(({ operation }) => operation)).toEqual(["PutObject", "ListObjectVersions", "GetObject"]);
    expect(waits).toBe(1);
    await expectOnce(result);
  });

  test.each(KEPT)("%s, which the store has, and the look goes wrong too: is not sent again", async (_, fault) => {
    const kinds = new Set<S3Operation>();
    proxy.follow(({ operation }) => {
      if (kinds.has(operation)) return null;
      kinds.add(operation);
      if (operation === "PutObject") return fault;
      return { kind: "cut", at: "answer-body" };
    });
    await expectOnce(await put(retrying()));
    expect(proxy.count("PutObject")).toBe(1);
    expect(proxy.count("GetObject")).toBe(2);
  });

  test("that fails every time is given up, and nothing is there", async () => {
    proxy.follow(({ operation }) => (operation === "PutObject" ? { kind: "cut", at: "request" } : null));
    await expect(put(retrying())).rejects.toMatchObject({ code: "store.unreachable" });
    expect(proxy.count("PutObject")).toBe(waits + 1);
    expect(await list(direct)).toEqual([]);
  });

  test("answered 403: denied, at once and for good", async () => {
    proxy.follow(() => ({ kind: "answer", status: 403 }));
    await expect(put(retrying())).rejects.toMatchObject({ code: "store.denied" });
    expect(proxy.seen).toHaveLength(1);
    expect(waits).toBe(0);
  });

  test("answered 412: the key is said to be taken, whether it is or not", async () => {
    proxy.follow(proxyFaultAt("PutObject", 0, { kind: "answer", status: 412 }));
    expect(await put(retrying())).toEqual({ outcome: "exists" });
    expect(await list(direct)).toEqual([]);
  });

  test("answered 412 when it is repeated, its first try being kept late: is ours", async () => {
    let tries = 0;
    proxy.follow(({ operation }) => {
      if (operation !== "PutObject") return null;
      return tries++ === 0 ? { kind: "cut", at: "request" } : { kind: "answer", status: 412, persisted: true };
    });
    await expectOnce(await put(retrying()));
    expect(tries).toBe(2);
  });

  test("of which a part hangs is sent again by the part, and makes one version", async () => {
    const long = new Uint8Array(17 * 1024 * 1024).fill(7);
    proxy.follow(proxyFaultAt("UploadPart", 1, { kind: "hang", at: "answer" }));
    const store = retrying({ multipartThreshold: 16 * 1024 * 1024 });
    const result = await store.putIfAbsent(KEY, long, { retention: null });
    expect(proxy.count("UploadPart")).toBe(3);
    expect(waits).toBe(0);
    expect((await list(direct)).map(({ versionId }) => versionId)).toEqual([
      result.outcome === "created" ? result.versionId : null,
    ]);
  });
});

const READS: readonly [S3Operation, (store: Store) => Promise<unknown>][] = [
  ["GetObject", (store) => store.get(KEY, { maxBytes: BODY.length })],
  ["HeadObject", (store) => store.head(KEY)],
  ["ListObjectVersions", (store) => list(store)],
  ["GetObjectRetention", (store) => store.lockState(KEY)],
  ["GetObjectLegalHold", (store) => store.lockState(KEY)],
];
const READ_FAULTS: readonly [string, ProxyFault][] = [
  ["answered 500", { kind: "answer", status: 500 }],
  ["answered 503", { kind: "answer", status: 503 }],
  ["cut before it arrives", { kind: "cut", at: "request" }],
  ["cut before the answer", { kind: "cut", at: "answer" }],
  ["cut in mid-answer", { kind: "cut", at: "answer-body" }],
  ["left hanging", { kind: "hang", at: "answer" }],
  ["left hanging in mid-answer", { kind: "hang", at: "answer-body" }],
];

describe.each(READS)("%s", (operation, read) => {
  // A HEAD's answer has no body: what ends there has come through.
  const faults = READ_FAULTS.filter(([, fault]) => operation !== "HeadObject" || !("at" in fault) || fault.at !== "answer-body");

  test.each(faults)("%s: is asked again, with the same result", async (_, fault) => {
    await put(direct);
    const expected = await read(direct);
    proxy.follow(proxyFaultAt(operation, 0, fault));
    expect(await read(retrying())).toEqual(expected);
    expect(proxy.count(operation)).toBe(2);
  });

  test("answered 403: denied, at once and for good", async () => {
    await put(direct);
    proxy.follow(proxyFaultAt(operation, 0, { kind: "answer", status: 403 }));
    await expect(read(retrying())).rejects.toMatchObject({ code: "store.denied" });
    expect(proxy.count(operation)).toBe(1);
    expect(waits).toBe(0);
  });
});

const LATER = timestamp((Math.floor(Date.now() / 1000) + 3600) * 1000);

describe.each<[S3Operation, (store: Store) => Promise<unknown>, object]>([
  [
    "PutObjectRetention",
    (store) => store.extendRetention(KEY, { mode: "COMPLIANCE", until: LATER }),
    { retention: { mode: "COMPLIANCE", until: LATER } },
  ],
  ["PutObjectLegalHold", (store) => store.setLegalHold(KEY, true), { legalHold: true }],
])("%s", (operation, write, expected) => {
  test.each([...LOST, ...KEPT].filter(([name]) => !name.includes("409")))("%s: is made again", async (_, fault) => {
    await put(direct);
    proxy.follow(proxyFaultAt(operation, 0, fault));
    await write(retrying());
    expect(proxy.count(operation)).toBe(2);
    expect(await direct.lockState(KEY)).toMatchObject(expected);
  });
});

describe("a store that never comes back", () => {
  test.each<FailureStatus>([500, 503])("answering %i", async (status) => {
    proxy.follow(() => ({ kind: "answer", status }));
    const hopeless = put(retrying({ client: { maxAttempts: 1 } }));
    await expect(hopeless).rejects.toMatchObject({ code: "store.unreachable" });
    expect(proxy.count("PutObject")).toBe(1);
    expect(await list(direct)).toEqual([]);
  });

  test("but hangs: every call ends by the timeout, and says how long nothing came", async () => {
    proxy.follow(() => ({ kind: "hang", at: "request" }));
    const store = bucket.open({ endpoint: proxy.endpoint, timeouts: { idleMs: 200 }, client: { maxAttempts: 1 } });
    const calls = await Promise.allSettled([put(store), ...READS.map(([, read]) => read(store))]);
    const reason = { code: "store.unreachable", message: expect.stringContaining("200 ms of inactivity") };
    expect(calls).toMatchObject(calls.map(() => ({ status: "rejected", reason })));
  });
});

test("a slow answer is waited for as long as bytes come", async () => {
  await put(direct);
  let pieces = 0;
  const wait = async (): Promise<void> => {
    pieces++;
    await setTimeout(20);
  };
  proxy.follow(proxyFaultAt("GetObject", 0, { kind: "slow", bytes: 50, wait }));
  const { body } = await retrying({ timeouts: { idleMs: 400 } }).get(KEY, { maxBytes: BODY.length });
  expect(body).toEqual(BODY);
  expect(pieces).toBe(BODY.length / 50);
});

test("a clock that is an hour wrong: the store says the time, and the next try goes through", async () => {
  const hourAhead = { client: { systemClockOffset: 3_600_000 } };
  const once = bucket.open({ endpoint: proxy.endpoint, ...hourAhead });
  await expect(put(once)).rejects.toMatchObject({
    code: "store.unreachable",
    message: expect.stringMatching(/RequestTimeTooSkewed.*correct the clock/),
  });
  proxy.follow(() => null);
  await expectOnce(await put(retrying(hourAhead)));
  expect(proxy.count("PutObject")).toBe(2);
});

test("wrong credentials are final, and the message says which", async () => {
  const { accessKeyId, secretAccessKey } = await bucket.client.config.credentials();
  const unknown = retrying({ client: { credentials: { accessKeyId: "AKIDUNKNOWN", secretAccessKey } } });
  await expect(put(unknown)).rejects.toMatchObject({
    code: "store.denied",
    message: expect.stringMatching(/InvalidAccessKeyId.*check the credentials and the endpoint/),
  });
  const wrong = retrying({ client: { credentials: { accessKeyId, secretAccessKey: "wrong" } } });
  await expect(put(wrong)).rejects.toMatchObject({
    code: "store.denied",
    message: expect.stringMatching(/SignatureDoesNotMatch.*check the secret key/),
  });
  expect(waits).toBe(0);
});
