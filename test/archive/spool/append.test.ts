import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeFiles, type SpoolFile, type SpoolFiles } from "../../../src/archive/spool/files.ts";
import type { ClosedFile, Delivery, Spooled } from "../../../src/archive/spool/delivery.ts";
import { LIMITS } from "./constants.ts";
import { allEntries, commitOf, delivery, entriesOf, newFolder, newSpool, NOW, openSpool, reopened } from "./fixture.ts";
import { FaultyFiles } from "./faulty-files.ts";

/** The real file system with a `datasync` that waits until it is let go. */
function gatedFiles(): { readonly files: SpoolFiles; readonly syncs: (() => void)[] } {
  const syncs: (() => void)[] = [];
  const gated = (file: SpoolFile): SpoolFile => ({
    write: (bytes, position) => file.write(bytes, position),
    read: (into, position) => file.read(into, position),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
    datasync: async () => {
      await new Promise<void>((go) => syncs.push(go));
      await file.datasync();
    },
  });
  return { files: { ...nodeFiles, create: async (path) => gated(await nodeFiles.create(path)) }, syncs };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setImmediate(done));
}

describe("group commit", () => {
  test("many appends share one write and one datasync, and have their indexes in the order of calls", async () => {
    const files = new FaultyFiles();
    const spool = await newSpool(newFolder(), { files });
    const before = files.calls.length;
    const receipts = await Promise.all(Array.from({ length: 64 }, (_, i) => spool.append(delivery([`a${i}`, `b${i}`]))));
    expect(files.calls.slice(before)).toEqual(["create", "write", "datasync", "syncFolder"]);
    expect(receipts).toEqual(Array.from({ length: 64 }, (_, i) => ({ first: 2 * i, count: 2, duplicate: false })));
    await spool.append(delivery("one more"));
    expect(files.calls.slice(before + 4)).toEqual(["write", "datasync"]);
    await spool.close();
    expect(files.descriptors).toBe(0);
  });

  test("what comes while the disk is busy is the next group; nothing is acknowledged before its datasync", async () => {
    const { files, syncs } = gatedFiles();
    const folder = newFolder();
    const spool = await newSpool(folder, { files });
    const acked: string[] = [];
    const append = (name: string): Promise<unknown> => spool.append(delivery(name)).then(() => acked.push(name));
    const first = append("first");
    await until(() => syncs.length === 1);
    const others = ["x", "y", "z"].map(append);
    expect([acked, spool.next, spool.entries]).toEqual([[], 0, 0]);
    syncs[0]?.();
    await first;
    await until(() => syncs.length === 2);
    expect([acked, spool.next]).toEqual([["first"], 1]);
    syncs[1]?.();
    await Promise.all(others);
    expect([acked, spool.next, spool.entries, syncs.length]).toEqual([["first", "x", "y", "z"], 4, 4, 2]);
    await spool.close();
    expect((await reopened(folder)).entries).toEqual(["first", "x", "y", "z"]);
  });

  test("callers that answer an acknowledgement by the next append share groups again", async () => {
    const files = new FaultyFiles();
    const spool = await newSpool(newFolder(), { files });
    const rounds = 20;
    await Promise.all(
      Array.from({ length: 16 }, async (_, caller) => {
        for (let round = 0; round < rounds; round++) await spool.append(delivery(`${caller} ${round}`));
      }),
    );
    expect(files.calls.filter((call) => call === "datasync")).toHaveLength(rounds);
    await spool.close();
  });
});

test("any deliveries come back as they were, with their provenance, also from a spool opened again", async () => {
  const entry = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes.map((byte) => (byte === 10 ? 0 : byte))));
  const anyDelivery = fc.record({
    entries: fc.array(entry, { minLength: 1, maxLength: 5 }),
    source: fc.string({ unit: "grapheme", maxLength: 20 }),
    id: fc.option(fc.uuid(), { nil: undefined }),
    cursor: fc.option(fc.string({ maxLength: 20 }), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyDelivery, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 }),
      async (groups) => {
        const folder = newFolder();
        const spool = await newSpool(folder, { limits: { ...LIMITS, entries: 12 } });
        for (const group of groups) {
          await Promise.all(
            group.map(({ entries, ...rest }) =>
              spool.append({
                ...rest,
                count: entries.length,
                bytes: Buffer.concat(entries.flatMap((bytes) => [bytes, Buffer.of(10)])),
              }),
            ),
          );
        }
        await spool.close();
        const again = await openSpool(folder);
        const all = groups.flat();
        const read = await Promise.all(again.pending.map((file) => again.read(file)));
        expect(Buffer.concat(read.map(({ buffer, length }) => Buffer.from(buffer, 0, length)))).toEqual(
          Buffer.concat(all.flatMap(({ entries }) => entries.flatMap((bytes) => [bytes, Buffer.of(10)]))),
        );
        const sources = all.flatMap(({ entries, source }) => entries.map(() => source));
        expect(read.flatMap(({ appends }) => appends.flatMap(({ source, count }) => Array<string>(count).fill(source)))).toEqual(
          sources,
        );
        expect(read.flatMap(({ appends }) => appends.flatMap(({ id }) => id ?? []))).toEqual(all.flatMap(({ id }) => id ?? []));
        for (const source of new Set(sources)) {
          expect(again.cursor(source)).toBe(
            all.findLast((one) => one.source === source && one.cursor !== undefined)?.cursor ?? null,
          );
        }
        await again.close();
      },
    ),
    { numRuns: 60 },
  );
});

