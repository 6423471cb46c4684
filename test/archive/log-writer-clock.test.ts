import { describe, expect, test } from "vitest";
import type { LogWriter } from "../../src/archive/log-writer.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import type { Commit } from "../../src/core/commit.ts";
import { timestamp } from "../../src/core/time.ts";
import { type FaultyStore, faultAt, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { commitLines, listAll, LOG, newArchive, NOW, openWriter, OWNER } from "./fixture.ts";
import { portions, seal } from "./pipelines.ts";
import { content, wrongWith } from "./runs.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** The store's clock is right and goes on with `real`; the writer's shows `shown`. */
async function clocks(period = "1y") {
  const clock = { real: NOW, shown: NOW };
  const store = new MemoryStore({ now: () => clock.real });
  const archive = await newArchive(store, { period });
  const open = (): Promise<LogWriter> => openWriter(archive, { now: () => clock.shown });
  /** One event, that arrives now by the writer's clock. */
  const commit = (writer: LogWriter, line: string): Promise<Commit> =>
    commitLines(writer, [line], { time: timestamp(clock.shown) });
  return { clock, store, archive, open, commit };
}

const untilOf = ({ manifest }: Commit): string => manifest.retention.until;

describe("a writer's clock that jumps", () => {
  const jumps: [string, number, number][] = [
    ["back an hour", -HOUR, 0],
    ["forward a year, and back", YEAR, 0],
    ["to 1970", -NOW, -NOW + 5000],
  ];
  test.each(jumps)(
    "%s: no lock gets shorter, none ends in the past, and arrivals are what the clock said",
    async (_what, to, then) => {
      const { clock, store, archive, open, commit } = await clocks();
      const writer = await open();
      const commits = [await commit(writer, "before")];
      clock.real += 1000;
      clock.shown = clock.real + to;
      commits.push(await commit(writer, "after"));
      clock.real += 1000;
      clock.shown = clock.real + then;
      commits.push(await commit(await open(), "later"), await (await open()).heartbeat());
      const arrivals = [[NOW], [NOW + 1000 + to], [NOW + 2000 + then], []];
      expect(commits.map(({ manifest }) => manifest.appends.map(({ time }) => Date.parse(time)))).toEqual(arrivals);
      for (const [i, { manifest }] of commits.entries()) {
        const before = commits[i - 1]?.manifest;
        const { sealed, retention } = manifest;
        if (before !== undefined) {
          expect(sealed >= before.sealed).toBe(true);
          expect(retention.until >= before.retention.until).toBe(true);
        }
        expect(Date.parse(retention.until) - Date.parse(sealed)).toBeGreaterThanOrEqual(YEAR);
        expect(Date.parse(retention.until)).toBeGreaterThan(clock.real);
      }
      const { findings } = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: clock.real, threads: 1 });
      expect(findings).toEqual([]);
      expect(await content(archive)).toBe("before\nafter\nlater\n");
    },
  );

  test("between an upload and its commit, a year forward: segment and manifest get the longer lock", async () => {
    const { clock, archive, store, open } = await clocks();
    const writer = await open();
    await commitLines(writer, ["base"]);
    const [portion] = portions(1, { first: 1 });
    if (portion === undefined) throw new Error("a portion");
    const uploaded = await writer.upload(seal(portion), portion.appends, 1);
    clock.shown += YEAR;
    const { manifest } = await writer.commitUploaded(uploaded);
    expect(manifest.retention.until).toBe("2028-01-02T00:00:00.000Z");
    const { retention } = await store.lockState(`${LOG}/${manifest.segment?.key}`, { versionId: manifest.segment?.versionId });
    expect(retention).toEqual(manifest.retention);
    expect(await wrongWith(archive)).toEqual([]);
  });

  test("between an upload and its commit, back: the lock that the segment has is promised", async () => {
    const { clock, archive, open } = await clocks();
    const writer = await open();
    const [portion] = portions(1);
    if (portion === undefined) throw new Error("a portion");
    clock.shown += DAY;
    const uploaded = await writer.upload(seal(portion), portion.appends, 0);
    clock.shown -= DAY;
    expect(untilOf(await writer.commitUploaded(uploaded))).toBe("2027-01-03T00:00:00.000Z");
    expect(await wrongWith(archive)).toEqual([]);
  });

  test("of a log's beginning in 1970 nothing is committed: the store refuses a lock in the past", async () => {
    const { clock, store, open, commit } = await clocks();
    clock.shown = 0;
    await expect(commit(await open(), "event")).rejects.toMatchObject({ code: "input.invalid" });
    expect(await listAll(store, LOG)).toEqual([]);
  });

  test("events that arrived before the clock was lost are archived after it, in a new log as well", async () => {
    const { clock, archive, open } = await clocks();
    clock.shown = 0;
    const { manifest } = await commitLines(await open(), ["event"], { time: timestamp(NOW - 1000) });
    expect(manifest).toMatchObject({ sealed: "2026-01-01T23:59:59.000Z", retention: { until: "2027-01-01T23:59:59.000Z" } });
    expect(await wrongWith(archive)).toEqual([]);
  });
});

