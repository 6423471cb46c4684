import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Witness } from "../../../src/archive/anchor/witness.ts";
import { parseCosignerKey } from "../../../src/core/cosignature.ts";
import { parseNote } from "../../../src/core/note.ts";
import { LOG, LOG_ORIGIN, NOW } from "../fixture.ts";
import { AnchoredLog, LOG_VKEY } from "./anchored.ts";
import { TestWitness } from "./witness.ts";

let log: AnchoredLog;
let first: TestWitness;
let second: TestWitness;
beforeEach(async () => {
  log = await AnchoredLog.of(3);
  [first, second] = await Promise.all([
    TestWitness.start("witness.example/one", 11, log.now),
    TestWitness.start("witness.example/two", 12, log.now),
  ]);
  first.knows(LOG_VKEY);
  second.knows(LOG_VKEY);
});
afterEach(async () => {
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

const asked = (...witnesses: readonly TestWitness[]): { witnesses: Witness[]; quorum: number } => ({
  witnesses: witnesses.map(({ url, vkey }) => ({ url, key: parseCosignerKey(vkey) })),
  quorum: witnesses.length,
});
const keys = (...witnesses: readonly TestWitness[]): { witnesses: Witness["key"][]; quorum: number } => ({
  witnesses: asked(...witnesses).witnesses.map(({ key }) => key),
  quorum: witnesses.length,
});

describe("a log's head is cosigned", () => {
  test("by witnesses that have never seen it, and by consistency proofs as it grows", async () => {
    for (const size of [3, 4, 7, 8, 13, 16, 17]) {
      await log.grow(size - (await sizeNow()));
      const { outcomes, complete } = await log.anchor(asked(first, second));
      expect(outcomes.map(({ by, outcome }) => [by, outcome])).toEqual([
        ["witness.example/one", "anchored"],
        ["witness.example/two", "anchored"],
      ]);
      expect(complete).toBe(true);
      expect([first.latest(LOG_ORIGIN), second.latest(LOG_ORIGIN)]).toEqual([size, size]);
    }
    // Each witness was asked once for each head: what it knows stands in the anchor before.
    expect(first.requests).toHaveLength(7);
    expect(await log.anchors()).toHaveLength(7);
    const { codes, seen } = await log.check(keys(first, second), { scope: "all", locks: true });
    expect(codes).toEqual([]);
    expect(seen.newest).toMatchObject([{ kind: "witness", size: 17, pinned: true, by: [first.vkey, second.vkey] }]);
    expect(seen.notObservable).toEqual([]);
  });

  test("with the log's own signature beside the witnesses', as one note under its hash", async () => {
    await log.anchor(asked(first, second));
    const [key = ""] = await log.anchors();
    expect(key).toMatch(/^app\/anchors\/witness\/9007199254740988\.[0-9a-f]{16}\.note$/);
    const { body } = await log.store.get(key, { maxBytes: 10_000 });
    expect(parseNote(body).signatures.map(({ name }) => name)).toEqual([
      LOG_ORIGIN,
      "witness.example/one",
      "witness.example/two",
    ]);
    const { retention } = await log.store.lockState(key);
    expect(retention).toMatchObject({ mode: "COMPLIANCE" });
  });

  test("once: the same head is not asked for again", async () => {
    await log.anchor(asked(first));
    const { outcomes, complete } = await log.anchor(asked(first));
    expect(outcomes).toMatchObject([{ outcome: "already", object: null, time: "2026-01-02T00:00:03.000Z" }]);
    expect(complete).toBe(true);
    expect(first.requests).toHaveLength(1);
    expect(await log.anchors()).toHaveLength(1);
  });

  test("by a witness that knows more than we knew: it says its size, and gets its proof", async () => {
    await log.anchor(asked(first));
    await log.grow(2);
    // Of the anchor nothing is left: the witness has to say.
    for (const key of await log.anchors()) log.store.vanish(key, (await log.store.head(key))?.versionId ?? "");
    expect(await log.anchor(asked(first))).toMatchObject({ complete: true });
    expect(first.requests).toEqual(["old 0", "old 0", "old 3"].map((line) => `POST /prefix/add-checkpoint ${line}`));
  });

  test("by enough of the witnesses, and by the others later", async () => {
    second.instead = () => ({ status: 503, body: "busy\n" });
    const policy = { ...asked(first, second), quorum: 1 };
    expect(await log.anchor(policy)).toMatchObject({
      complete: true,
      outcomes: [{ outcome: "anchored" }, { outcome: "failed", error: { code: "anchor.failed" } }],
    });
    second.instead = null;
    expect(await log.anchor(policy)).toMatchObject({ outcomes: [{ outcome: "already" }, { outcome: "anchored" }] });
    const { codes, seen } = await log.check(keys(first, second));
    expect(codes).toEqual([]);
    expect(seen.newest).toMatchObject([{ by: expect.arrayContaining([first.vkey, second.vkey]) }]);
  });

  test("by too few: then nothing is stored, and all is asked again", async () => {
    second.instead = () => ({ status: 503 });
    const { outcomes, complete } = await log.anchor(asked(first, second));
    expect(complete).toBe(false);
    expect(outcomes).toMatchObject([
      { outcome: "failed", error: { code: "anchor.failed", message: expect.stringContaining("1 of the 2 witnesses") } },
      { outcome: "failed", error: { code: "anchor.failed" } },
    ]);
    expect(await log.anchors()).toEqual([]);
    second.instead = null;
    expect(await log.anchor(asked(first, second))).toMatchObject({ complete: true });
  });
});

describe("a witness refuses", () => {
  test("a log that was rewritten behind its back, and nothing is stored", async () => {
    await log.anchor(asked(first));
    for (const key of await log.anchors()) log.store.vanish(key, (await log.store.head(key))?.versionId ?? "");
    await log.cut(1);
    await log.grow(4, "other");
    const { outcomes } = await log.anchor(asked(first));
    expect(outcomes).toMatchObject([
      { outcome: "failed", error: { code: "log.unsound", message: expect.stringContaining("two histories") } },
    ]);
    expect(await log.anchors()).toEqual([]);
  });

  test("another tree of the same size", async () => {
    await log.anchor(asked(first));
    for (const key of await log.anchors()) log.store.vanish(key, (await log.store.head(key))?.versionId ?? "");
    await log.cut(1);
    await log.grow(2, "other");
    expect(await log.anchor(asked(first))).toMatchObject({ outcomes: [{ error: { code: "log.unsound" } }] });
  });

  test("a log that was cut off", async () => {
    await log.anchor(asked(first));
    for (const key of await log.anchors()) log.store.vanish(key, (await log.store.head(key))?.versionId ?? "");
    await log.cut(2);
    const { outcomes } = await log.anchor(asked(first));
    expect(outcomes).toMatchObject([{ error: { code: "log.unsound", message: expect.stringContaining("ends after 2") } }]);
  });

  test.each([
    ["a log it does not know", 404, /does not know the log audit\.example\/prod\/app/],
    ["a key it does not know", 403, /not the key that signed it/],
    ["for reasons of its own", 500, /it answered 500/],
    ["by sending elsewhere", 302, /it answered 302/],
  ])("%s", async (_what, status, message) => {
    first.instead = () => ({ status });
    await expect(log.anchor(asked(first))).resolves.toMatchObject({
      outcomes: [{ outcome: "failed", error: { code: "anchor.failed", message: expect.stringMatching(message) } }],
    });
  });

  test("really, one that was not told of the log", async () => {
    await using stranger = await TestWitness.start("witness.example/three", 13, log.now);
    expect(await log.anchor(asked(stranger))).toMatchObject({ outcomes: [{ error: { code: "anchor.failed" } }] });
  });
});

describe("a witness's answer is not taken", () => {
  test.each([
    ["of another key", () => second.cosign(textNow())],
    ["over another text", () => first.cosign(textNow().replace("\n3\n", "\n4\n"))],
    ["of a time to come", () => first.cosign(textNow(), NOW / 1000 + 3600)],
    ["with text before it", () => `hello\n\n${first.cosign(textNow())}`],
    ["without a line feed", () => first.cosign(textNow()).trimEnd()],
    ["with nothing in it", () => ""],
    ["that has no end", () => first.cosign(textNow()).repeat(1000)],
    [
      "changed in a letter",
      () => first.cosign(textNow()).replace(/(.{20})$/s, (end) => end.replace(/[a-z]/, (c) => (c === "q" ? "r" : "q"))),
    ],
  ])("%s", async (_what, answer) => {
    first.instead = (body) => {
      sent = body;
      return { status: 200, body: answer() };
    };
    const { outcomes } = await log.anchor(asked(first));
    expect(outcomes).toMatchObject([
      { outcome: "failed", error: { code: expect.stringMatching(/^(anchor\.failed|proof\.signature)$/) } },
    ]);
    expect(await log.anchors()).toEqual([]);
  });

  test.each([
    ["that names another size at every try", (tries: number) => `${tries % 3}\n`],
    ["that names no number", () => "three\n"],
    ["that names a number in another spelling", () => "03\n"],
  ])("%s", async (_what, size) => {
    let tries = 0;
    first.instead = () => ({ status: 409, type: "text/x.tlog.size", body: size(++tries) });
    expect(await log.anchor(asked(first))).toMatchObject({ outcomes: [{ error: { code: "anchor.failed" } }] });
    expect(tries).toBeLessThan(6);
  });
});

let sent = "";
/** The text of the checkpoint that was sent. */
function textNow(): string {
  return `${sent.slice(sent.indexOf("\n\n") + 2).split("\n\n")[0]}\n`;
}

async function sizeNow(): Promise<number> {
  let size = 0;
  for await (const { key } of log.store.versions(`${LOG}/manifests/`)) if (key !== "") size++;
  return size;
}