describe("a file is one segment", () => {
  const closedAt = async (
    limits: { bytes?: number; entries?: number },
    deliveries: readonly Delivery[],
  ): Promise<{ counts: number[]; filling: number | undefined; told: ClosedFile[] }> => {
    const told: ClosedFile[] = [];
    const spool = await newSpool(newFolder(), { limits: { ...LIMITS, ...limits }, onClosed: (file) => told.push(file) });
    await Promise.all(deliveries.map((one) => spool.append(one)));
    const result = { counts: spool.pending.map(({ count }) => count), filling: spool.filling?.count, told };
    expect(told).toEqual(spool.pending);
    expect(spool.entries).toBe(deliveries.reduce((sum, { count }) => sum + count, 0));
    await spool.close();
    return result;
  };
  const lines = (count: number, text: string): Delivery => delivery(Array<string>(count).fill(text));

  test.each([
    ["entries: full is ended at once", { entries: 10 }, [5, 5, 1], [10], 1],
    ["entries: what does not fit begins another", { entries: 10 }, [5, 6, 4], [5, 10], undefined],
    ["bytes: exactly full", { bytes: 100 }, [5, 5, 1], [10], 1],
    ["bytes: one too many", { bytes: 99 }, [5, 5, 1], [5], 6],
    ["a delivery as large as a file", { entries: 10 }, [1, 10, 1], [1, 10], 1],
  ] as const)("%s", async (_, limits, sizes, counts, filling) => {
    const result = await closedAt(
      limits,
      sizes.map((size) => lines(size, "123456789")),
    );
    expect([result.counts, result.filling]).toEqual([counts, filling]);
  });

  test.each([
    ["bytes", { bytes: 99 }, 10],
    ["entries", { entries: 9 }, 10],
  ] as const)("a delivery that is larger than a file's %s is refused, and nothing else", async (_, limits, count) => {
    const spool = await newSpool(newFolder(), { limits: { ...LIMITS, ...limits } });
    const [refused, taken] = await Promise.allSettled([spool.append(lines(count, "123456789")), spool.append(lines(1, "ok"))]);
    expect(refused).toMatchObject({ status: "rejected", reason: { code: "input.invalid" } });
    expect(taken).toMatchObject({ status: "fulfilled", value: { first: 0 } });
    await spool.close();
  });

  test("provenance: what a manifest can't hold begins another file, and a clock's second joins deliveries", async () => {
    let now = NOW;
    const spool = await newSpool(newFolder(), { limits: { ...LIMITS, entries: 100_000 }, now: () => now });
    const appends: Promise<Spooled>[] = [];
    for (let i = 0; i < 3000; i++) {
      now = NOW + i * 100;
      appends.push(spool.append(delivery(`e${i}`, { source: i < 1500 ? "one source" : `s${i % 2}`, id: `id ${i}` })));
    }
    await Promise.all(appends);
    await spool.cut();
    const files = await Promise.all(spool.pending.map(async (file) => ({ file, ...(await spool.read(file)) })));
    expect(files.length).toBeGreaterThan(2);
    for (const { file, appends: runs } of files) {
      let first = file.first;
      const placed = runs.map((run) => {
        const at = first;
        first += run.count;
        return { ...run, first: at };
      });
      expect(first).toBe(file.first + file.count);
      expect(Buffer.byteLength(JSON.stringify(placed))).toBeLessThanOrEqual(40_000);
    }
    // 1,500 ids don't fit; ten deliveries a second are one run.
    expect(files[0]?.appends[0]).toEqual({ count: 10, time: "2026-11-23T15:00:00.000Z", source: "one source" });
    expect(files[0]?.appends[1]?.time).toBe("2026-11-23T15:00:01.000Z");
    await spool.close();
  });

  test("ids stand in the provenance where there is room", async () => {
    const spool = await newSpool(newFolder());
    await Promise.all(
      [delivery(["a", "b"]), delivery("c"), delivery("d", { id: "7" }), delivery("e")].map((one) => spool.append(one)),
    );
    const file = await spool.cut();
    const time = "2026-11-23T15:00:00.000Z";
    expect(file && (await spool.read(file)).appends).toEqual([
      { count: 3, time, source: "app" },
      { count: 1, time, source: "app", id: "7" },
      { count: 1, time, source: "app" },
    ]);
    await spool.close();
  });

  test("cut ends the file behind all appends before it; with nothing in it, null", async () => {
    const spool = await newSpool(newFolder());
    const a = spool.append(delivery("a"));
    const cut = spool.cut();
    const b = spool.append(delivery("b"));
    expect(await cut).toMatchObject({ first: 0, count: 1, rawBytes: 2, since: "2026-11-23T15:00:00.000Z" });
    expect([(await a).first, (await b).first]).toEqual([0, 1]);
    expect(await spool.cut()).toMatchObject({ first: 1, count: 1 });
    expect(await spool.cut()).toBeNull();
    expect(await allEntries(spool)).toEqual(["a", "b"]);
    expect(spool.bytes).toBe(spool.pending.reduce((sum, { fileBytes }) => sum + fileBytes, 0));
    await spool.close();
  });
});

