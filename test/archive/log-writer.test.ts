import { describe, expect, test } from "vitest";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { sealSegment } from "../../src/archive/segment/seal.ts";
import { isSteleError } from "../../src/core/error.ts";
import { coversRetention } from "../../src/core/retention.ts";
import { type Fault, faultAt, type FaultPlan, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { commitLines, listAll, LOG, newArchive, NOW, openWriter, OWNER, SUCCESSOR } from "./fixture.ts";
import { archivePortions, type Portion, portions, seal, textOf } from "./pipelines.ts";
import { content, wrongWith } from "./runs.ts";

const now = (): number => NOW;
const isSegment = (key: string): boolean => key.includes("/segments/");
const HEADS = ["base"];

/** A log with one entry, and portions to go behind it. */
async function begun(conditionalPut = true) {
  const store = new MemoryStore({ now, conditionalPut });
  const archive = await newArchive(store);
  await commitLines(await openWriter(archive), HEADS);
  const all = portions(3, { first: HEADS.length });
  const [a, b, c] = all;
  if (a === undefined || b === undefined || c === undefined) throw new Error("three portions");
  return { store, archive, all, a, b, c };
}

describe("the order of commits", () => {
  test("a segment is committed only where the log ends: another is refused, and the writer stops", async () => {
    const { archive, a, b } = await begun();
    const writer = await openWriter(archive);
    const second = await writer.upload(seal(b), b.appends, b.first);
    const first = await writer.upload(seal(a), a.appends, a.first);
    await expect(writer.commitUploaded(second)).rejects.toThrow(
      new RangeError(`commit: expected the segment of entry ${a.first}, got that of entry ${b.first}`),
    );
    await expect(writer.commitUploaded(first)).rejects.toMatchObject({ code: "log.fenced", cause: expect.any(RangeError) });
    await expect(writer.upload(seal(a), a.appends, a.first)).rejects.toMatchObject({ code: "log.fenced" });
    expect(await content(archive)).toBe("base\n");
  });

  test("uploaded in any order, all are committed in the log's", async () => {
    const { archive, store, all } = await begun();
    const writer = await openWriter(archive);
    const uploaded = [];
    for (const portion of all.toReversed()) uploaded.unshift(await writer.upload(seal(portion), portion.appends, portion.first));
    // Asked for at once, they come one after the other.
    await Promise.all(uploaded.map((one) => writer.commitUploaded(one)));
    expect(await content(archive)).toBe(`base\n${textOf(all)}`);
    expect(await wrongWith(archive)).toEqual([]);
    expect(await listAll(store, `${LOG}/segments/`)).toHaveLength(4);
  });

  test.each([-1, 0, 0.5, 2 ** 53])("entry %d is no place for a segment behind entry 0", async (first) => {
    const { archive, a } = await begun();
    const writer = await openWriter(archive);
    await expect(writer.upload(seal(a), a.appends, first)).rejects.toThrow(RangeError);
    await writer.commit(seal(a), a.appends);
    expect(await content(archive)).toBe(`base\n${textOf([a])}`);
  });

  test("what one writer uploaded, the next may commit", async () => {
    const { archive, a, b } = await begun();
    const dead = await openWriter(archive);
    const uploaded = await Promise.all([a, b].map((portion) => dead.upload(seal(portion), portion.appends, portion.first)));
    const writer = await openWriter(archive, { writerId: "next" });
    for (const one of uploaded) await writer.commitUploaded(one);
    expect(await content(archive)).toBe(`base\n${textOf([a, b])}`);
    expect(await wrongWith(archive)).toEqual([]);
  });

  test("segments that no manifest could name are refused before anything is put", async () => {
    const { archive, store, a } = await begun();
    const writer = await openWriter(archive);
    store.resetCalls();
    const upload = (portion: Partial<Portion>): Promise<unknown> =>
      writer.upload(seal({ ...a, ...portion }), portion.appends ?? a.appends, a.first);
    await expect(upload({ appends: [] })).rejects.toMatchObject({ code: "input.invalid" });
    await expect(writer.upload(sealSegment(new Uint8Array(0)), [], a.first)).rejects.toMatchObject({ code: "input.invalid" });
    expect(store.calls("putIfAbsent")).toBe(0);
    await upload({});
  });
});

describe.each([true, false])("an upload that fails, If-None-Match heeded: %s", (heeded) => {
  const plans: [string, FaultPlan][] = (["unpersisted", "persisted"] as const).flatMap((kind) => {
    const fault: Fault = { kind };
    return [
      [`its put, ${kind}`, faultAt("putIfAbsent", 0, fault, isSegment)],
      [`reading its lock back, ${kind}`, faultAt("lockState", 0, fault, isSegment)],
      [`the listing before it, ${kind}`, faultAt("versions", 0, fault, (key) => key === `${LOG}/segments/`)],
    ];
  });

  test.each(plans)("%s: the writer goes on, and the same segment is put once in all", async (_what, plan) => {
    const { archive, store, all, a, b } = await begun(heeded);
    const watched = withFaults(store, plan);
    const writer = await openWriter({ ...archive, store: watched });
    await expect(writer.upload(seal(a), a.appends, a.first)).rejects.toMatchObject({ code: "store.unreachable" });
    const second = await writer.upload(seal(b), b.appends, b.first);
    const first = await writer.upload(seal(a), a.appends, a.first);
    await writer.commitUploaded(first);
    await writer.commitUploaded(second);
    await archivePortions(writer, all);
    expect(await content(archive)).toBe(`base\n${textOf(all)}`);
    expect(await wrongWith(archive)).toEqual([]);
    expect(await listAll(store, `${LOG}/segments/`)).toHaveLength(1 + all.length);
  });

  test("a commit that fails stops the writer, and what it had uploaded is the next one's", async () => {
    const { archive, store, all, a, b } = await begun(heeded);
    const crash = faultAt("putIfAbsent", 0, { kind: "unpersisted" }, (key) => key.includes("/manifests/"));
    const writer = await openWriter({ ...archive, store: withFaults(store, crash) });
    const first = await writer.upload(seal(a), a.appends, a.first);
    const second = await writer.upload(seal(b), b.appends, b.first);
    await expect(writer.commitUploaded(first)).rejects.toMatchObject({ code: "store.unreachable" });
    const cause = expect.objectContaining({ code: "store.unreachable" });
    for (const refused of [
      () => writer.commitUploaded(first),
      () => writer.commitUploaded(second),
      () => writer.upload(seal(b), b.appends, b.first),
      () => writer.commit(seal(a), a.appends),
      () => writer.heartbeat(),
      () => writer.finish(),
      () => writer.rotate(SUCCESSOR),
    ]) {
      await expect(refused()).rejects.toMatchObject({ code: "log.fenced", cause });
    }
    const watched = withFaults(store, () => null);
    await archivePortions(await openWriter({ ...archive, store: watched }), all);
    expect(watched.log.filter(({ call, key }) => call === "putIfAbsent" && isSegment(key))).toHaveLength(1);
    expect(await content(archive)).toBe(`base\n${textOf(all)}`);
    expect(await wrongWith(archive)).toEqual([]);
  });
});

test("a commit that fails while it uploads lets none pass that was asked for after it", async () => {
  const { archive, store, a, b } = await begun();
  const writer = await openWriter({
    ...archive,
    store: withFaults(store, faultAt("putIfAbsent", 0, { kind: "unpersisted" }, isSegment)),
  });
  const outcomes = await Promise.allSettled([a, b].map((portion) => writer.commit(seal(portion), portion.appends)));
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await content(archive)).toBe("base\n");
});

