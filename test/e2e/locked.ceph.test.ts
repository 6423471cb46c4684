import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  type ObjectVersion,
  PutObjectRetentionCommand,
} from "@aws-sdk/client-s3";
import { beforeAll, describe, expect, test } from "vitest";
import { type Archive, openArchive } from "../../src/archive/archive.ts";
import { archiveSources } from "../../src/archive/archive-sources.ts";
import { fileSource } from "../../src/archive/input/source.ts";
import { proveEntry } from "../../src/archive/prove.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { formatSteleProof, parseSteleProof, verifySteleProof } from "../../src/core/stele-proof.ts";
import { newArchive, ORIGIN, OWNER, readAll } from "../archive/fixture.ts";
import { newBucket, type TestBucket } from "../store/ceph-bucket.ts";

const DATA = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const LOGS = [
  { log: "cloud", file: "cloudtrail.ndjson", count: 2900 },
  { log: "cluster", file: "k8s-audit.ndjson", count: 51 },
] as const;
const areThere = LOGS.every(({ file }) => existsSync(join(DATA, file)));
if (!areThere) console.warn(`skipped: there are no real audit logs in ${DATA} to test with`);

const DAY = 86_400_000;

describe.skipIf(!areThere)("real audit logs under COMPLIANCE for two days", () => {
  let bucket: TestBucket;
  let archive: Archive;
  let versions: ObjectVersion[];
  const asked = Date.now() + 2 * DAY;
  const entries: Record<string, number> = {};
  const content: Record<string, Buffer> = {};

  beforeAll(async () => {
    bucket = await newBucket();
    const made = await newArchive(bucket.open(), { now: Date.now, period: "2d" });
    for (const { log, file } of LOGS) {
      const path = join(DATA, file);
      content[log] = await readFile(path);
      const limits = { bytes: 1 << 20, entryBytes: 1 << 19 };
      const options = { signer: OWNER, writerId: "e2e", now: Date.now, limits };
      entries[log] = (await archiveSources(made, log, [await fileSource(path)], options)).entries;
    }
    archive = await openArchive(bucket.open(), { pinned: [OWNER.key] });
    versions = await listVersions();
  });

  async function listVersions(): Promise<ObjectVersion[]> {
    const {
      Versions = [],
      DeleteMarkers = [],
      IsTruncated,
    } = await bucket.client.send(new ListObjectVersionsCommand({ Bucket: bucket.bucket }));
    expect({ IsTruncated, DeleteMarkers }).toEqual({ IsTruncated: false, DeleteMarkers: [] });
    return Versions;
  }

  const address = ({ Key, VersionId }: ObjectVersion) => ({ Bucket: bucket.bucket, Key: Key ?? "", VersionId: VersionId ?? "" });

  test("every event is archived", () => {
    expect(entries).toEqual(Object.fromEntries(LOGS.map(({ log, count }) => [log, count])));
    expect(versions.length).toBeGreaterThan(10);
  });

  test("every object is locked in COMPLIANCE for at least as long as asked, by the server's own word", async () => {
    for (const version of versions) {
      const { Retention } = await bucket.client.send(new GetObjectRetentionCommand(address(version)));
      expect(Retention?.Mode, version.Key).toBe("COMPLIANCE");
      expect(Retention?.RetainUntilDate?.getTime(), version.Key).toBeGreaterThanOrEqual(asked);
    }
  });

  test("the server refuses to delete any version and to shorten or weaken any lock, bypass or not", async () => {
    for (const version of versions) {
      for (const BypassGovernanceRetention of [false, true]) {
        const bypass = { ...address(version), ...(BypassGovernanceRetention && { BypassGovernanceRetention }) };
        const sooner = new Date(Math.ceil(Date.now() / 1000) * 1000 + DAY);
        const later = new Date(asked + 10 * DAY);
        const attempts = {
          delete: () => bucket.client.send(new DeleteObjectCommand(bypass)),
          shorten: () =>
            bucket.client.send(
              new PutObjectRetentionCommand({ ...bypass, Retention: { Mode: "COMPLIANCE", RetainUntilDate: sooner } }),
            ),
          weaken: () =>
            bucket.client.send(
              new PutObjectRetentionCommand({ ...bypass, Retention: { Mode: "GOVERNANCE", RetainUntilDate: later } }),
            ),
        };
        for (const [attempt, outcome] of Object.entries(attempts)) {
          const message = `${attempt} ${version.Key}, bypass ${BypassGovernanceRetention}`;
          await expect(outcome(), message).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
        }
      }
    }
    expect(await listVersions()).toEqual(versions);
  });

  test.each(LOGS)("$log comes back byte for byte", async ({ log }) => {
    const { bytes, error } = await readAll(archive, log);
    expect({ same: content[log]?.equals(bytes), error }).toEqual({ same: true, error: null });
  });

  test("it is sound", async () => {
    const { verdict, findings } = await verifyArchive(bucket.open(), { pinned: [OWNER.key], level: "content", now: Date.now() });
    // Two days are soon.
    expect(findings.filter(({ code }) => code !== "lock.expiring")).toEqual([]);
    expect(verdict).toBe("sound");
  });

  test.each(LOGS)("an event of $log is proven offline, by the key alone", async ({ log, count }) => {
    const lines = content[log]?.toString().split("\n") ?? [];
    for (const index of [0, Math.floor(count / 2), count - 1]) {
      const file = formatSteleProof(await proveEntry(archive, log, index));
      const proven = verifySteleProof(parseSteleProof(file), [OWNER.rename(`${ORIGIN}/${log}`).key]);
      expect({ index: proven.index, entry: Buffer.from(proven.entry).toString() }).toEqual({ index, entry: lines[index] });
    }
  });

  test("what is put over everything and deleted changes nothing for readers", async () => {
    for (const { Key = "" } of versions) {
      await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.bucket, Key }));
    }
    const [first] = versions;
    if (first === undefined) throw new Error("nothing in the bucket");
    await expect(bucket.client.send(new GetObjectCommand({ Bucket: bucket.bucket, Key: first.Key ?? "" }))).rejects.toThrow();
    for (const { log } of LOGS) {
      const { bytes, error } = await readAll(await openArchive(bucket.open(), { pinned: [OWNER.key] }), log);
      const hash = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");
      expect({ hash: hash(bytes), error }).toEqual({ hash: hash(content[log] ?? new Uint8Array(0)), error: null });
    }
    const { verdict, findings } = await verifyArchive(bucket.open(), { pinned: [OWNER.key], level: "content", now: Date.now() });
    expect(verdict).toBe("unsound");
    expect(findings.filter(({ code }) => code === "object.delete-marker")).toHaveLength(versions.length);
  });
});
