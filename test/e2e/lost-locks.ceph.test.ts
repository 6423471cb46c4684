import { GetObjectRetentionCommand, ListObjectVersionsCommand, type ObjectVersion } from "@aws-sdk/client-s3";
import { beforeAll, describe, expect, test } from "vitest";
import { type Archive, openArchive } from "../../src/archive/archive.ts";
import { lockedPut } from "../../src/archive/locked-put.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import type { Retention } from "../../src/core/retention.ts";
import { timestamp } from "../../src/core/time.ts";
import type { Store } from "../../src/store/port.ts";
import { commitLines, LOG, newArchive, openWriter, OWNER, readAll } from "../archive/fixture.ts";
import { newBucket, type TestBucket } from "../store/ceph-bucket.ts";

const DAY = 86_400_000;
const MIB = 1024 * 1024;
const inDays = (days: number): Retention => ({
  mode: "COMPLIANCE",
  until: timestamp(Math.ceil((Date.now() + days * DAY) / 1000) * 1000),
});

/** Bytes without a pattern that a compressor could use, the same in every run. */
function noise(length: number): Uint8Array {
  const body = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    body[i] = state >>> 16;
  }
  return body;
}

async function versionsIn({ bucket, client }: TestBucket): Promise<ObjectVersion[]> {
  const { Versions = [], IsTruncated } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  expect(IsTruncated).toBe(false);
  return Versions;
}

async function serverLock({ bucket, client }: TestBucket, { Key, VersionId }: ObjectVersion): Promise<Retention | null> {
  const address = { Bucket: bucket, Key: Key ?? "", VersionId: VersionId ?? "" };
  const lock = await client.send(new GetObjectRetentionCommand(address)).then(
    ({ Retention }) => Retention,
    (error: unknown) => {
      // Of an object without a lock the server says that there is none; anything else is not an answer.
      expect(error).toMatchObject({
        name: expect.stringMatching(/^(NoSuchObjectLockConfiguration|ObjectLockConfigurationNotFoundError)$/),
      });
      return null;
    },
  );
  if (lock?.Mode === undefined || lock.RetainUntilDate === undefined) return null;
  return { mode: lock.Mode, until: timestamp(lock.RetainUntilDate.getTime()) };
}

