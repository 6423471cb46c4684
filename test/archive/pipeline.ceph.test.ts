import { randomUUID } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { withFaults } from "../../src/store/fault.ts";
import { newBucket, type TestBucket } from "../store/ceph-bucket.ts";
import { commitLines, listAll, LOG, newArchive, openWriter, OWNER, readAll } from "./fixture.ts";
import { archivePortions, portions, textOf } from "./pipelines.ts";

let bucket: TestBucket;
beforeAll(async () => {
  bucket = await newBucket();
});

test("Ceph: uploads that a writer left behind are taken over once each, and what is archived together is locked as promised", async () => {
  const store = bucket.open({ prefix: randomUUID() });
  const archive = await newArchive(store, { now: Date.now, period: "1h" });
  await commitLines(await openWriter(archive, { now: Date.now }), ["base"]);
  const all = portions(7, { first: 1, at: Date.now() });
  // Everything stops when the first of three uploads is to have its lock read back.
  let isDead = false;
  const dying = withFaults(store, ({ call, key }) => {
    isDead ||= call === "lockState" && key.includes("/segments/");
    return isDead ? { kind: "unpersisted" } : null;
  });
  const dead = await openWriter({ ...archive, store: dying }, { now: Date.now });
  await expect(archivePortions(dead, all)).rejects.toMatchObject({ code: "store.unreachable" });
  const left = (await listAll(store, `${LOG}/segments/`)).length - 1;
  expect(left).toBeGreaterThan(0);

  const watched = withFaults(store, () => null);
  const commits = await archivePortions(await openWriter({ ...archive, store: watched }, { now: Date.now }), all);
  const puts = watched.log.filter(({ call, key }) => call === "putIfAbsent" && key.includes("/segments/"));
  expect(puts).toHaveLength(all.length - left);
  expect(await listAll(store, `${LOG}/segments/`)).toHaveLength(1 + all.length);
  for (const { manifest } of commits) {
    const { retention } = await store.lockState(`${LOG}/${manifest.segment?.key}`, { versionId: manifest.segment?.versionId });
    expect(Date.parse(retention?.until ?? "")).toBeGreaterThanOrEqual(Date.parse(manifest.retention.until));
  }
  expect(await readAll(archive)).toEqual({ bytes: Buffer.from(`base\n${textOf(all)}`), error: null });
  const report = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: Date.now(), threads: 1 });
  expect(report.findings.filter(({ code }) => code !== "lock.expiring")).toEqual([]);
  const closing = await openWriter(archive, { now: Date.now });
  await closing.heartbeat();
  await closing.finish();
  await expect(openWriter(archive, { now: Date.now })).rejects.toMatchObject({ code: "log.closed" });
});
