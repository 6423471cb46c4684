import { expect, test } from "vitest";
import { finding } from "../../src/archive/finding.ts";
import { withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { parseSweepEntry } from "../../src/sweep/report.ts";
import { utf8 } from "../../src/core/bytes.ts";
import { commitLines, LOG, newArchive, NOW, openWriter } from "../archive/fixture.ts";
import { behind, fill, filled, manifest, segment, swept, TestState, told, versionOf } from "./fixture.ts";

const HEAD = { rounds: ["head"] } as const;

test("a second history that goes on beyond the block of the head stays a finding, whatever round looks there", async () => {
  const { archive } = await filled(3);
  using memory = new TestState();
  await swept(archive, memory);
  const other = await newArchive(new MemoryStore({ now: () => NOW }));
  await commitLines(await openWriter(other), ["another"]);
  await fill(other, 299);
  const all = await swept(other, memory);
  expect(all.verdict).toBe("unsound");
  expect(told(all)).toContain("new checkpoint.inconsistent 2");
  const again = await swept(other, memory);
  expect(told(again)).toEqual(["open checkpoint.inconsistent 2"]);
  expect(memory.state.alarms(0, 100).map(({ alarm }) => alarm.kind)).toEqual(["finding.opened"]);
});

test("a second history within one block is one finding", async () => {
  const { archive } = await filled(3);
  using memory = new TestState();
  await swept(archive, memory);
  const other = await newArchive(new MemoryStore({ now: () => NOW }));
  await commitLines(await openWriter(other), ["another"]);
  await fill(other, 4);
  for (let i = 0; i < 3; i++) expect((await swept(other, memory)).verdict).toBe("unsound");
  expect(memory.state.alarms(0, 100).map(({ alarm }) => alarm.kind)).not.toContain("finding.cleared");
});

test("the report of the last of very many shards can be read", async () => {
  const { archive } = await filled(1);
  using memory = new TestState();
  await swept(archive, memory, { shard: { i: 10_000, n: 10_000 } });
  for (const { line } of memory.state.reports.pending()) parseSweepEntry(utf8(line));
});

test("a checkpoint that did not hold is not forgotten because it is not given again", async () => {
  const { archive, store } = await filled(5);
  using elsewhere = new TestState();
  await swept(archive, elsewhere, HEAD);
  const kept = elsewhere.state.log(LOG)?.checkpoint;
  for (const index of [3, 4]) store.vanish(manifest(index), await versionOf(store, manifest(index)));
  using memory = new TestState();
  const first = await swept(archive, memory, { ...HEAD, checkpoints: kept === undefined ? [] : [kept] });
  expect(told(first)).toContain("new log.truncated null");
  const second = await swept(archive, memory, HEAD);
  expect(second.verdict).toBe("unsound");
});

test("a checkpoint that holds again is not held against the log for ever", async () => {
  const { archive, store } = await filled(5);
  using elsewhere = new TestState();
  await swept(archive, elsewhere, HEAD);
  const kept = elsewhere.state.log(LOG)?.checkpoint;
  using memory = new TestState();
  const given = kept === undefined ? [] : [kept];
  await swept(archive, memory, { ...HEAD, checkpoints: given });
  expect(memory.state.keepCheckpoints([])).toEqual([]);
  const away = withFaults(store, ({ key }) => (key.startsWith(`${LOG}/`) ? { kind: "answer", status: 403 } : null));
  await swept(behind(archive, away), memory, { ...HEAD, checkpoints: given });
  expect(memory.state.keepCheckpoints([])).toHaveLength(1);
  expect((await swept(archive, memory, HEAD)).verdict).toBe("sound");
  expect(memory.state.keepCheckpoints([])).toEqual([]);
});

test("a chain that a segment's entries do not lead to is not gone because nobody read them", () => {
  using memory = new TestState();
  const { state } = memory;
  const broken = finding("chain.broken", LOG, "the entries do not lead to the chain", { object: segment(5), index: 5 });
  state.settle("head", { log: LOG, block: null }, [broken], true);
  const pass = state.beginPass("locks", LOG, "1/1");
  state.finishBlock(pass, 0, [], true);
  expect(state.ledger.open()).toHaveLength(1);
  state.finishBlock(state.beginPass("content", LOG, "1/1"), 0, [], true);
  expect(state.ledger.open()).toEqual([]);
});

test("an anchor that is bad is not gone because a newer one is good", () => {
  using memory = new TestState();
  const { state } = memory;
  const bad = finding("anchor.bad", LOG, "it does not hold", { object: `${LOG}/anchors/timestamp/0000000000000005.tsr` });
  const whole = { log: LOG, block: null };
  state.settle("head", whole, [bad, finding("log.silent", LOG, "silent")], true);
  state.settle("head", whole, [], true);
  expect(state.ledger.open().map(({ code }) => code)).toEqual(["anchor.bad"]);
  state.settle("locks", whole, [bad], true);
  state.settle("head", whole, [], true);
  expect(state.ledger.open()).toHaveLength(1);
  state.settle("content", whole, [], true);
  expect(state.ledger.open()).toEqual([]);
});

test("a log that was cut back behind a pass is not through because nothing is left to look at", async () => {
  const { archive, store } = await filled(300);
  using memory = new TestState();
  await swept(archive, memory, HEAD);
  memory.state.finishBlock(memory.state.beginPass("content", LOG, "1/1"), 0, [], true);
  for (let i = 200; i < 300; i++) store.vanish(manifest(i), await versionOf(store, manifest(i)));
  const result = await swept(archive, memory, { rounds: ["content"] });
  expect(result).toMatchObject({ verdict: "unsound", complete: false });
  expect(told(result)).toContain("new log.truncated null");
});