describe("an object above the multipart threshold, whose lock Ceph RGW drops", () => {
  test.each([
    { has: "no default lock", traits: {} },
    { has: "a shorter default lock", traits: { defaultDays: 1 } },
  ])("ends up with the promised lock in a bucket with $has", async ({ traits }) => {
    const bucket = await newBucket(traits);
    const store = bucket.open({ multipartThreshold: 16 * MIB });
    const body = noise(16 * MIB + 1);
    const promised = inDays(2);
    // Without reading the lock back, nobody would know.
    await store.putIfAbsent("bare", body, { retention: promised });
    const put = await lockedPut(store, "mended", body, promised);
    const locks = new Map<string, Retention | null>();
    for (const version of await versionsIn(bucket)) locks.set(version.Key ?? "", await serverLock(bucket, version));
    expect(locks.get("mended")).toEqual(promised);
    expect(locks.get("bare")).not.toEqual(promised);
    if (put.outcome !== "created") throw new Error("the key was taken");
    const { body: stored } = await store.get("mended", { versionId: put.versionId, maxBytes: body.length });
    expect(Buffer.compare(stored, body)).toBe(0);
  });

  test("is locked as promised as a segment of a log, and read back", async () => {
    const bucket = await newBucket();
    const archive = await newArchive(bucket.open({ multipartThreshold: 16 * MIB }), { now: Date.now, period: "2d" });
    // Hexadecimal halves again when it is compressed.
    const lines = [1, 2, 3, 4, 5, 6].map((n) => n + Buffer.from(noise(6 * MIB)).toString("hex"));
    const writer = await openWriter(archive, { now: Date.now });
    const asked = Date.now();
    await commitLines(writer, lines, { time: timestamp(asked) });
    const versions = await versionsIn(bucket);
    expect(versions.find(({ Key }) => Key?.includes("/segments/"))?.ETag).toMatch(/-\d+"$/);
    for (const version of versions) {
      const lock = await serverLock(bucket, version);
      expect(lock, version.Key).toMatchObject({ mode: "COMPLIANCE" });
      expect(Date.parse(lock?.until ?? ""), version.Key).toBeGreaterThanOrEqual(asked + 2 * DAY - 60_000);
    }
    expect((await readAll(archive)).bytes.equals(Buffer.from(lines.map((line) => `${line}\n`).join("")))).toBe(true);
    const options = { pinned: [OWNER.key], level: "content", now: Date.now(), threads: 1 } as const;
    const { findings } = await verifyArchive(archive.store, options);
    expect(findings.filter(({ code }) => code !== "lock.expiring")).toEqual([]);
  });
});

/** A store that takes every lock that it is given, answers as if it had set it, and has not. */
function losingLocks(store: Store, loses: (key: string) => boolean = () => true): Store {
  return {
    url: store.url,
    get capabilities() {
      return store.capabilities;
    },
    putIfAbsent: (key, body, options) => store.putIfAbsent(key, body, loses(key) ? { ...options, retention: null } : options),
    extendRetention: (key, until, options) => (loses(key) ? Promise.resolve() : store.extendRetention(key, until, options)),
    get: store.get.bind(store),
    head: store.head.bind(store),
    versions: store.versions.bind(store),
    lockState: store.lockState.bind(store),
    setLegalHold: store.setLegalHold.bind(store),
  };
}

describe("a store that loses locks for good", () => {
  let bucket: TestBucket;
  let archive: Archive;
  beforeAll(async () => {
    bucket = await newBucket();
    await newArchive(bucket.open(), { now: Date.now, period: "2d" });
    archive = await openArchive(bucket.open(), { pinned: [OWNER.key] });
  });
  const keys = async (): Promise<string[]> => (await versionsIn(bucket)).map(({ Key }) => Key ?? "");
  const commit = async (store: Store, log: string): Promise<unknown> =>
    commitLines(await openWriter({ ...archive, store }, { log, now: Date.now }), ["one"], { time: timestamp(Date.now()) });

  test("gets no archive", async () => {
    const empty = await newBucket();
    await expect(newArchive(losingLocks(empty.open()), { now: Date.now, period: "2d" })).rejects.toMatchObject({
      code: "store.lock-lost",
    });
  });

  test("is refused before any manifest is put", async () => {
    await expect(commit(losingLocks(bucket.open()), LOG)).rejects.toMatchObject({
      code: "store.lock-lost",
      message: expect.stringMatching(
        /put under COMPLIANCE until .*, but the store shows no lock.*nothing more is written.*stele doctor/,
      ),
    });
    expect((await keys()).filter((key) => key.includes("/manifests/"))).toEqual([]);
    await expect(readAll(archive)).resolves.toMatchObject({ error: { code: "log.not-found" } });
  });

  test.each(["segments/", "log.json"])("is refused before any manifest is put when it loses only those of %s", async (part) => {
    const log = `loses-${part.replaceAll(/\W/g, "-")}0`;
    const store = losingLocks(bucket.open(), (key) => key.includes(part));
    await expect(commit(store, log)).rejects.toMatchObject({ code: "store.lock-lost" });
    expect((await keys()).filter((key) => key.startsWith(`${log}/manifests/`))).toEqual([]);
  });

  test("does not get a log further whose manifest it does not lock, and says what stands", async () => {
    const store = losingLocks(bucket.open(), (key) => key.includes("/manifests/"));
    const thrown: unknown = await commit(store, "unlocked").catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "store.lock-lost" });
    // The manifest is in the store and signed: readers take it for the log's. To say that nothing was committed would be untrue.
    expect((await readAll(archive, "unlocked")).bytes.toString()).toBe("one\n");
    expect(String(thrown)).not.toContain("nothing was committed");
  });
});
