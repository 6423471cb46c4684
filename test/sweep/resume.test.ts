import { expect, test } from "vitest";
import { type FaultPlan, withFaults } from "../../src/store/fault.ts";
import { behind, filled, segment, swept, TestState, versionOf } from "./fixture.ts";
import { LOG } from "../archive/fixture.ts";

const MANIFESTS = 3;
const ONE_AT_A_TIME = { connections: 1 } as const;

test("a sweep that is cut short at any call goes on from there: all is covered, nothing found is lost or told twice", async () => {
  const { archive, store } = await filled(MANIFESTS);
  store.corrupt(segment(2), await versionOf(store, segment(2)), (body) => body.map((byte, i) => (i === 20 ? byte ^ 1 : byte)));
  const counted = withFaults(store, () => null);
  {
    using memory = new TestState();
    await swept(behind(archive, counted), memory, ONE_AT_A_TIME);
  }
  const calls = counted.log.length;
  expect(calls).toBeGreaterThan(30);
  for (let cut = 0; cut < calls; cut++) {
    using memory = new TestState();
    const reads = new Map<string, number>();
    const aborted = new AbortController();
    const reason = new Error(`cut at call ${cut}`);
    const plan: FaultPlan = ({ index, call, key }) => {
      if (call === "get" && key.includes("/segments/")) reads.set(key, (reads.get(key) ?? 0) + 1);
      if (index !== cut) return null;
      aborted.abort(reason);
      return { kind: "unpersisted", error: reason };
    };
    const cutShort = swept(behind(archive, withFaults(store, plan)), memory, { ...ONE_AT_A_TIME, signal: aborted.signal });
    await expect(cutShort, `call ${cut}`).rejects.toThrow(reason.message);
    memory.reopen();
    const rest = withFaults(store, ({ call, key }) => {
      if (call === "get" && key.includes("/segments/")) reads.set(key, (reads.get(key) ?? 0) + 1);
      return null;
    });
    const result = await swept(behind(archive, rest), memory, ONE_AT_A_TIME);
    expect(result.complete, `call ${cut}`).toBe(true);
    expect(result.findings.map(({ code, index }) => `${code} ${index}`)).toEqual(["segment.altered 2"]);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(MANIFESTS);
    for (const round of ["locks", "content"] as const) expect(memory.state.lastPass(round, LOG, "1/1")).not.toBeNull();
    expect(memory.state.alarms(0, 100).map(({ alarm }) => alarm.kind)).toEqual(["finding.opened"]);
    const repeated = [...reads.values()].reduce((sum, n) => sum + n - 1, 0);
    expect(reads.size).toBe(MANIFESTS);
    expect(repeated, `reads repeated after call ${cut}`).toBeLessThanOrEqual(2);
  }
});

test("what is in flight at a stop signal is finished, remembered, and not read again", async () => {
  const { archive, store } = await filled(12);
  using memory = new TestState();
  const stop = new AbortController();
  const first = withFaults(store, () => null);
  const stopped = await swept(behind(archive, first), memory, {
    rounds: ["content"],
    connections: 2,
    stop: stop.signal,
    onProgress: ({ manifests }) => {
      if (manifests === 5) stop.abort();
    },
  });
  expect(stopped.complete).toBe(false);
  const second = withFaults(store, () => null);
  const rest = await swept(behind(archive, second), memory, { rounds: ["content"] });
  expect(rest.complete).toBe(true);
  const segments = [...first.log, ...second.log].filter(({ call, key }) => call === "get" && key.includes("/segments/"));
  expect(segments.map(({ key }) => key).sort()).toEqual(Array.from({ length: 12 }, (_, i) => segment(i)));
});
