import { beforeAll, expect, test } from "vitest";
import { CountingStore } from "../../scripts/bench/counting-store.ts";
import type { Archive } from "../../src/archive/archive.ts";
import type { LogWriter } from "../../src/archive/log-writer.ts";
import { sealSegment } from "../../src/archive/segment/seal.ts";
import { SteleError } from "../../src/core/error.ts";
import { timestamp } from "../../src/core/time.ts";
import type { ListOptions, ObjectVersion, Store } from "../../src/store/port.ts";
import type { Cost } from "../../src/sweep/cost.ts";
import { BLOCK_MANIFESTS, type RoundName } from "../../src/sweep/place.ts";
import type { SweepResult } from "../../src/sweep/result.ts";
import { LOG, newArchive, NOW, openWriter, rawOf } from "../archive/fixture.ts";
import { behind, manifest, segment, swept, TestState } from "./fixture.ts";

// A log of ten thousand segments: what is right stays unmentioned, what is wrong is found wherever it lies, and what came since
// the last sweep costs what it costs in a short log.

/** From 256 on a log has hash tiles: a folder more to step over. */
const SMALL = 300;
const LARGE = 10_000;
/** On a machine that is busy otherwise. */
const LONG = 300_000;
/** All segments hold the same: compressing is not what is tested. */
const SEALED = sealSegment(rawOf(['{"n":1}']));

const store = new CountingStore(() => NOW);
const memory = new TestState();
let archive: Archive;
let writer: LogWriter;
let small: HeadCosts;
let large: HeadCosts;

beforeAll(async () => {
  archive = await newArchive(store);
  writer = await openWriter(archive);
  small = await growTo(SMALL);
  large = await growTo(LARGE);
  return () => memory[Symbol.dispose]();
}, LONG);

/** Of head rounds over a log of some size. */
interface HeadCosts {
  readonly nothingNew: Cost;
  readonly oneManifest: Cost;
}

async function growTo(size: number): Promise<HeadCosts> {
  await fillTo(size - 1);
  await only("head");
  const nothingNew = await only("head");
  await fillTo(size);
  const oneManifest = await only("head");
  for (const { verdict, complete } of [nothingNew, oneManifest]) {
    expect({ verdict, complete }).toEqual({ verdict: "sound", complete: true });
  }
  return { nothingNew: nothingNew.cost, oneManifest: oneManifest.cost };
}

async function fillTo(manifests: number): Promise<void> {
  while (writer.nextEntry < manifests) await writer.commit(SEALED, [{ count: 1, time: timestamp(NOW), source: "test" }]);
}

function only(round: RoundName, seen: Store = store): Promise<SweepResult> {
  return swept(behind(archive, seen), memory, { rounds: [round] });
}

test("a head round asks no more of a log of 10,000 manifests than of one of 300", () => {
  for (const costs of ["nothingNew", "oneManifest"] as const) {
    const { bytesRead: before, ...requests } = small[costs];
    expect(large[costs]).toMatchObject(requests);
    // A compact range has a few hashes more.
    expect(large[costs].bytesRead).toBeLessThan(before * 1.5);
  }
  expect(large.oneManifest.gets).toBe(large.nothingNew.gets + 1);
});

test(
  "nothing is found on a clean archive of 10,000 segments, by any round",
  async () => {
    const clean = await swept(archive, memory);
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
  },
  LONG,
);

test(
  "one byte of a segment changed, one lock weakened and one manifest gone are found by their rounds, and nothing else is",
  async () => {
    const [altered, weakened, gone] = [4321, 7000, 2 * BLOCK_MANIFESTS + 7];
    const after = tamperedWith(store, { altered: segment(altered), weakened: manifest(weakened), gone: manifest(gone) });
    expect(seenBy(await only("head", after))).toEqual([]);
    const locks = await only("locks", after);
    expect(locks).toMatchObject({ verdict: "unsound", complete: true });
    expect(seenBy(locks)).toEqual([
      `lock.weaker-mode ${weakened} ${manifest(weakened)}`,
      `manifest.missing ${gone} null`,
      // Nothing names it any more.
      `object.stray null ${segment(gone)}`,
    ]);
    const content = await only("content", after);
    expect(content).toMatchObject({ verdict: "unsound", complete: true });
    expect(seenBy(content)).toEqual([`manifest.missing ${gone} null`, `segment.altered ${altered} ${segment(altered)}`]);
    // Each has one alarm, though two rounds saw it.
    const told = memory.state.alarms(0, 10).map(({ alarm }) => alarm.subject);
    expect(told.toSorted()).toEqual(content.findings.map(({ id }) => id).sort());
    expect(told).toHaveLength(4);
  },
  LONG,
);

function seenBy({ findings }: SweepResult): string[] {
  return findings
    .filter(({ seen }) => seen)
    .map(({ code, index, object }) => `${code} ${index} ${object}`)
    .sort();
}

/** Keys of objects to which something was done. */
interface Deeds {
  readonly altered: string;
  readonly weakened: string;
  readonly gone: string;
}

/** The same store as someone left it. */
function tamperedWith(inner: Store, { altered, weakened, gone }: Deeds): Store {
  const there = (key: string): void => {
    if (key === gone) throw new SteleError("store.not-found", `there is no ${key}`);
  };
  return {
    url: inner.url,
    capabilities: inner.capabilities,
    async get(key, options) {
      there(key);
      const object = await inner.get(key, options);
      return key === altered ? { ...object, body: object.body.map((byte, i) => (i === 15 ? byte ^ 1 : byte)) } : object;
    },
    head: async (key, options) => (key === gone ? null : inner.head(key, options)),
    async lockState(key, options) {
      there(key);
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
