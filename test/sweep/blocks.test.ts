import { beforeAll, describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { SteleError } from "../../src/core/error.ts";
import type { MemoryStore } from "../../src/store/memory/memory.ts";
import { withFaults } from "../../src/store/fault.ts";
import { mergeSweeps } from "../../src/sweep/merge.ts";
import { sweepAsJson, type SweepJson } from "../../src/sweep/sweep-json.ts";
import { formatShard } from "../../src/sweep/shard.ts";
import { LOG, NOW } from "../archive/fixture.ts";
import { answer, behind, fill, filled, manifest, segment, swept, TestState, told, versionOf } from "./fixture.ts";

const DAY = 86_400_000;

/** Four blocks, the last one not full, with something wrong in each. */
const MANIFESTS = 780;
let store: MemoryStore;
let archive: Archive;
const WRONG = [
  "new segment.altered 10",
  "new object.shadowed 300",
  "new object.delete-marker 520",
  "new segment.missing 700",
  "new lock.absent 779",
];
beforeAll(async () => {
  ({ store, archive } = await filled(MANIFESTS));
  store.corrupt(segment(10), await versionOf(store, segment(10)), (body) => body.map((byte, i) => (i === 20 ? byte ^ 1 : byte)));
  store.overwrite(segment(300), new Uint8Array(3));
  store.deleteObject(segment(520));
  store.vanish(segment(700), await versionOf(store, segment(700)));
  store.dropLock(manifest(779), await versionOf(store, manifest(779)));
});

test("all rounds find nothing on a clean archive, and say what was looked at", async () => {
  const { archive: clean } = await filled(3);
  using memory = new TestState();
  const result = await swept(clean, memory);
  expect(result).toMatchObject({ verdict: "sound", complete: true, findings: [] });
  expect(result.rounds.map(({ round, logs }) => [round, logs[0]?.checked, logs[0]?.complete])).toEqual([
    ["head", 3, true],
    ["locks", 3, true],
    ["content", 3, true],
  ]);
  expect(result.logs).toMatchObject([{ log: LOG, manifests: 3, entries: 3, bytes: 24, head: { size: 3 } }]);
});

describe("what is wrong somewhere in a log of many blocks", () => {
  test("is found, and with the entries that it affects", async () => {
    using memory = new TestState();
    const result = await swept(archive, memory);
    expect(result).toMatchObject({ verdict: "unsound", complete: true });
    expect(told(result).sort()).toEqual(WRONG.toSorted());
    const altered = result.findings.find(({ code }) => code === "segment.altered");
    expect(altered).toMatchObject({ object: segment(10), entries: { first: 10, end: 11 } });
    const again = await swept(archive, memory);
    expect(told(again).sort()).toEqual(WRONG.map((line) => line.replace("new", "open")).toSorted());
    expect(again.findings.every(({ seen }) => seen)).toBe(true);
  });

  test.each([2, 5])("is found alike by %i shards, merged", async (n) => {
    const parts: SweepJson[] = [];
    for (let i = 1; i <= n; i++) {
      using memory = new TestState();
      parts.push(sweepAsJson(await swept(archive, memory, { shard: { i, n } })));
    }
    const merged = mergeSweeps(parts);
    expect(merged.findings.map(({ standing, code, index }) => `${standing} ${code} ${index}`).sort()).toEqual(WRONG.toSorted());
    expect(merged).toMatchObject({ ok: false, verdict: "unsound", complete: true });
    for (const { logs } of merged.rounds) expect(logs).toMatchObject([{ log: LOG, checked: MANIFESTS, complete: true }]);
    expect(merged.shard).toBe(parts.map((_, i) => formatShard({ i: i + 1, n })).join(","));
  });

  test("counts until it is gone, also for sweeps that do not look there", async () => {
    using memory = new TestState();
    await swept(archive, memory);
    const head = await swept(archive, memory, { rounds: ["head"] });
    expect(head.verdict).toBe("unsound");
    expect(head.findings.map(({ standing, seen }) => [standing, seen])).toEqual(WRONG.map(() => ["open", false]));
    for (const { id } of head.findings) answer(memory, id);
    const answered = await swept(archive, memory, { rounds: ["head"] });
    expect(answered).toMatchObject({ verdict: "sound" });
    expect(answered.findings).toHaveLength(WRONG.length);
  });
});

describe("a budget", () => {
  test("of bytes ends the content round early, and sweep after sweep all is read once", async () => {
    const { archive: clean, store: inner } = await filled(40);
    using memory = new TestState();
    const reads = new Map<string, number>();
    const counting = withFaults(inner, ({ call, key }) => {
      if (call === "get" && key.includes("/segments/")) reads.set(key, (reads.get(key) ?? 0) + 1);
      return null;
    });
    let sweeps = 0;
    for (let through = false; !through; sweeps++) {
      const result = await swept(behind(clean, counting), memory, {
        rounds: ["content"],
        budget: { bytes: 2000 },
        connections: 1,
      });
      through = result.complete;
      if (!through) expect(result.rounds[0]?.logs[0]?.why).toMatch(/^\d+ of 40 manifests are done; /);
      expect(result.verdict).toBe("sound");
      expect(sweeps).toBeLessThan(40);
    }
    expect(sweeps).toBeGreaterThan(1);
    expect([...reads.values()]).toEqual(Array.from({ length: 40 }, () => 1));
  });

  test("of requests binds the locks round, and not the head round", async () => {
    const { archive: clean } = await filled(20);
    using memory = new TestState();
    const result = await swept(clean, memory, { budget: { requests: 1 }, connections: 1 });
    expect(result.rounds.map(({ logs }) => logs[0]?.complete)).toEqual([true, false, false]);
    expect(result.complete).toBe(false);
  });

  test("however small, lets each sweep get on", async () => {
    const { archive: clean } = await filled(3);
    using memory = new TestState();
    for (let i = 0; i < 3; i++) await swept(clean, memory, { rounds: ["content"], budget: { bytes: 1 }, connections: 1 });
    expect(memory.state.lastPass("content", LOG, "1/1")).not.toBeNull();
  });

  test("auto reads what is due, so that all is read again in time", async () => {
    const { archive: clean } = await filled(27);
    using memory = new TestState();
    const read: number[] = [];
    for (let day = 0; day <= 27; day++) {
      memory.now = NOW + day * DAY;
      const result = await swept(clean, memory, {
        rounds: ["content"],
        budget: { bytes: "auto" },
        contentDays: 30,
        connections: 1,
      });
      read.push(result.rounds[0]?.logs[0]?.checked ?? 0);
      if (day === 5) expect(result.rounds[0]?.logs[0]?.why).toContain("at this pace all will be by 2026-01-29");
    }
    expect(Math.max(...read)).toBeLessThanOrEqual(3);
    expect(read.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(27);
    expect(memory.state.lastPass("content", LOG, "1/1")).not.toBeNull();
  });

  test("auto begins no pass before it is due", async () => {
    const { archive: clean } = await filled(1);
    using memory = new TestState();
    const auto = { rounds: ["content"], budget: { bytes: "auto" }, contentDays: 30 } as const;
    const days: number[] = [];
    for (let day = 0; day < 60; day++) {
      memory.now = NOW + day * DAY;
      const { complete, rounds } = await swept(clean, memory, auto);
      expect(complete).toBe(true);
      if (rounds[0]?.logs[0]?.checked === 1) days.push(day);
    }
    expect(days).toEqual([0, 27, 54]);
  });

  test("goes first to the log whose going through began longest ago", async () => {
    const { archive: clean } = await filled(5);
    await fill(clean, 5, { log: "early" });
    using memory = new TestState();
    const once = { rounds: ["content"], budget: { bytes: 1 }, connections: 1 } as const;
    const looked = async (): Promise<string[]> => {
      const result = await swept(clean, memory, once);
      memory.now += 1000;
      return result.rounds.flatMap(({ logs }) => logs.filter(({ checked }) => checked > 0).map(({ log }) => log));
    };
    expect(await looked()).toEqual([LOG]);
    expect(await looked()).toEqual(["early"]);
    expect(await looked()).toEqual([LOG]);
  });
});

describe("what can't be read", () => {
  const denied = (key: string, when: () => boolean) => (call: { readonly call: string; readonly key: string }) =>
    when() && call.call === "get" && call.key === key
      ? ({ kind: "unpersisted", error: new SteleError("store.denied", "no permission") } as const)
      : null;

  test("is neither sound nor tampered with, and closes nothing; it is asked for again before the next pass", async () => {
    const { archive: clean, store: inner } = await filled(300);
    inner.corrupt(segment(3), await versionOf(inner, segment(3)), (body) => body.map((byte, i) => (i === 20 ? byte ^ 1 : byte)));
    using memory = new TestState();
    const content = { rounds: ["content"] } as const;
    expect(told(await swept(clean, memory, content))).toEqual(["new segment.altered 3"]);
    inner.corrupt(segment(3), await versionOf(inner, segment(3)), (body) => body.map((byte, i) => (i === 20 ? byte ^ 1 : byte)));
    let down = true;
    const behindFaults = behind(
      clean,
      withFaults(
        inner,
        denied(segment(5), () => down),
      ),
    );
    // The first is whole again, but another of its block can't be read: nothing of the block is closed.
    const unclear = await swept(behindFaults, memory, content);
    expect(told(unclear)).toEqual(["new segment.unreadable 5", "open segment.altered 3"]);
    expect(unclear.complete).toBe(false);
    down = false;
    // A budget that ends the pass at once: the block that was not read comes first.
    const after = await swept(behindFaults, memory, content);
    expect(told(after).sort()).toEqual(["gone segment.altered 3", "gone segment.unreadable 5"]);
    expect(after.verdict).toBe("sound");
  });

  test("in a block that the pass has left behind is looked at again by the next sweep", async () => {
    const { archive: clean, store: inner } = await filled(300);
    using memory = new TestState();
    let down = true;
    const reached = behind(
      clean,
      withFaults(
        inner,
        denied(segment(5), () => down),
      ),
    );
    const stop = new AbortController();
    const first = await swept(reached, memory, {
      rounds: ["content"],
      connections: 1,
      stop: stop.signal,
      onProgress: ({ manifests }) => {
        if (manifests === 260) stop.abort();
      },
    });
    expect(first).toMatchObject({ verdict: "unknown", complete: false });
    down = false;
    const second = await swept(reached, memory, { rounds: ["content"] });
    expect(told(second)).toEqual(["gone segment.unreadable 5"]);
    expect(second.verdict).toBe("sound");
  });
});

test("a shard that could not open a log, and is not the one that looks at it as a whole, says when it can", async () => {
  const { archive: clean, store: inner } = await filled(3);
  for (const i of [1, 2]) {
    using memory = new TestState();
    let down = true;
    const reached = behind(
      clean,
      withFaults(inner, ({ call, key }) =>
        down && call === "versions" && key.startsWith(LOG) ? { kind: "answer", status: 503 } : null,
      ),
    );
    const shard = { i, n: 2 };
    const failed = await swept(reached, memory, { rounds: ["locks"], shard, logs: [LOG] });
    expect(failed).toMatchObject({ verdict: "unknown", complete: false });
    down = false;
    const after = await swept(reached, memory, { rounds: ["locks"], shard });
    expect(after).toMatchObject({ verdict: "sound", complete: true });
    expect(after.findings.every(({ standing }) => standing === "gone")).toBe(true);
  }
});

test("a policy is held against the locks that the round reads anyway", async () => {
  const { archive: clean } = await filled(2);
  using memory = new TestState();
  const plain = await swept(clean, memory, { rounds: ["locks"] });
  const policy = { mode: "COMPLIANCE", minimumLeft: 400 * DAY } as const;
  const strict = await swept(clean, memory, { rounds: ["locks"], policy });
  expect(told(strict)).toEqual(["new lock.short 0", "new lock.short 0", "new lock.short 1", "new lock.short 1"]);
  expect(strict.cost).toEqual(plain.cost);
  expect((await swept(clean, memory, { rounds: ["locks"], policy: { minimumLeft: 300 * DAY } })).verdict).toBe("sound");
});
