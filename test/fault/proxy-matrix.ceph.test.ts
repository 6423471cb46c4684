import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openArchive } from "../../src/archive/log/open-archive.ts";
import { withRetry } from "../../src/store/retry.ts";
import type { Store } from "../../src/store/port.ts";
import type { S3Store } from "../../src/store/s3/s3-store.ts";
import { listAll, LOG, newArchive, OWNER } from "../archive/fixture.ts";
import { temporaryFolder } from "../archive/log/logs.ts";
import { newBucket } from "../store/ceph-bucket.ts";
import { codeOf, flushed, othersDone, type Session, session } from "./durable-life.ts";
import { checkArchive, checkRefusals, Ledger } from "./ledger.ts";
import { proxyFaultAt, type ProxyFault, S3Proxy } from "./s3-proxy.ts";
import type { S3Operation } from "./s3-operation.ts";

/** Longer than this Ceph takes to answer, so that only what hangs is given up. */
const IDLE_MS = 700;
const SEGMENTS = 5;

let proxy: S3Proxy;
let direct: S3Store;
let store: Store;
beforeEach(async () => {
  const bucket = await newBucket();
  proxy = await S3Proxy.start(process.env["AWS_ENDPOINT_URL"] ?? "");
  direct = bucket.open();
  // As users have it, but for the waits between tries; given up after two, so that the log has to try again itself.
  store = withRetry(bucket.open({ endpoint: proxy.endpoint, timeouts: { idleMs: IDLE_MS }, client: { maxAttempts: 1 } }), {
    attempts: 2,
    sleep: async () => undefined,
  });
  await newArchive(direct, { now: Date.now, period: "1h" });
});
afterEach(() => proxy.close());

/** Archives five segments, three at a time. */
function live(spool: string, ledger: Ledger): Promise<Session> {
  return session(
    store,
    spool,
    async (log) => {
      await Promise.all(
        Array.from({ length: SEGMENTS }, (_, i) => ledger.append(log, 4, i === 3 ? { ack: "archived", id: "one" } : {})),
      );
      await flushed(log);
    },
    {},
    Date.now,
  );
}

/** Everything is in the log once, and there is one version of each object, but for `duplicates` with the same bytes. */
async function check(ledger: Ledger, duplicates: number): Promise<void> {
  const findings = await checkArchive(ledger, await openArchive(direct, { keys: [OWNER.key] }), direct, Date.now());
  // The archive's locks are short.
  const notable = findings.filter(({ code }) => code !== "lock.expiring");
  expect(notable.map(({ code }) => code)).toEqual(Array.from({ length: duplicates }, () => "object.duplicate"));
  const keys = (await listAll(direct, `${LOG}/`)).map(({ key }) => key);
  expect(keys).toHaveLength(2 * SEGMENTS + 1 + duplicates);
  expect(new Set(keys).size).toBe(2 * SEGMENTS + 1);
}

test("without faults: two puts a segment, and one for the log's description", async () => {
  const ledger = new Ledger();
  proxy.follow(() => null);
  expect(await live(await temporaryFolder(), ledger)).toMatchObject({ unopened: null, stopped: null, retries: 0, remaining: 0 });
  expect(proxy.count("PutObject")).toBe(2 * SEGMENTS + 1);
  await check(ledger, 0);
});

/**
 * The first request goes wrong, and two in a row later on, so that it is more than the store's own retry that helps.
 * @returns how many did so far
 */
function atFirstAndLater(operation: S3Operation, prefix: string, fault: ProxyFault): () => number {
  const plans = [0, 3, 4].map((nth) => proxyFaultAt(operation, nth, fault, (key) => key.startsWith(prefix)));
  let met = 0;
  proxy.follow((request) => {
    const found = plans.map((plan) => plan(request)).find((one) => one !== null) ?? null;
    if (found !== null) met++;
    return found;
  });
  return () => met;
}

const FAULTS: readonly (readonly [string, ProxyFault])[] = [
  ["answered 500", { kind: "answer", status: 500 }],
  ["answered 503", { kind: "answer", status: 503 }],
  ["answered 409", { kind: "answer", status: 409 }],
  ["cut in its request", { kind: "cut", at: "request" }],
  ["cut before its answer", { kind: "cut", at: "answer" }],
  ["cut in mid-answer", { kind: "cut", at: "answer-body" }],
  ["left hanging before it is made", { kind: "hang", at: "request" }],
  ["left hanging when it is made", { kind: "hang", at: "answer" }],
  ["slow", { kind: "slow", bytes: 64, wait: othersDone }],
];
const KEPT: readonly (readonly [string, ProxyFault])[] = [
  ["answered 500, and kept", { kind: "answer", status: 500, persisted: true }],
  ["answered 503, and kept", { kind: "answer", status: 503, persisted: true }],
  ["answered 409, and kept", { kind: "answer", status: 409, persisted: true }],
];

describe.each<[string, S3Operation, string, readonly (readonly [string, ProxyFault])[]]>([
  ["PUT of a segment", "PutObject", `${LOG}/segments/`, [...FAULTS, ...KEPT]],
  ["PUT of a manifest", "PutObject", `${LOG}/manifests/`, [...FAULTS, ...KEPT]],
  ["lock read back", "GetObjectRetention", LOG, FAULTS],
  ["listing", "ListObjectVersions", "", FAULTS],
  ["GET of a manifest", "GetObject", `${LOG}/manifests/`, FAULTS],
])("a %s", (_, operation, prefix, faults) => {
  test.each(faults)("%s, at first and later: the log goes on by itself, in order", async (__, fault) => {
    const ledger = new Ledger();
    const met = atFirstAndLater(operation, prefix, fault);
    const spool = await temporaryFolder();
    let seen = await live(spool, ledger);
    if (seen.unopened !== null) {
      // Nothing is known yet of where the log stands: a first start needs the store.
      expect(codeOf(seen.unopened)).toBe("store.unreachable");
      seen = await live(spool, ledger);
    }
    expect(seen).toMatchObject({ unopened: null, stopped: null, remaining: 0 });
    expect([met(), ledger.refused]).toEqual([3, []]);
    await check(ledger, 0);
  });

  test.each([0, 3])("answered 403 (number %i): the log stops, and goes on when it is opened again", async (nth) => {
    const ledger = new Ledger();
    proxy.follow(proxyFaultAt(operation, nth, { kind: "answer", status: 403 }, (key) => key.startsWith(prefix)));
    const spool = await temporaryFolder();
    const seen = await live(spool, ledger);
    expect(codeOf(seen.stopped ?? seen.unopened)).toBe("store.denied");
    checkRefusals(ledger, "store.denied");
    const given = ledger.given > 0;
    const again = given
      ? await session(store, spool, (log) => Promise.all([ledger.repeat(log), flushed(log)]), {}, Date.now)
      : await live(spool, ledger);
    expect(again).toMatchObject({ unopened: null, stopped: null, remaining: 0 });
    await check(ledger, 0);
  });
});
