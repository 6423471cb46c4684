import { beforeAll, describe, expect, test } from "vitest";
import { CountingStore } from "../../scripts/bench/counting-store.ts";
import type { Archive } from "../../src/archive/archive.ts";
import type { LogWriter } from "../../src/archive/log-writer.ts";
import { sealSegment } from "../../src/archive/segment/seal.ts";
import { SteleError } from "../../src/core/error.ts";
import { timestamp } from "../../src/core/time.ts";
import type { ListOptions, ObjectVersion, Store } from "../../src/store/port.ts";
import { type Cost, requestsOf } from "../../src/sweep/cost.ts";
import { BLOCK_MANIFESTS, ROUNDS, type RoundName } from "../../src/sweep/place.ts";
import type { SweepResult } from "../../src/sweep/result.ts";
import { LOG, newArchive, NOW, openWriter, rawOf } from "../archive/fixture.ts";
import { behind, manifest, segment, swept, TestState, told } from "./fixture.ts";

// A log of ten thousand segments: what is right stays unmentioned, what is wrong is found wherever it lies, and what came in
// since the last sweep costs what it costs in a short log.

/** From 256 on a log has hash tiles: a folder more to step over. */
const SMALL = 300;
const LARGE = 10_000;

// All segments hold the same: compressing is not what is tested.
const SEALED = sealSegment(rawOf(['{"n":1}']));

const store = new CountingStore(() => NOW);
let archive: Archive;
let writer: LogWriter;
/** What a head round asks for with nothing new, and with one new manifest, by the log's size. */
const heads = new Map<number, { readonly idle: Cost; readonly next: Cost }>();
const memory = new TestState();
let clean: SweepResult;

beforeAll(async () => {
  archive = await newArchive(store);
  writer = await openWriter(archive);
  await fillUpTo(SMALL - 1);
  await measure(SMALL);
  await fillUpTo(LARGE - 1);
  await measure(LARGE);
  console.log('built', performance.now(), JSON.stringify([...heads]));clean = await swept(archive, memory);console.log('swept', performance.now());
  return () => memory[Symbol.dispose]();
});

async function fillUpTo(manifests: number): Promise<void> {
  while (writer.nextEntry < manifests) await writer.commit(SEALED, [{ count: 1, time: timestamp(NOW), source: "test" }]);
}

/** Lets the log grow by the manifest that makes it `size` long, and counts. */
async function measure(size: number): Promise<void> {
  const head = async (): Promise<Cost> => {
    const { verdict, complete, cost } = await swept(archive, memory, { rounds: ["head"] });
    expect({ verdict, complete }).toEqual({ verdict: "sound", complete: true });
    return cost;
  };
  await head();
  const idle = await head();
  await fillUpTo(size);
  heads.set(size, { idle, next: await head() });
}

test("nothing is found on a clean archive of 10,000 segments, by any round", () => {
  expect(clean).toMatchObject({ verdict: "sound", complete: true, findings: [] });
  expect(
    clean.rounds.map(({ round, logs }) => [round, logs.map(({ log, checked, complete }) => [log, checked, complete])]),
  ).toEqual([
    ["head", [[LOG, 0, true]]],
    ["locks", [[LOG, LARGE, true]]],
    ["content", [[LOG, LARGE, true]]],
  ]);
  expect(clean.logs).toMatchObject([{ manifests: LARGE, entries: LARGE, head: { size: LARGE } }]);
  expect(memory.state.alarms(0, 10)).toEqual([]);
});

test("a head round asks no more of a log of 10,000 than of one of 300", () => {
  const [small, large] = [heads.get(SMALL), heads.get(LARGE)];
  expect(small).toBeDefined();
  expect(requestsOf(large?.idle ?? FREE)).toBe(requestsOf(small?.idle ?? FREE));
  expect(requestsOf(large?.next ?? FREE)).toBe(requestsOf(small?.next ?? FREE));
  // Two hashes more in the compact range of each manifest, and no more.
  expect(large?.next.bytesRead ?? Infinity).toBeLessThan((small?.next.bytesRead ?? 0) * 1.5);
});

describe("with one byte of a segment changed, one lock weakened and one manifest gone,", () => {
  const ALTERED = 4321;
  const WEAKENED = 7000;
  const GONE = 2 * BLOCK_MANIFESTS + 7;
  const only = (round: RoundName): Promise<SweepResult> => swept(behind(archive, tampered), memory, { rounds: [round] });
  const tampered = tamperedWith(store, { altered: segment(ALTERED), weakened: manifest(WEAKENED), gone: manifest(GONE) });

  test("each is found by its round, and nothing else", async () => {
    expect(told(await only("head"))).toEqual([]);
    const locks = await only("locks");
    expect(locks).toMatchObject({ verdict: "unsound", complete: true });
    expect(told(locks).sort()).toEqual([`new lock.weaker-mode ${WEAKENED}`, `new manifest.missing ${GONE}`, 'new object.stray null']);
    console.log('locks', performance.now());const content = await only("content");
    console.log('content', performance.now());expect(content).toMatchObject({ verdict: "unsound", complete: true });
    const seen = content.findings.filter((one) => one.seen).map(({ code, index, object }) => ({ code, index, object }));
    expect(seen).toEqual(
      expect.arrayContaining([
        { code: "segment.altered", index: ALTERED, object: segment(ALTERED) },
        { code: "manifest.missing", index: GONE, object: expect.toSatisfy((key) => key === null || key === manifest(GONE)) },
      ]),
    );
    expect(seen).toHaveLength(2);
    const alarms = memory.state.alarms(0, 10).map(({ alarm }) => alarm.subject);
    expect(alarms.toSorted()).toEqual(content.findings.map(({ id }) => id).sort());
    expect(ROUNDS).toHaveLength(3);
  });
});

const FREE: Cost = { gets: 0, heads: 0, lists: 0, locks: 0, puts: 0, bytesRead: 0, bytesWritten: 0 };

interface Deeds {
  /** Keys of objects. */
  readonly altered: string;
  readonly weakened: string;
  readonly gone: string;
}

/** The same store after someone did these things to it. */
function tamperedWith(inner: Store, { altered, weakened, gone }: Deeds): Store {
  const missing = (key: string): SteleError => new SteleError("store.not-found", `there is no ${key}`);
  return {
    url: inner.url,
    capabilities: inner.capabilities,
    async get(key, options) {
      if (key === gone) throw missing(key);
      const object = await inner.get(key, options);
      return key === altered ? { ...object, body: object.body.map((byte, i) => (i === 15 ? byte ^ 1 : byte)) } : object;
    },
    head: async (key, options) => (key === gone ? null : inner.head(key, options)),
    async lockState(key, options) {
      if (key === gone) throw missing(key);
      const lock = await inner.lockState(key, options);
      const { retention } = lock;
      return key === weakened && retention !== null ? { ...lock, retention: { ...retention, mode: "GOVERNANCE" } } : lock;
    },
    async *versions(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectVersion> {
      for await (const version of inner.versions(prefix, options)) if (version.key !== gone) yield version;
    },
    putIfAbsent: (key, body, options) => inner.putIfAbsent(key, body, options),
    extendRetention: (key, retention, options) => inner.extendRetention(key, retention, options),
    setLegalHold: (key, held, options) => inner.setLegalHold(key, held, options),
  };
}
