import { describe, expect, test } from "vitest";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { isSteleError } from "../../src/core/error.ts";
import { faultAt, type FaultPlan, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { commitLines, listAll, LOG, newArchive, NOW, openWriter, OWNER, rawOf, readAll, SUCCESSOR } from "./fixture.ts";
import { portions, seal } from "./pipelines.ts";
import { content } from "./runs.ts";
import { sealSegment } from "../../src/archive/segment/seal.ts";
import { timestamp } from "../../src/core/time.ts";

const now = (): number => NOW;
const modes = [true, false];
const newStore = (conditionalPut = true): MemoryStore => new MemoryStore({ now, conditionalPut });

async function findingsOf(store: MemoryStore): Promise<string[]> {
  const report = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: NOW, threads: 1 });
  return report.findings.map(({ code, object }) => `${code} ${object}`);
}

describe("a heartbeat", () => {
  test("is a signed manifest without entries, and the log goes on behind it", async () => {
    const store = newStore();
    const archive = await newArchive(store);
    let clock = NOW;
    const writer = await openWriter(archive, { now: () => clock });
    await commitLines(writer, ["one", "two"]);
    clock += 60_000;
    const { manifest } = await writer.heartbeat();
    expect(manifest).toMatchObject({
      index: 1,
      sealed: "2026-01-02T00:01:00.000Z",
      segment: null,
      entries: { first: 2, count: 0, root: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
      appends: [],
      retention: { mode: "COMPLIANCE", until: "2027-01-02T00:01:00.000Z" },
    });
    expect(manifest.closed).toBeUndefined();
    await commitLines(writer, ["three"]);
    await (await openWriter(archive)).heartbeat();
    await commitLines(await openWriter(archive), ["four"]);
    expect(await content(archive)).toBe("one\ntwo\nthree\nfour\n");
    expect(await findingsOf(store)).toEqual([]);
  });

  test("may be a log's first manifest, and fills tiles like any other", async () => {
    const store = newStore();
    const archive = await newArchive(store);
    const writer = await openWriter(archive);
    store.resetCalls();
    for (let i = 0; i < 256; i++) await writer.heartbeat();
    // The log's description, and a tile.
    expect(store.calls("putIfAbsent")).toBe(256 + 2);
    expect(await listAll(store, `${LOG}/segments/`)).toEqual([]);
    await commitLines(await openWriter(archive), ["one"]);
    expect(await content(archive)).toBe("one\n");
    expect(await findingsOf(store)).toEqual([]);
  });

  test.each(modes)("goes between uploads and their commits, If-None-Match heeded: %s", async (heeded) => {
    const store = newStore(heeded);
    const archive = await newArchive(store);
    const writer = await openWriter(archive);
    await writer.heartbeat();
    const [a, b] = portions(2);
    if (a === undefined || b === undefined) throw new Error("two portions");
    const uploaded = [await writer.upload(seal(a), a.appends, a.first), await writer.upload(seal(b), b.appends, b.first)];
    await writer.heartbeat();
    // Behind a manifest without a segment, orphans are found as well.
    const next = await openWriter(archive);
    store.resetCalls();
    // Read again the day after, when its entries seem to have arrived then.
    for (const portion of portions(2, { at: NOW + 86_400_000 })) await next.commit(seal(portion), portion.appends);
    expect(store.calls("putIfAbsent")).toBe(2);
    expect(uploaded).toHaveLength(2);
    expect(await findingsOf(store)).toEqual([]);
  });

  test("of one writer ends the other", async () => {
    const store = newStore();
    const archive = await newArchive(store);
    const [one, other] = [await openWriter(archive, { writerId: "one" }), await openWriter(archive, { writerId: "other" })];
    await one.heartbeat();
    await expect(commitLines(other, ["late"])).rejects.toMatchObject({ code: "log.fenced" });
  });
});

describe("a log that was closed", () => {
  async function closed(conditionalPut = true) {
    const store = newStore(conditionalPut);
    const archive = await newArchive(store);
    const writer = await openWriter(archive);
    await commitLines(writer, ["one"]);
    const other = await openWriter(archive, { writerId: "other" });
    const [portion] = portions(1, { first: 1 });
    if (portion === undefined) throw new Error("a portion");
    const uploaded = await writer.upload(seal(portion), portion.appends, 1);
    const commit = await writer.finish();
    return { store, archive, writer, other, portion, uploaded, commit };
  }
  const isClosed = (error: unknown): boolean =>
    isSteleError(error, "log.closed") && error.message.includes("closed with manifest 1 at 2026-01-02T00:00:00.000Z");

  test.each(modes)("refuses everything that would follow, from whichever writer, If-None-Match heeded: %s", async (heeded) => {
    const { store, archive, writer, other, portion, uploaded, commit } = await closed(heeded);
    expect(commit.manifest).toMatchObject({ index: 1, segment: null, closed: true, entries: { first: 1, count: 0 } });
    const before = await listAll(store);
    for (const refused of [
      () => writer.commit(seal(portion), portion.appends),
      () => writer.upload(seal(portion), portion.appends, 1),
      () => writer.commitUploaded(uploaded),
      () => writer.heartbeat(),
      () => writer.rotate(SUCCESSOR),
      () => writer.finish(),
      () => openWriter(archive),
    ]) {
      await expect(refused()).rejects.toSatisfy(isClosed);
    }
    expect(await listAll(store)).toEqual(before);
    // One that was running all the time learns it at its next commit.
    await expect(other.heartbeat()).rejects.toSatisfy(isClosed);
    expect((await listAll(store, `${LOG}/manifests/`)).map(({ key }) => key)).toHaveLength(2);
  });

  test.each(modes)("is read and verified as before, If-None-Match heeded: %s", async (heeded) => {
    const store = newStore(heeded);
    const archive = await newArchive(store);
    const writer = await openWriter(archive);
    await commitLines(writer, ["one", "two"]);
    await writer.finish();
    expect(await readAll(archive)).toEqual({ bytes: Buffer.from("one\ntwo\n"), error: null });
    expect(await findingsOf(store)).toEqual([]);
  });

  test("may be closed without ever having had an entry", async () => {
    const store = newStore();
    const archive = await newArchive(store);
    await (await openWriter(archive)).finish();
    await expect(openWriter(archive)).rejects.toMatchObject({ code: "log.closed" });
    expect(await findingsOf(store)).toEqual([]);
  });

  const newest = `${LOG}/manifests/0000000000000255.ndjson`;
  test.each([
    ["a lock", faultAt("lockState", 0, { kind: "unpersisted" }, (key) => key === newest)],
    ["a tile", faultAt("putIfAbsent", 0, { kind: "unpersisted" }, (key) => key.includes("/tiles/"))],
  ])("has %s that its last writer left out mended by whoever tries to go on", async (_what, crash) => {
    const store = new MemoryStore({ now, losesRetention: (key) => key.startsWith(`${LOG}/`) });
    const archive = await newArchive(store);
    const writer = await openWriter({ ...archive, store: withFaults(store, crash) });
    for (let i = 0; i < 255; i++) await writer.heartbeat();
    await expect(writer.finish()).rejects.toMatchObject({ code: "store.unreachable" });
    expect(await findingsOf(store)).not.toEqual([]);
    await expect(openWriter(archive)).rejects.toMatchObject({ code: "log.closed" });
    expect(await findingsOf(store)).toEqual([]);
  });

  test.each(modes.flatMap((heeded) => (["unpersisted", "persisted"] as const).map((kind) => [heeded, kind] as const)))(
    "has one last manifest, whichever store call of closing it fails (If-None-Match heeded: %s, %s)",
    async (heeded, kind) => {
      const close = async (plan: FaultPlan) => {
        const store = newStore(heeded);
        const archive = await newArchive(store);
        await commitLines(await openWriter(archive), ["one"]);
        const faulty = withFaults(store, plan);
        const finish = async (through: Store): Promise<unknown> =>
          (await openWriter({ ...archive, store: through })).finish().then(({ manifest }) => manifest.closed);
        const first = await finish(faulty).catch((error: unknown) => error);
        return { store, calls: faulty.log.length, first, again: () => finish(store) };
      };
      const undisturbed = await close(() => null);
      expect(undisturbed.first).toBe(true);
      for (let at = 0; at < undisturbed.calls; at++) {
        const { store, again } = await close(({ index }) => (index === at ? { kind } : null));
        const outcome = await again().catch((error: unknown) => (isSteleError(error) ? error.code : error));
        expect([true, "log.closed"], `call ${at}`).toContain(outcome);
        await expect(again(), `call ${at}`).rejects.toMatchObject({ code: "log.closed" });
        expect(await findingsOf(store), `call ${at}`).toEqual([]);
        expect(await listAll(store, `${LOG}/manifests/`), `call ${at}`).toHaveLength(2);
      }
    },
  );
});

test("a segment that is put beside a closed log is no part of it", async () => {
  const store = newStore();
  const archive = await newArchive(store);
  const writer = await openWriter(archive);
  await commitLines(writer, ["one"]);
  const sealed = sealSegment(rawOf(["two"]));
  await writer.upload(sealed, [{ count: 1, time: timestamp(NOW), source: "test" }], 1);
  await writer.finish();
  expect(await findingsOf(store)).toEqual([`object.stray ${LOG}/segments/dt=2026-01-02/0000000000000001.ndjson.zst`]);
});