describe("a store that stalls between upload and commit", () => {
  async function stalled(millis: number, period: string): Promise<{ commit: Commit; faulty: FaultyStore; wrong: unknown[] }> {
    const { clock, store, archive } = await clocks(period);
    const faulty = withFaults(store, () => null);
    const writer = await openWriter({ ...archive, store: faulty }, { now: () => clock.shown });
    await commitLines(writer, ["base"]);
    const [portion] = portions(1, { first: 1 });
    if (portion === undefined) throw new Error("a portion");
    const uploaded = await writer.upload(seal(portion), portion.appends, 1);
    clock.shown = clock.real = NOW + millis;
    const commit = await writer.commitUploaded(uploaded);
    const { segment, retention } = commit.manifest;
    expect((await store.lockState(`${LOG}/${segment?.key}`, { versionId: segment?.versionId })).retention).toEqual(retention);
    return { commit, faulty, wrong: await wrongWith(archive, clock.real) };
  }

  test.each([
    ["for an hour", HOUR, "1y", "2027-01-02T00:00:00.000Z", false],
    ["for more than an hour", HOUR + 1, "1y", "2027-01-02T01:00:01.000Z", true],
    ["for a week", 7 * DAY, "1y", "2027-01-09T00:00:00.000Z", true],
    ["for half of a short period", 30 * 60_000, "1h", "2026-01-02T01:00:00.000Z", false],
    ["for more than half of a short period", 31 * 60_000, "1h", "2026-01-02T01:31:00.000Z", true],
    ["for the whole of a short period", HOUR, "1h", "2026-01-02T02:00:00.000Z", true],
    ["beyond the end of the segment's lock", 3 * HOUR, "1h", "2026-01-02T04:00:00.000Z", true],
  ])("%s: the manifest promises what the segment's lock then is", async (_what, millis, period, until, isExtended) => {
    const { commit, faulty, wrong } = await stalled(millis, period);
    expect(untilOf(commit)).toBe(until);
    expect(wrong).toEqual([]);
    const extended = faulty.log.findIndex(({ call, key }) => call === "extendRetention" && key.includes("/segments/"));
    const manifest = faulty.log.findLastIndex(({ call, key }) => call === "putIfAbsent" && key.includes("/manifests/"));
    expect(extended >= 0).toBe(isExtended);
    // What the manifest promises holds before the manifest is there.
    expect(extended).toBeLessThan(manifest);
  });

  test("an upload that the next writer takes over is locked for as long as its manifest promises", async () => {
    const { clock, store, archive, open } = await clocks("30d");
    const writer = await open();
    await commitLines(writer, ["base"]);
    const [portion] = portions(1, { first: 1 });
    if (portion === undefined) throw new Error("a portion");
    await writer.upload(seal(portion), portion.appends, 1);
    clock.shown = clock.real = NOW + 10 * DAY;
    const { manifest } = await (await open()).commit(seal(portion), portion.appends);
    expect(manifest.retention.until).toBe("2026-02-11T00:00:00.000Z");
    const [, taken, ...others] = await listAll(store, `${LOG}/segments/`);
    expect(others).toEqual([]);
    expect((await store.lockState(taken?.key ?? "", {})).retention).toEqual(manifest.retention);
    expect(await wrongWith(archive, clock.real)).toEqual([]);
  });
});

test("a log whose newest lock has ended goes on, and a tile that a crash left out is put under a lock that lasts", async () => {
  const { clock, store, archive, open } = await clocks("1d");
  const crash = faultAt("putIfAbsent", 0, { kind: "unpersisted" }, (key) => key.includes("/tiles/"));
  const writer = await openWriter({ ...archive, store: withFaults(store, crash) });
  for (let i = 0; i < 255; i++) await commitLines(writer, [`event ${i}`]);
  await expect(commitLines(writer, ["event 255"])).rejects.toMatchObject({ code: "store.unreachable" });
  clock.real = clock.shown = NOW + 3 * DAY;
  const next = await open();
  expect((await store.lockState(`${LOG}/tiles/0/000`)).retention?.until).toBe("2026-01-06T00:00:00.000Z");
  await commitLines(next, ["event 256"]);
  expect(await wrongWith(archive, clock.real)).toEqual([]);
});
