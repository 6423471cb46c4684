import { describe, expect, test } from "vitest";
import { formatSteleProof, parseSteleProof, verifySteleProof } from "../../src/core/stele-proof.ts";
import { fromUtf8 } from "../../src/core/bytes.ts";
import { withFaults } from "../../src/store/fault.ts";
import { type Alarm, alarmId } from "../../src/sweep/alarm.ts";
import type { EntryObserver, MetManifest, Observation } from "../../src/sweep/observer.ts";
import { LOG, OWNER } from "../archive/fixture.ts";
import { answer, behind, fill, filled, manifest, segment, swept, TestState, versionOf } from "./fixture.ts";

const HEAD = { rounds: ["head"] } as const;

/** Counts entries in its notes, and makes an alarm of each. */
class Counter implements EntryObserver {
  readonly name = "counter";
  readonly met: number[] = [];
  idled = 0;
  readonly #fails: (index: number) => boolean;

  constructor(fails: (index: number) => boolean = () => false) {
    this.#fails = fails;
  }

  wants(log: string): boolean {
    return log === LOG;
  }

  async observe(met: MetManifest, notes: string | null): Promise<Observation> {
    const { index, entries } = met.commit.manifest;
    this.met.push(index);
    if (this.#fails(index)) throw new Error(`failed at ${index}`);
    const alarms: Alarm[] = [];
    for (let at = entries.first; at < entries.first + entries.count; at++) {
      const proof = formatSteleProof(await met.prove(at));
      const text = fromUtf8(parseSteleProof(proof).entry);
      alarms.push(alarmOf(met, at, text, fromUtf8(proof)));
    }
    return { alarms, notes: String(Number(notes ?? "0") + entries.count) };
  }

  async idle(): Promise<Observation> {
    this.idled++;
    return { alarms: [] };
  }
}

function alarmOf({ origin, log, commit }: MetManifest, index: number, text: string, proof: string): Alarm {
  const { sealed } = commit.manifest;
  return {
    id: alarmId("event.matched", "counter", String(index)),
    kind: "event.matched",
    severity: "warning",
    at: sealed,
    origin,
    log: log.name,
    title: "met",
    message: "met",
    subject: "counter",
    event: { rule: "counter", index, arrived: sealed, source: "test", text, proof },
  };
}

function indexes(memory: TestState): (number | undefined)[] {
  return memory.state.alarms(0, 1000).map(({ alarm }) => alarm.event?.index);
}

test("each entry is met once, in order, with a proof that holds offline", async () => {
  const { archive } = await filled(9);
  using memory = new TestState();
  const observer = new Counter();
  await swept(archive, memory, { ...HEAD, observers: [observer] });
  await fill(archive, 3);
  await swept(archive, memory, { ...HEAD, observers: [observer] });
  expect(observer.met).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(observer.idled).toBe(2);
  expect(memory.state.notes("counter", LOG)).toBe("12");
  expect(indexes(memory)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  const keys = [OWNER.rename(`${archive.origin}/${LOG}`).key];
  for (const { alarm } of memory.state.alarms(0, 1000)) {
    const proof = parseSteleProof(new Uint8Array(Buffer.from(alarm.event?.proof ?? "")));
    expect(verifySteleProof(proof, keys)).toMatchObject({ index: alarm.event?.index });
  }
});

test("an observer that fails meets that manifest again: nothing is told twice, and nobody takes it for having seen all", async () => {
  const { archive } = await filled(6);
  await fill(archive, 1, { log: "other" });
  using memory = new TestState();
  const failed = await swept(archive, memory, { ...HEAD, observers: [new Counter((index) => index === 4)] });
  expect(failed).toMatchObject({ verdict: "unknown", complete: false });
  expect(failed.findings).toMatchObject([{ code: "segment.unreadable", index: 4, entries: { first: 4, end: 5 } }]);
  expect(failed.findings[0]?.message).toContain("failed at 4");
  expect(indexes(memory).filter((index) => index !== undefined)).toEqual([0, 1, 2, 3]);
  expect(memory.state.log(LOG)?.checkpoint.size).toBe(4);
  expect(memory.state.log("other")?.checkpoint.size).toBe(1);
  memory.reopen();
  const again = new Counter();
  expect((await swept(archive, memory, { ...HEAD, observers: [again] })).verdict).toBe("sound");
  expect(again.met).toEqual([4, 5]);
  expect(indexes(memory).filter((index) => index !== undefined)).toEqual([0, 1, 2, 3, 4, 5]);
});

describe("entries that are not to be had", () => {
  test("now are waited for: the head stays before them", async () => {
    const { archive, store } = await filled(5);
    using memory = new TestState();
    const observer = new Counter();
    const denied = withFaults(store, ({ call, key }) =>
      call === "get" && key === segment(2) ? { kind: "answer", status: 503 } : null,
    );
    const result = await swept(behind(archive, denied), memory, { ...HEAD, observers: [observer] });
    expect(result.verdict).toBe("unknown");
    expect(result.findings.map(({ code, index }) => [code, index])).toEqual([["segment.unreadable", 2]]);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(2);
    const after = await swept(archive, memory, { ...HEAD, observers: [observer] });
    expect(after.verdict).toBe("sound");
    expect(observer.met).toEqual([0, 1, 2, 3, 4]);
  });

  test("any more are a finding, and are not waited for", async () => {
    const { archive, store } = await filled(5);
    store.corrupt(segment(2), await versionOf(store, segment(2)), (body) => body.slice(1));
    store.vanish(segment(3), await versionOf(store, segment(3)));
    using memory = new TestState();
    const observer = new Counter();
    const result = await swept(archive, memory, { ...HEAD, observers: [observer] });
    expect(result.findings.map(({ code, index }) => `${code} ${index}`).sort()).toEqual([
      "segment.altered 2",
      "segment.missing 3",
    ]);
    expect(observer.met).toEqual([0, 1, 4]);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(5);
  });
});

test("behind a gap entries are met once someone answers for it", async () => {
  const { archive, store } = await filled(4);
  store.vanish(manifest(1), await versionOf(store, manifest(1)));
  using memory = new TestState();
  const observer = new Counter();
  const result = await swept(archive, memory, { ...HEAD, observers: [observer] });
  expect(observer.met).toEqual([0]);
  for (const { id } of result.findings) answer(memory, id);
  await swept(archive, memory, { ...HEAD, observers: [observer] });
  expect(observer.met).toEqual([0, 2, 3]);
});
