import { describe, expect, test } from "vitest";
import { LogWriter } from "../../src/archive/log-writer.ts";
import { timestamp } from "../../src/core/time.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { requestsOf } from "../../src/sweep/cost.ts";
import { commitLines, LOG, newArchive, NOW, openWriter, OWNER, SUCCESSOR } from "../archive/fixture.ts";
import { answer, fill, filled, manifest, swept, TestState, told, versionOf } from "./fixture.ts";

const HEAD = { rounds: ["head"] } as const;

test("what was seen is remembered, and what comes after is all that is looked at", async () => {
  const { archive } = await filled(5);
  using memory = new TestState();
  const first = await swept(archive, memory, HEAD);
  expect(first).toMatchObject({ verdict: "sound", complete: true, findings: [] });
  expect(first.rounds[0]?.logs).toMatchObject([{ log: LOG, manifests: { first: 0, end: 5 }, checked: 5, complete: true }]);
  expect(memory.state.log(LOG)?.checkpoint.size).toBe(5);
  await fill(archive, 2);
  const second = await swept(archive, memory, HEAD);
  expect(second.rounds[0]?.logs).toMatchObject([{ manifests: { first: 5, end: 7 }, checked: 2 }]);
  expect(second.logs).toMatchObject([{ log: LOG, manifests: 2, head: { size: 7 }, keyPinned: true }]);
});

test("only the first sweep can't know whether something was cut off before it", async () => {
  const { archive } = await filled(1);
  using memory = new TestState();
  expect((await swept(archive, memory, HEAD)).notObservable.join("\n")).toMatch(
    /a tail that was cut off before this sweep.*\(app\)/,
  );
  expect((await swept(archive, memory, HEAD)).notObservable.join("\n")).not.toContain("cut off");
});

test("requests do not grow with the log", async () => {
  const { archive } = await filled(0);
  using memory = new TestState();
  const requests: number[] = [];
  let size = 0;
  for (const next of [10, 300, 2000]) {
    await fill(archive, next - size);
    size = next;
    await swept(archive, memory, HEAD);
    const again = await swept(archive, memory, HEAD);
    expect(again.rounds[0]?.logs).toMatchObject([{ checked: 0, complete: true, head: { checkpoint: { size } } }]);
    requests.push(requestsOf(again.cost));
  }
  // The listing jumps over one folder more where there are hash tiles.
  const [small = 0, medium = 0, large = 0] = requests;
  expect(medium).toBe(large);
  expect(medium - small).toBe(1);
  expect(large).toBeLessThan(20);
});

describe("behind what was seen", () => {
  test("a tail that was cut off is log.truncated, until the log is whole again", async () => {
    const { store, archive } = await filled(4);
    using memory = new TestState();
    await swept(archive, memory, HEAD);
    const key = manifest(3);
    const body = (await store.get(key, { maxBytes: 1e6 })).body;
    store.vanish(key, await versionOf(store, key));
    const cut = await swept(archive, memory, HEAD);
    expect(cut.verdict).toBe("unsound");
    expect(told(cut)).toEqual(["new log.truncated null"]);
    expect(cut.findings[0]).toMatchObject({ expected: "4 manifests", actual: "3 manifests" });
    expect(told(await swept(archive, memory, HEAD))).toEqual(["open log.truncated null"]);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(4);
    store.overwrite(key, body);
    expect(told(await swept(archive, memory, HEAD))).toEqual(["gone log.truncated null"]);
  });

  test("a log of which nothing is left is log.missing", async () => {
    const { archive } = await filled(2);
    using memory = new TestState();
    await swept(archive, memory, HEAD);
    const empty = await newArchive(new MemoryStore({ now: () => NOW }));
    const gone = await swept(empty, memory, HEAD);
    expect(gone.verdict).toBe("unsound");
    expect(told(gone)).toEqual(["new log.missing null"]);
    expect(gone.findings[0]).toMatchObject({ log: LOG, expected: "2 manifests" });
  });

  test("another history of the same length is checkpoint.inconsistent, and is not taken for the log's own", async () => {
    const { archive } = await filled(3);
    using memory = new TestState();
    await swept(archive, memory, HEAD);
    const seen = memory.state.log(LOG)?.checkpoint.root;
    const other = await newArchive(new MemoryStore({ now: () => NOW }));
    await commitLines(await openWriter(other), ["another"]);
    await fill(other, 4);
    const result = await swept(other, memory, HEAD);
    expect(result.verdict).toBe("unsound");
    expect(told(result)).toContain("new checkpoint.inconsistent 2");
    expect(memory.state.log(LOG)?.checkpoint.root).toEqual(seen);
  });

  test("a rewritten log that someone answers for is the log from then on", async () => {
    const { archive } = await filled(3);
    using memory = new TestState();
    await swept(archive, memory, HEAD);
    const other = await newArchive(new MemoryStore({ now: () => NOW }));
    await commitLines(await openWriter(other), ["another"]);
    await fill(other, 4);
    const { findings } = await swept(other, memory, HEAD);
    const found = findings.find(({ code }) => code === "checkpoint.inconsistent");
    answer(memory, found?.id ?? "");
    await swept(other, memory, HEAD);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(5);
  });
});