test.each([
  ["no entry", { count: 0 }],
  ["no line feed at the end", { bytes: Buffer.from("x") }],
  ["more entries than bytes", { count: 9 }],
  ["a source that is too long", { source: "x".repeat(1025) }],
  ["an id that is not Unicode", { id: "\ud800" }],
  ["a cursor that is too long", { cursor: "x".repeat(4097) }],
  ["a cursor that is not Unicode", { cursor: "\ud800z" }],
] as const)("refuses a delivery with %s", async (_, wrong) => {
  const folder = newFolder();
  const spool = await newSpool(folder);
  await expect(spool.append({ ...delivery("x"), ...wrong })).rejects.toMatchObject({ code: "input.invalid" });
  await spool.append(delivery("fine"));
  await spool.close();
  expect((await reopened(folder)).entries).toEqual(["fine"]);
});

describe("where the log stands", () => {
  test("a new spool takes nothing before it is told, and remembers it", async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    expect(spool.next).toBeNull();
    await expect(spool.append(delivery("x"))).rejects.toThrow(RangeError);
    spool.start(700);
    expect(await spool.append(delivery("x"))).toEqual({ first: 700, count: 1, duplicate: false });
    spool.start(701);
    expect(() => spool.start(700)).toThrow(RangeError);
    await spool.close();
    const again = await openSpool(folder);
    expect([again.next, again.pending[0]?.first]).toEqual([701, 700]);
    expect(() => again.start(0)).toThrow(RangeError);
    await again.close();
  });

  test("an empty one may be told that the log went on elsewhere, not that it went back", async () => {
    const folder = newFolder();
    const spool = await newSpool(folder);
    await spool.append(delivery(["a", "b"]));
    const file = await spool.cut();
    if (file !== null) await spool.retire(file, commitOf(4));
    expect(spool.remembered).toEqual({ manifest: 4, leaf: new Uint8Array(32).fill(4), next: 2 });
    expect(() => spool.start(1)).toThrow(RangeError);
    spool.start(10);
    await spool.close();
    const again = await openSpool(folder);
    expect([again.next, again.remembered?.next, again.entries, again.bytes]).toEqual([10, 2, 0, 0]);
    expect((await again.append(delivery("c"))).first).toBe(10);
    await again.close();
    expect((await reopened(folder)).entries).toEqual(["c"]);
  });

  test("another log's spool is refused", async () => {
    const folder = newFolder();
    await (await newSpool(folder)).close();
    await expect(openSpool(folder, { origin: "logs.example/other" })).rejects.toMatchObject({ code: "input.invalid" });
    await expect(openSpool(newFolder(), { origin: "two words" })).rejects.toMatchObject({ code: "input.invalid" });
  });
});

test("the clock may jump: order stays, and provenance says what it said", async () => {
  const hour = 3_600_000;
  const clocks = [NOW, NOW - hour, NOW + 365 * 24 * hour, NOW + 5];
  let now = NOW;
  const folder = newFolder();
  const spool = await newSpool(folder, { now: () => now });
  const appends = clocks.map((clock, i) => {
    now = clock;
    return spool.append(delivery(`e${i}`));
  });
  expect((await Promise.all(appends)).map(({ first }) => first)).toEqual([0, 1, 2, 3]);
  await spool.close();
  const again = await openSpool(folder);
  const [file] = again.pending;
  expect(file?.since).toBe("2026-11-23T15:00:00.000Z");
  expect(file && (await again.read(file)).appends.map(({ time }) => time)).toEqual([
    "2026-11-23T15:00:00.000Z",
    "2026-11-23T14:00:00.000Z",
    "2027-11-23T15:00:00.000Z",
    "2026-11-23T15:00:00.005Z",
  ]);
  expect(file && (await entriesOf(again, file))).toEqual(["e0", "e1", "e2", "e3"]);
  await again.close();
});

test("a closed spool takes nothing", async () => {
  const spool = await newSpool(newFolder());
  const queued = spool.append(delivery("queued"));
  await spool.close();
  expect(await queued).toMatchObject({ first: 0 });
  await expect(spool.append(delivery("late"))).rejects.toMatchObject({ code: "spool.failed" });
  await expect(spool.cut()).rejects.toMatchObject({ code: "spool.failed" });
  await spool.close();
});
