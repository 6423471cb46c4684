import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { isSteleError } from "../../src/core/error.ts";
import { createDirectoryStore } from "../../src/store/directory/directory.ts";
import { type FaultPlan, type FaultyStore, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { commitLines, listAll, LOG, newArchive, NOW, openWriter } from "./fixture.ts";
import { archivePortions, type Portion, portions, seal, textOf } from "./pipelines.ts";
import { content, wrongWith } from "./runs.ts";

const now = (): number => NOW;
const DAY = 86_400_000;
const WIDTH = 3;
const EARLIER = ["what the log", "had before"];

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function newFolder(): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), "stele-pipeline-"));
  folders.push(folder);
  return createDirectoryStore(folder, { now });
}

/** A folder is slow, since each object is synced to the disk: there every fifth call fails, beginning with another each time. */
const STORES: readonly (readonly [string, () => Promise<Store>, number])[] = [
  ["a bucket that heeds If-None-Match", async () => new MemoryStore({ now }), 1],
  ["a bucket that ignores If-None-Match", async () => new MemoryStore({ now, conditionalPut: false }), 1],
  ["a folder", newFolder, 5],
];

let begun = 0;
function begin(oneIn: number): number {
  return begun++ % oneIn;
}

interface Scene {
  readonly archive: Archive;
  readonly all: readonly Portion[];
  /** What the log holds when all is archived. */
  readonly text: string;
}

async function scene(make: () => Promise<Store>, isNew: boolean, at = NOW): Promise<Scene> {
  const archive = await newArchive(await make());
  const first = isNew ? 0 : EARLIER.length;
  if (!isNew) await commitLines(await openWriter(archive), EARLIER);
  const all = portions(5, { first, at });
  return { archive, all, text: (isNew ? "" : `${EARLIER.join("\n")}\n`) + textOf(all) };
}

/** Archives over a store where things go wrong, with a writer that is given up at the first error. */
async function attempt({ archive, all }: Scene, plan: FaultPlan): Promise<{ store: FaultyStore; error: Error | null }> {
  const store = withFaults(archive.store, plan);
  try {
    await archivePortions(await openWriter({ ...archive, store }), all, WIDTH);
    return { store, error: null };
  } catch (error) {
    if (!isSteleError(error)) throw error;
    if (!isSteleError(error)) throw error;
    return { store, error };
  }
}

const segmentsOf = (archive: Archive): ReturnType<typeof listAll> => listAll(archive.store, `${LOG}/segments/`);
const isSegmentPut = ({ call, key }: { call: string; key: string }): boolean =>
  call === "putIfAbsent" && key.includes("/segments/");

async function expectWhole({ archive, text, all }: Scene, isNew: boolean, hint: string): Promise<void> {
  expect(await content(archive), hint).toBe(text);
  expect(await wrongWith(archive), hint).toEqual([]);
  // A second version of a segment could not be deleted for as long as it is locked.
  expect(await segmentsOf(archive), hint).toHaveLength(all.length + (isNew ? 0 : 1));
}