describe("in what came since", () => {
  test("the head does not step over a gap before someone answers for it", async () => {
    const { store, archive } = await filled(2);
    using memory = new TestState();
    await swept(archive, memory, HEAD);
    await fill(archive, 4);
    store.vanish(manifest(3), await versionOf(store, manifest(3)));
    const result = await swept(archive, memory, HEAD);
    expect(told(result)).toContain("new manifest.missing 3");
    expect(result.complete).toBe(false);
    expect(result.rounds[0]?.logs[0]?.why).toContain("manifest.missing at manifest 3");
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(3);
    expect(told(await swept(archive, memory, HEAD))).toContain("open manifest.missing 3");
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(3);
    for (const { id, severity } of memory.state.ledger.open()) {
      if (severity === "critical") answer(memory, id);
    }
    await swept(archive, memory, HEAD);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(6);
  });

  test("what was put behind the head by someone without the key is told, and is no head", async () => {
    const { store, archive } = await filled(2);
    using memory = new TestState();
    await swept(archive, memory, HEAD);
    store.overwrite(manifest(2), new Uint8Array(Buffer.from("junk\n")));
    const result = await swept(archive, memory, HEAD);
    expect(told(result)).toEqual(["new manifest.altered 2"]);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(2);
    // The writer goes around it: then it is only in the way.
    await fill(archive, 1);
    const around = await swept(archive, memory, HEAD);
    expect(told(around)).toEqual(["new object.stray 2", "gone manifest.altered 2"]);
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(3);
  });

  test("a rotation of keys is followed, also where it was the last thing seen", async () => {
    const { archive } = await filled(1);
    using memory = new TestState();
    const writer = await openWriter(archive);
    await writer.rotate(SUCCESSOR);
    await swept(archive, memory, HEAD);
    expect(memory.state.log(LOG)?.keys.map(({ vkey }) => vkey)).toEqual([SUCCESSOR.rename(`${archive.origin}/${LOG}`).key.vkey]);
    await commitLines(writer, ["after"]);
    const result = await swept(archive, memory, HEAD);
    expect(result).toMatchObject({ verdict: "sound", complete: true });
    expect(memory.state.log(LOG)?.checkpoint.size).toBe(3);
  });
});

