import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { Archive } from "../../../src/archive/archive.ts";
import { openLog } from "../../../src/archive/log-reader.ts";
import { manifestKey, rotationKey, segmentKey, tileKey } from "../../../src/core/layout.ts";
import { timestamp } from "../../../src/core/time.ts";
import { withFaults } from "../../../src/store/fault.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import { commitLines, LOG, newArchive, NOW, openWriter } from "../fixture.ts";
import { LEVELS, lookAt, lookEverywhere, names, POOL, windowsOf } from "./windows.ts";

afterAll(() => POOL[Symbol.asyncDispose]());

const DAY = 86_400_000;
/** A commit on a day before or after the others; null: a heartbeat. */
const commits = fc.array(fc.option(fc.integer({ min: 0, max: 6 })), { minLength: 1, maxLength: 14 });

const day = (daysBack: number): string => timestamp(NOW - daysBack * DAY).slice(0, 10);
const junk = fc.oneof(
  fc.tuple(fc.integer({ min: -1, max: 7 }), fc.nat({ max: 20 }), fc.nat({ max: 2 })).map(([d, n, a]) => segmentKey(day(d), n, a)),
  fc.constantFrom(
    "segments/!",
    "segments/dt=2025-12-30/x",
    "segments/~",
    "manifests/!",
    "manifests/~",
    "tiles/!",
    "tiles/~",
    "keys/~",
  ),
  fc.nat({ max: 20 }).map((n) => `${manifestKey(n)}.bak`),
  fc.nat({ max: 20 }).map((n) => `manifests/${String(n).padStart(16, "0")}.~`),
  fc.nat({ max: 20 }).map((n) => `manifests/${String(n).padStart(16, "0")}.é`),
  fc.nat({ max: 20 }).map((n) => rotationKey(n)),
  fc.nat({ max: 20 }).map((n) => `${rotationKey(n)}~`),
  fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 2 })).map(([level, index]) => tileKey({ level, index })),
);

/** @returns the archive, and the strays that were put there: what the log names stays the object that it is */
async function build(
  days: readonly (number | null)[],
  strays: readonly string[],
): Promise<{ readonly archive: Archive; readonly put: string[] }> {
  const store = new MemoryStore({ now: () => NOW });
  const archive = await newArchive(store);
  const writer = await openWriter(archive);
  for (const [i, back] of days.entries()) {
    if (back === null) await writer.heartbeat();
    else await commitLines(writer, [`event ${i}`], { time: timestamp(NOW - back * DAY) });
  }
  const taken = new Set<string>();
  for await (const { key } of store.versions(`${LOG}/`)) taken.add(key);
  const put = strays.map((key) => `${LOG}/${key}`).filter((key) => !taken.has(key));
  for (const key of put) store.overwrite(key, Buffer.from("junk"), null);
  return { archive, put };
}

test("windows cover every key of a log's folders, in whatever order its days are", async () => {
  await fc.assert(
    fc.asyncProperty(commits, fc.array(junk, { maxLength: 8 }), fc.integer({ min: 1, max: 6 }), async (days, strays, width) => {
      const { archive, put } = await build(days, strays);
      const whole = await lookEverywhere(archive, 1000, { level: LEVELS.locks });
      const parts = await lookEverywhere(archive, width, { level: LEVELS.locks });
      expect(names(parts ?? [])).toEqual(names(whole ?? []));
      const objects = new Set(parts?.map(({ object }) => object));
      for (const key of put) expect(objects).toContain(key);
    }),
    { seed: 11, numRuns: 60 },
  );
});

test("each stray is found by one window, the one that it lies in", async () => {
  const among = Array.from({ length: 12 }, (_, i) =>
    [segmentKey(day(11 - i), i, 1), `${manifestKey(i)}.bak`, rotationKey(i)].map((key) => [i, key] as const),
  ).flat();
  const behind = [segmentKey(day(-1), 3), manifestKey(11).replace("11.ndjson", "12.x"), rotationKey(12)];
  const { archive } = await build(
    Array.from({ length: 12 }, (_, i) => 11 - i),
    [...among.map(([, key]) => key), ...behind],
  );
  const opened = await openLog(archive, LOG);
  for (const width of [1, 3, 5]) {
    const found: string[] = [];
    for (const window of windowsOf(12, width)) {
      const { findings } = await lookAt(archive.store, opened, window, { level: LEVELS.locks });
      found.push(...findings.map(({ code, object }) => `${window[0]} ${code} ${object?.slice(LOG.length + 1)}`));
    }
    const last = Math.floor(11 / width) * width;
    const expected = [
      ...among.map(([i, key]) => `${Math.floor(i / width) * width} object.stray ${key}`),
      ...behind.map((key) => `${last} object.stray ${key}`),
    ];
    expect(found.sort()).toEqual(expected.sort());
  }
});

test("windows of tiles find together what the whole finds, and reads no more manifests where they begin with a tile", async () => {
  const store = new MemoryStore({ now: () => NOW });
  const archive = await newArchive(store);
  const writer = await openWriter(archive);
  for (let i = 0; i < 600; i++) await writer.heartbeat();
  const oldest = async (key: string): Promise<string> => {
    let id = "";
    for await (const { versionId } of store.versions(key)) id = versionId ?? "";
    return id;
  };
  const run = { level: LEVELS.content };
  expect(await lookEverywhere(archive, 256, run)).toEqual([]);
  const counted = withFaults(store, () => null);
  await lookAt(counted, await openLog({ ...archive, store: counted }, LOG), [256, 512], { level: LEVELS.locks });
  const before = counted.log.filter(({ call, key }) => call === "get" && key < `${LOG}/${manifestKey(255)}`);
  expect(before.filter(({ key }) => key.startsWith(`${LOG}/manifests/`)).length).toBeLessThan(20);

  store.corrupt(`${LOG}/tiles/0/000`, await oldest(`${LOG}/tiles/0/000`), (body) => body.toReversed());
  store.vanish(`${LOG}/tiles/0/001`, await oldest(`${LOG}/tiles/0/001`));
  for (const stray of ["tiles/0/002", "tiles/1/000", "tiles/0/x001/000", "tiles/0/001.x"])
    store.overwrite(`${LOG}/${stray}`, new Uint8Array(8192), null);
  const whole = (await lookEverywhere(archive, 1000, run)) ?? [];
  expect(whole.map(({ code, object, index }) => `${code} ${object?.slice(LOG.length + 1)} ${index}`).sort()).toEqual([
    "object.stray tiles/0/001.x null",
    "object.stray tiles/0/002 null",
    "object.stray tiles/0/x001/000 null",
    "object.stray tiles/1/000 null",
    "tile.altered tiles/0/000 255",
    "tile.missing tiles/0/001 511",
  ]);
  for (const width of [256, 512, 100]) expect(names((await lookEverywhere(archive, width, run)) ?? [])).toEqual(names(whole));
  const contentAlone = (await lookEverywhere(archive, 256, { level: { locks: false, content: true } })) ?? [];
  expect(contentAlone.map(({ code, index }) => `${code} ${index}`)).toEqual(["tile.altered 255", "tile.missing 511"]);
});