describe.each(STORES)("three uploads under way over %s", (_name, make, oneIn) => {
  describe.each([
    ["a new log", true],
    ["a log that has something already", false],
  ])("%s", (_log, isNew) => {
    test.each(["unpersisted", "persisted"] as const)(
      "whichever store call fails, %s: the next writer goes on, and all entries are there once and in order",
      async (kind) => {
        const undisturbed = await scene(make, isNew);
        const { store, error } = await attempt(undisturbed, () => null);
        expect(error).toBeNull();
        await expectWhole(undisturbed, isNew, "undisturbed");
        let failures = 0;
        for (let at = begin(oneIn); at < store.log.length; at += oneIn) {
          const tried = await scene(make, isNew);
          const outcome = await attempt(tried, ({ index }) => (index === at ? { kind } : null));
          const hint = `after call ${at}, ${outcome.store.log[at]?.call} ${outcome.store.log[at]?.key}`;
          // A listing that was broken off in time did not notice.
          if (outcome.error !== null) {
            expect(outcome.error, hint).toMatchObject({ code: "store.unreachable" });
            failures++;
          }
          expect((await attempt(tried, () => null)).error, hint).toBeNull();
          await expectWhole(tried, isNew, hint);
        }
        expect(failures).toBeGreaterThan((store.log.length / oneIn) * 0.7);
      },
    );

    test("whenever everything stops, the next writer takes over each segment that was put, also on another day", async () => {
      const { store } = await attempt(await scene(make, isNew), () => null);
      let most = 0;
      for (const wait of [0, DAY]) {
        for (let at = begin(oneIn); at < store.log.length; at += oneIn) {
          const tried = await scene(make, isNew);
          await attempt(tried, ({ index }) => (index >= at ? { kind: index === at ? "persisted" : "unpersisted" } : null));
          const before = (await segmentsOf(tried.archive)).length;
          const manifests = (await listAll(tried.archive.store, `${LOG}/manifests/`)).length;
          most = Math.max(most, before - manifests);
          // A writer without a spool takes the time at which it reads for that of arrival.
          const again = portions(tried.all.length, { first: tried.all[0]?.first ?? 0, at: NOW + wait });
          const watched = withFaults(tried.archive.store, () => null);
          const writer = await openWriter({ ...tried.archive, store: watched }, { now: () => NOW + wait, writerId: "another" });
          await archivePortions(writer, again, WIDTH);
          expect(watched.log.filter(isSegmentPut), `after call ${at}`).toHaveLength(tried.all.length + (isNew ? 0 : 1) - before);
          await expectWhole(tried, isNew, `after call ${at}`);
        }
      }
      // One that is being committed, and those that are uploaded meanwhile; a new log's first ones are put one by one.
      if (oneIn === 1) expect(most).toBeGreaterThan(isNew ? 1 : WIDTH);
      expect(most).toBeLessThanOrEqual(WIDTH + 1);
    });
  });

  test("of segments that were under way, those behind the first may be there alone", async () => {
    const tried = await scene(make, false);
    const [lost] = tried.all;
    const { error } = await attempt(tried, (made) =>
      isSegmentPut(made) && made.key.includes(String(lost?.first).padStart(16, "0")) ? { kind: "unpersisted" } : null,
    );
    expect(error).not.toBeNull();
    expect(await segmentsOf(tried.archive)).toHaveLength(WIDTH);
    const { store } = await attempt(tried, () => null);
    expect(store.log.filter(isSegmentPut)).toHaveLength(tried.all.length - WIDTH + 1);
    await expectWhole(tried, false, "");
  });

  test("segments that arrived on an earlier day than the log's newest, by the clock, are taken over as well", async () => {
    const tried = await scene(make, false, NOW - 3 * DAY);
    await attempt(tried, ({ call, key }) => (call === "lockState" && key.includes("/segments/") ? { kind: "persisted" } : null));
    expect(await segmentsOf(tried.archive)).toHaveLength(1 + WIDTH);
    const { store, error } = await attempt(tried, () => null);
    expect(error).toBeNull();
    expect(store.log.filter(isSegmentPut)).toHaveLength(tried.all.length - WIDTH);
    await expectWhole(tried, false, "");
  });

  test("of an empty log only the first segment is put before its manifest stands", async () => {
    const { archive, all } = await scene(make, true);
    const writer = await openWriter(archive);
    const uploaded = await Promise.all(all.map((portion) => writer.upload(seal(portion), portion.appends, portion.first)));
    expect(await segmentsOf(archive)).toHaveLength(1);
    for (const one of uploaded) await writer.commitUploaded(one);
    expect(await content(archive)).toBe(textOf(all));
    expect(await wrongWith(archive)).toEqual([]);
  });
});

describe("what lies among the segments and is none of the writer's", () => {
  test("very many objects of an earlier place under a later day cost two listings, and nothing is taken for a segment", async () => {
    const store = new MemoryStore({ now, conditionalPut: false });
    const tried = await scene(async () => store, false);
    const [portion] = tried.all;
    const digits = (n: number): string => String(n).padStart(16, "0");
    for (let i = 1; i <= 1100; i++)
      store.overwrite(`${LOG}/segments/dt=2026-03-01/${digits(0)}.${i}.ndjson.zst`, Uint8Array.of(i));
    store.overwrite(`${LOG}/segments/dt=2026-03-01/${digits(portion?.first ?? 0)}.ndjson.zst`, Uint8Array.of(0));
    const { store: watched, error } = await attempt(tried, () => null);
    expect(error).toBeNull();
    expect(watched.log.filter(({ call, key }) => call === "versions" && key === `${LOG}/segments/`)).toHaveLength(2);
    expect(await content(tried.archive)).toBe(tried.text);
  });
});