test("a log that promised its next manifest and does not bring it is silent, until it speaks again", async () => {
  const store = new MemoryStore({ now: () => NOW });
  const archive = await newArchive(store);
  using memory = new TestState();
  const options = { signer: OWNER, writerId: "test", now: () => memory.now, heartbeatMillis: 60_000 };
  const writer = await LogWriter.open(archive, LOG, options);
  await commitLines(writer, ["one"]);
  memory.now += 60_000 + 299_000;
  expect((await swept(archive, memory, HEAD)).verdict).toBe("sound");
  memory.now += 2000;
  const silent = await swept(archive, memory, HEAD);
  expect(told(silent)).toEqual(["new log.silent null"]);
  expect(told(await swept(archive, memory, { ...HEAD, graceMillis: 3_600_000 }))).toEqual(["gone log.silent null"]);
  await swept(archive, memory, HEAD);
  await commitLines(writer, ["two"], { time: timestamp(memory.now) });
  expect(told(await swept(archive, memory, HEAD))).toEqual(["gone log.silent null"]);
});

test("a log that was asked for and is not there is looked for by later sweeps as well, until it is", async () => {
  const { archive } = await filled(1);
  using memory = new TestState();
  expect(told(await swept(archive, memory, { ...HEAD, logs: ["late"] }))).toEqual(["new log.missing null"]);
  expect(told(await swept(archive, memory, HEAD))).toEqual(["open log.missing null"]);
  await fill(archive, 1, { log: "late" });
  expect(await swept(archive, memory, HEAD)).toMatchObject({ verdict: "sound", findings: [{ standing: "gone" }] });
});

test("an archive without logs is not sound, unless that is as it should be", async () => {
  const archive = await newArchive(new MemoryStore({ now: () => NOW }));
  using memory = new TestState();
  const result = await swept(archive, memory);
  expect(result.verdict).toBe("unsound");
  expect(told(result)).toEqual(["new log.missing null"]);
  expect(await swept(archive, memory, { allowEmpty: true })).toMatchObject({ verdict: "sound" });
});

describe("a checkpoint that is given", () => {
  test("of another history, or of more than there is, is told", async () => {
    const { archive } = await filled(4);
    const other = await filled(0);
    const writer = await openWriter(other.archive);
    const early = await commitLines(writer, ["another"]);
    await fill(other.archive, 5);
    const late = (await openWriter(other.archive)).head;
    using memory = new TestState();
    for (let i = 0; i < 2; i++) {
      const inconsistent = await swept(archive, memory, { ...HEAD, checkpoints: [early.checkpoint] });
      expect(told(inconsistent).join()).toContain("checkpoint.inconsistent 0");
      const cut = await swept(archive, memory, { ...HEAD, checkpoints: late === null ? [] : [late.checkpoint] });
      expect(told(cut).join()).toContain("log.truncated null");
    }
  });

  test("of the log's own past is nothing to be told", async () => {
    const { archive } = await filled(2);
    const { head } = await openWriter(archive);
    await fill(archive, 3);
    using memory = new TestState();
    for (let i = 0; i < 2; i++) {
      expect(await swept(archive, memory, { ...HEAD, checkpoints: head === null ? [] : [head.checkpoint] })).toMatchObject({
        verdict: "sound",
        findings: [],
      });
    }
  });
});

describe("a log with a description and no manifest", () => {
  const description = `other/log.json`;

  test("has just begun while its description is fresh, and is log.missing later", async () => {
    const { store, archive } = await filled(1);
    using memory = new TestState();
    await swept(archive, memory, HEAD);
    await store.putIfAbsent(description, new TextEncoder().encode("{}"), { retention: null });
    const fresh = await swept(archive, memory, HEAD);
    expect(fresh.verdict).toBe("sound");
    expect(fresh.notObservable.join("\n")).toContain("log other: it was begun just now");
    memory.now += 3_600_000;
    const later = await swept(archive, memory, HEAD);
    expect(later.findings).toMatchObject([{ code: "log.missing", log: "other" }]);
  });

  test("is log.missing at once where it is all that there is", async () => {
    const { store, archive } = await filled(0);
    using memory = new TestState();
    await store.putIfAbsent(description, new TextEncoder().encode("{}"), { retention: null });
    expect((await swept(archive, memory, HEAD)).verdict).toBe("unsound");
  });
});