test("a log without manifests that has a segment which is not its first has lost them, and is not begun again", async () => {
  const { store, archive, a, b } = await begun();
  await archivePortions(await openWriter(archive), [a, b]);
  for (const { key, versionId } of await listAll(store, `${LOG}/manifests/`)) store.vanish(key, versionId ?? "");
  await expect(openWriter(archive)).rejects.toSatisfy(
    (error) => isSteleError(error, "log.unsound") && error.message.includes("its manifests are gone"),
  );
});

describe.each([true, false])("locks of segments that are uploaded together, If-None-Match heeded: %s", (conditionalPut) => {
  test("are what their manifests promise, also where the store loses them at first", async () => {
    // Every call of the clock takes 400 ms: uploads and their commits fall into different seconds.
    let clock = NOW;
    const ticking = (): number => (clock += 400);
    const store = new MemoryStore({ now, conditionalPut, losesRetention: (key) => key.startsWith(`${LOG}/`) });
    const archive = await newArchive(store);
    const all = portions(12);
    const commits = await archivePortions(await openWriter(archive, { now: ticking }), all, 4);
    for (const { manifest } of commits) {
      const { retention, segment, sealed, index } = manifest;
      // Seconds between upload and commit are not worth a request: the lock began with the upload.
      expect(Date.parse(retention.until) - Date.parse("2027-01-02T00:00:00.000Z")).toBeLessThanOrEqual(
        Math.ceil((Date.parse(sealed) - NOW) / 1000) * 1000,
      );
      const objects = [
        [`${LOG}/${segment?.key}`, segment?.versionId],
        [`${LOG}/manifests/${String(index).padStart(16, "0")}.ndjson`, null],
      ] as const;
      for (const [key, versionId] of objects) {
        const { retention: shown } = await store.lockState(key, { versionId });
        expect(coversRetention(shown, retention), `${key}: ${JSON.stringify(shown)} for ${JSON.stringify(retention)}`).toBe(true);
      }
    }
    const { findings } = await verifyArchive(store, { pinned: [OWNER.key], level: "locks", now: clock, threads: 1 });
    expect(findings).toEqual([]);
    expect(new Set(commits.map(({ manifest }) => manifest.retention.until)).size).toBeGreaterThan(5);
  });

  test("a segment whose lock was lost and can't be set is not uploaded", async () => {
    const losing = new MemoryStore({ now, conditionalPut, losesRetention: isSegment });
    const archive = await newArchive(losing);
    await commitLines(await openWriter(archive), HEADS);
    const [portion] = portions(1, { first: HEADS.length });
    if (portion === undefined) throw new Error("a portion");
    const refusal = { kind: "unpersisted", error: new Error("refused") } as const;
    const store = withFaults(losing, ({ call }) => (call === "extendRetention" ? refusal : null));
    const writer = await openWriter({ ...archive, store });
    await expect(writer.upload(seal(portion), portion.appends, portion.first)).rejects.toThrow("refused");
    // Once the store does as it is told, the same object is the segment.
    const again = await openWriter(archive);
    await archivePortions(again, [portion]);
    expect(await listAll(losing, `${LOG}/segments/`)).toHaveLength(2);
    expect(await wrongWith(archive)).toEqual([]);
  });
});
