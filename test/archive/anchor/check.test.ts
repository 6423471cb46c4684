import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anchorLog } from "../../../src/archive/anchor/anchor-log.ts";
import { type AnchorPolicy, NO_POLICY } from "../../../src/archive/anchor/anchoring.ts";
import { parseCertificates } from "../../../src/archive/anchor/certificates.ts";
import { anchorId } from "../../../src/archive/anchor/places.ts";
import { parseStamped } from "../../../src/archive/anchor/stamped-checkpoint.ts";
import type { Witness } from "../../../src/archive/anchor/witness.ts";
import { verifyArchive, type VerifyReport } from "../../../src/archive/verify/verify.ts";
import { parseCosignerKey } from "../../../src/core/cosignature.ts";
import { encodeCheckpoint } from "../../../src/core/checkpoint.ts";
import { SteleError } from "../../../src/core/error.ts";
import { renameVerifierKey } from "../../../src/core/key.ts";
import { anchorKey } from "../../../src/core/layout.ts";
import { parsePeriod } from "../../../src/core/retention.ts";
import { createDirectoryStore } from "../../../src/store/directory/directory.ts";
import { faultAt, withFaults } from "../../../src/store/fault.ts";
import { MemoryStore } from "../../../src/store/memory/memory.ts";
import type { Store } from "../../../src/store/port.ts";
import { flipBit } from "../../core/mutations.ts";
import { listAll, LOG, LOG_ORIGIN, NOW, openWriter, OWNER, SUCCESSOR } from "../fixture.ts";
import { temporaryFolder } from "../log/logs.ts";
import { AnchoredLog, LOG_VKEY, NOBODY } from "./anchored.ts";
import { TestAuthority } from "./authority.ts";
import { TestWitness } from "./witness.ts";

let clock = NOW;
let witness: TestWitness;
let authority: TestAuthority;
beforeAll(async () => {
  witness = await TestWitness.start("witness.example/one", 11, () => clock);
  authority = await TestAuthority.start();
});
afterAll(async () => {
  await witness[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
});

/** A witness's word without its memory: what is stored is what is tested here. */
async function forgetful(): Promise<{ witnesses: Witness[]; quorum: number }> {
  await witness[Symbol.asyncDispose]();
  witness = await TestWitness.start("witness.example/one", 11, () => clock);
  witness.knows(LOG_VKEY);
  return { witnesses: [{ url: witness.url, key: parseCosignerKey(witness.vkey) }], quorum: 1 };
}
const byWitness = (): Partial<AnchorPolicy> => ({ witnesses: [parseCosignerKey(witness.vkey)], quorum: 1 });

async function cosignedLog(size: number): Promise<AnchoredLog> {
  const log = await AnchoredLog.of(size);
  clock = log.now();
  expect(await log.anchor(await forgetful())).toMatchObject({ complete: true });
  return log;
}

async function body(store: Store, key: string): Promise<Uint8Array> {
  return (await store.get(key, { maxBytes: 1_000_000 })).body;
}

describe("the newest anchor", () => {
  test("of a log that grew on is one of its past", async () => {
    const log = await cosignedLog(5);
    await log.grow(6);
    expect(await log.check(byWitness())).toMatchObject({ codes: [], seen: { newest: [{ size: 5, pinned: true }] } });
  });

  test("shows that the log was cut off behind it, by the log's own signature", async () => {
    const log = await cosignedLog(5);
    await log.cut(3);
    for (const policy of [byWitness(), {}]) {
      const { findings } = await log.check(policy);
      expect(findings).toMatchObject([
        {
          code: "log.truncated",
          severity: "critical",
          expected: "5 manifests",
          actual: "3 manifests",
          object: expect.stringContaining("/anchors/"),
        },
      ]);
    }
    expect((await log.check(byWitness(), { scope: "all" })).codes).toEqual(["log.truncated"]);
    await expect(log.anchor(await forgetful())).rejects.toMatchObject({ code: "log.unsound" });
  });

  test("shows that a log of which nothing is left was there", async () => {
    const log = await cosignedLog(2);
    await log.cut(0);
    expect((await log.check()).codes).toEqual(["log.truncated"]);
  });

  test("shows that the log was written anew, shorter, longer and at the same length", async () => {
    for (const more of [1, 3, 8]) {
      const log = await cosignedLog(5);
      await log.cut(2);
      await log.grow(more, "another");
      const { codes } = await log.check(byWitness());
      expect(codes).toEqual([more === 1 ? "log.truncated" : "checkpoint.inconsistent"]);
      await expect(log.anchor(await forgetful())).rejects.toMatchObject({ code: "log.unsound" });
    }
  });

  test("of a log that grew since its head was looked for is no truncation", async () => {
    const log = await AnchoredLog.of(3);
    clock = log.now();
    const before = log.check.bind(log);
    // The head is found, then the log grows and is anchored, then its anchors are looked at.
    const versions = log.store.versions.bind(log.store);
    let grown = false;
    log.store.versions = async function* (prefix, options) {
      if (prefix.includes("/anchors/witness/") && !grown) {
        grown = true;
        await log.grow(2);
        await log.anchor(await forgetful());
      }
      yield* versions(prefix, options);
    };
    const { codes, seen } = await before(byWitness());
    expect(grown).toBe(true);
    expect({ codes, size: seen.newest[0]?.size }).toEqual({ codes: [], size: 5 });
  });

  test("is found in a few requests, however many there are", async () => {
    const cost = async (anchors: number): Promise<number> => {
      const log = await AnchoredLog.of(1);
      const config = await forgetful();
      for (let i = 0; i < anchors; i++) {
        clock = log.now();
        await log.anchor(config);
        await log.grow(1);
      }
      const calls = (): number => log.store.calls("get") + log.store.calls("versions");
      const before = calls();
      expect((await log.check(byWitness())).codes).toEqual([]);
      return calls() - before;
    };
    const [few, many] = [await cost(4), await cost(40)];
    expect(many - few).toBeLessThan(25);
  });
});

describe("what lies among the anchors", () => {
  test.each([
    ["names no anchor", `${LOG}/anchors/witness/readme.txt`, "hello"],
    ["is of no kind", `${LOG}/anchors/other/9007199254740988.0123456789abcdef.note`, "hello"],
  ])("and %s is a stray, found by whoever looks at all", async (_what, key, content) => {
    const log = await cosignedLog(3);
    log.store.overwrite(key, Buffer.from(content));
    const { findings } = await log.check(byWitness(), { scope: "all" });
    expect(findings).toMatchObject([{ code: "object.stray", object: key }]);
  });

  test("and was not signed by the log's key says nothing of the log, however new it looks", async () => {
    const log = await cosignedLog(3);
    const note = Buffer.from(`${LOG_ORIGIN}\n99\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— ${LOG_ORIGIN} AAAAAAAAAAA=\n`);
    const key = `${LOG}/${anchorKey("witness", 99, anchorId(note))}`;
    log.store.overwrite(key, note);
    const { findings, seen } = await log.check(byWitness());
    expect(findings).toMatchObject([{ code: "object.stray", object: key, severity: "warning" }]);
    expect(seen.newest).toMatchObject([{ size: 3 }]);
  });

  test("and hides the newest anchor below many others can't be gone through each time, and that is said", async () => {
    const log = await cosignedLog(3);
    for (let i = 0; i < 40; i++)
      log.store.overwrite(`${LOG}/${anchorKey("witness", 100 + i, "0123456789abcdef")}`, Buffer.from("junk"));
    const { codes } = await log.check(byWitness());
    expect(codes.at(-1)).toBe("anchor.unreadable");
    expect(codes.filter((code) => code === "anchor.bad")).toHaveLength(16);
    expect((await log.check(byWitness(), { scope: "all" })).seen.newest).toMatchObject([{ size: 3 }]);
  });

  test("and has more versions than are read each time is not told from an anchor, at a bounded cost", async () => {
    const log = await cosignedLog(3);
    const key = `${LOG}/${anchorKey("witness", 100, "0123456789abcdef")}`;
    for (let i = 0; i < 200; i++) log.store.overwrite(key, Buffer.from(`junk ${i}`));
    const before = log.store.calls("get");
    const { findings, seen } = await log.check(byWitness());
    expect(log.store.calls("get") - before).toBeLessThan(50);
    expect(findings).toMatchObject([{ code: "anchor.unreadable", object: key }]);
    expect(seen.newest).toMatchObject([{ size: 3 }]);
    // What is put over an anchor, however often, changes nothing.
    const [anchor = ""] = await log.anchors();
    for (let i = 0; i < 200; i++) log.store.overwrite(anchor, Buffer.from(`junk ${i}`));
    expect((await log.check(byWitness())).seen.newest).toMatchObject([{ size: 3 }]);
  });

  test("is the anchor itself, whatever is put over it", async () => {
    const log = await cosignedLog(3);
    const [key = ""] = await log.anchors();
    log.store.overwrite(key, Buffer.from("other"));
    expect(await log.check(byWitness())).toMatchObject({ codes: [], seen: { newest: [{ size: 3 }] } });
    expect((await log.check(byWitness(), { scope: "all" })).codes).toEqual(["object.shadowed"]);
    log.store.deleteObject(key);
    expect(await log.check(byWitness())).toMatchObject({ codes: [], seen: { newest: [{ size: 3 }] } });
    expect((await log.check(byWitness(), { scope: "all" })).codes).toEqual(["object.delete-marker", "object.shadowed"]);
  });

  test("with any bit changed is no anchor any more", async () => {
    const log = await cosignedLog(3);
    const [key = ""] = await log.anchors();
    const versionId = (await log.store.head(key))?.versionId ?? "";
    const whole = await body(log.store, key);
    for (let bit = 0; bit < whole.length * 8; bit += 37) {
      log.store.corrupt(key, versionId, () => flipBit(whole, bit));
      expect((await log.check(byWitness())).codes).toEqual(["anchor.bad"]);
    }
    log.store.corrupt(key, versionId, () => whole);
    expect((await log.check(byWitness())).codes).toEqual([]);
  });

  test("under a name of its own is held against the keys that were given", async () => {
    const log = await cosignedLog(3);
    const [key = ""] = await log.anchors();
    const text = Buffer.from(await body(log.store, key)).toString();
    log.store.vanish(key, (await log.store.head(key))?.versionId ?? "");
    const put = (note: string): void => {
      log.store.overwrite(`${LOG}/${anchorKey("witness", 3, anchorId(Buffer.from(note)))}`, Buffer.from(note));
    };
    // Signed by the log, cosigned by nobody; and with a cosignature that is another's.
    put(text.split("— witness")[0] ?? "");
    expect((await log.check(byWitness())).findings).toMatchObject([
      { code: "anchor.bad", message: expect.stringContaining("no cosignature by a witness") },
    ]);
    const line = witness.cosign(text.split("\n\n")[0] ?? "");
    put(text.replace(/— witness.*\n/, line));
    expect((await log.check(byWitness())).codes.filter((code) => code === "anchor.bad")).toHaveLength(2);
    // Whoever gave no key is told that.
    expect(await log.check()).toMatchObject({
      codes: [],
      seen: { notObservable: [expect.stringContaining("no key of a witness")] },
    });
  });

  test("and can't be read is neither good nor bad", async () => {
    const log = await cosignedLog(3);
    const get = log.store.get.bind(log.store);
    log.store.get = async (key, options) => {
      if (key.includes("/anchors/")) throw new SteleError("store.denied", `${key}: no permission`);
      return get(key, options);
    };
    const policy = { ...byWitness(), required: ["witness"] as const, maxAgeMillis: 1 };
    log.pass(10_000);
    expect((await log.check(policy)).codes).toEqual(["anchor.unreadable"]);
  });

  test("is locked as long as the manifest that it ends with, or longer", async () => {
    const log = await cosignedLog(3);
    expect((await log.check(byWitness(), { scope: "all", locks: true })).codes).toEqual([]);
    const [key = ""] = await log.anchors();
    log.store.dropLock(key, (await log.store.head(key))?.versionId ?? "");
    expect((await log.check(byWitness(), { scope: "all", locks: true })).codes).toEqual(["lock.absent"]);
  });
});

describe("anchors that are to be there", () => {
  const policy = (): Partial<AnchorPolicy> => ({ ...byWitness(), required: ["witness"], maxAgeMillis: 3_600_000 });

  test("are missed when a manifest stands for longer than they may take", async () => {
    const log = await AnchoredLog.of(3);
    expect((await log.check(policy())).codes).toEqual([]);
    log.pass(3_600_000);
    expect((await log.check(policy())).findings).toMatchObject([{ code: "anchor.stale", index: 0, severity: "warning" }]);
    clock = log.now();
    await log.anchor(await forgetful());
    // An old anchor of the newest manifest is no stale one: nothing came since.
    log.pass(86_400_000);
    expect((await log.check(policy())).codes).toEqual([]);
    await log.grow(2);
    expect((await log.check(policy())).codes).toEqual([]);
    log.pass(3_600_000);
    expect((await log.check(policy())).findings).toMatchObject([{ code: "anchor.stale", index: 3 }]);
  });

  test("are missed where too few witnesses cosigned for what is asked today", async () => {
    const log = await cosignedLog(3);
    log.pass(7_200_000);
    expect((await log.check(policy())).codes).toEqual([]);
    expect((await log.check({ ...policy(), quorum: 2 })).codes).toEqual(["anchor.stale"]);
  });
});

describe("a second store", () => {
  const copied = async (store: Store, size: number): Promise<AnchoredLog> => {
    const log = await AnchoredLog.of(size);
    expect(await log.anchor({ copies: [{ store, retention: null }] })).toMatchObject({
      complete: true,
      outcomes: [{ outcome: "anchored" }],
    });
    return log;
  };

  test("remembers what the log was: cut off, or written anew", async () => {
    for (const other of [new MemoryStore({ url: "memory:second" }), await createDirectoryStore(await temporaryFolder())]) {
      const log = await copied(other, 4);
      await log.grow(3);
      expect(await log.check({ copies: [other] })).toMatchObject({
        codes: [],
        seen: { newest: [{ kind: "copy", size: 4, by: [other.url] }] },
      });
      await log.cut(3);
      expect((await log.check({ copies: [other] })).codes).toEqual(["log.truncated"]);
      expect((await log.check()).codes).toEqual([]);
      await log.grow(3, "another");
      expect((await log.check({ copies: [other] })).codes).toEqual(["checkpoint.inconsistent"]);
      await expect(log.anchor({ copies: [{ store: other, retention: null }] })).rejects.toMatchObject({ code: "log.unsound" });
    }
  });

  test("keeps the very note, once, under a lock where one is asked for", async () => {
    const other = new MemoryStore({ url: "memory:second", now: () => NOW });
    const log = await AnchoredLog.of(4);
    const copies = [{ store: other, retention: { mode: "GOVERNANCE", period: parsePeriod("30d") } }] as const;
    const { checkpoint } = await log.anchor({ copies });
    const keys: string[] = [];
    for await (const { key } of other.versions("")) keys.push(key);
    expect(keys).toEqual([expect.stringMatching(/^anchors\/audit\.example\+prod\+app\/9007199254740987\.[0-9a-f]{16}\.note$/)]);
    const note = Buffer.from(await body(other, keys[0] ?? "")).toString();
    expect(note.startsWith(checkpoint.note.text)).toBe(true);
    expect(await other.lockState(keys[0] ?? "")).toMatchObject({
      retention: { mode: "GOVERNANCE", until: "2026-02-01T00:00:04.000Z" },
    });
    expect(await log.anchor({ copies })).toMatchObject({ complete: true, outcomes: [{ outcome: "already" }] });
    expect(other.calls("putIfAbsent")).toBe(1);
  });

  test("is not the archive itself, nor another archive", async () => {
    const log = await AnchoredLog.of(2);
    const other = await AnchoredLog.of(2);
    for (const store of [log.store, other.store]) {
      expect(await log.anchor({ copies: [{ store, retention: null }] })).toMatchObject({
        complete: false,
        outcomes: [{ outcome: "failed", error: { code: "input.invalid" } }],
      });
    }
  });

  test("holds copies of other logs that are none of this one's", async () => {
    const other = new MemoryStore({ url: "memory:second" });
    const log = await copied(other, 4);
    const [key = ""] = await (async () => {
      const keys: string[] = [];
      for await (const version of other.versions("")) keys.push(version.key);
      return keys;
    })();
    other.overwrite(key.replace("+app/", "+apps/"), await body(other, key));
    expect((await log.check({ copies: [other] }, { scope: "all" })).codes).toEqual([]);
    other.overwrite(key.replace("9007199254740987", "9007199254740900"), await body(other, key));
    expect((await log.check({ copies: [other] })).codes).toEqual(["anchor.bad"]);
  });
});

describe("who verifies an archive", () => {
  const verify = (log: AnchoredLog, anchors: Partial<AnchorPolicy> = {}): Promise<VerifyReport> =>
    verifyArchive(log.store, {
      pinned: [OWNER.key],
      level: "content",
      now: log.now(),
      threads: 1,
      anchors: { ...NO_POLICY, ...anchors },
    });
  const codes = ({ findings }: VerifyReport): string[] => findings.map(({ code }) => code);

  test("has its anchors checked, all of them, and strays among them named", async () => {
    const log = await cosignedLog(3);
    await log.grow(2);
    clock = log.now();
    await log.anchor(await forgetful());
    const sound = await verify(log, byWitness());
    expect(sound).toMatchObject({ verdict: "sound", logs: [{ anchors: [{ kind: "witness", size: 5, pinned: true }] }] });
    expect(await verify(log)).toMatchObject({
      verdict: "sound",
      notObservable: expect.arrayContaining([expect.stringContaining("no key of a witness")]),
    });
    log.store.overwrite(`${LOG}/anchors/junk`, Buffer.from("junk"));
    const old = (await log.anchors()).find((key) => key.includes("9007199254740988")) ?? "";
    log.store.corrupt(old, (await log.store.head(old))?.versionId ?? "", () => Buffer.from("junk"));
    expect(codes(await verify(log, byWitness())).sort()).toEqual(["anchor.bad", "object.stray"]);
    await log.cut(4);
    expect(codes(await verify(log))).toContain("log.truncated");
  });

  test("through a rotation of keys: an anchor is signed by the key of its time", async () => {
    const log = await AnchoredLog.of(2);
    clock = log.now();
    const config = await forgetful();
    witness.knows(renameVerifierKey(SUCCESSOR.key, LOG_ORIGIN).vkey);
    await log.anchor(config);
    const writer = await openWriter(log.archive, { now: log.now });
    await writer.rotate(SUCCESSOR);
    await writer.heartbeat();
    expect(await log.anchor(config)).toMatchObject({ complete: true, checkpoint: { size: 4 } });
    expect(await verify(log, byWitness())).toMatchObject({ verdict: "sound", logs: [{ anchors: [{ size: 4 }] }] });
  });

  test("and gives a second store hears of a log of which nothing is left", async () => {
    const other = new MemoryStore({ url: "memory:second" });
    const log = await AnchoredLog.of(3);
    await log.anchor({ copies: [{ store: other, retention: null }] });
    other.overwrite("anchors/audit.example+prod+No Log/x", Buffer.from("x"));
    expect(await verify(log, { copies: [other] })).toMatchObject({ verdict: "sound" });
    for (const { key, versionId } of await listAll(log.store, `${LOG}/`)) log.store.vanish(key, versionId ?? "");
    const { findings, notObservable } = await verify(log, { copies: [other] });
    expect(findings).toMatchObject([
      { code: "log.missing", log: LOG },
      { code: "log.truncated", log: LOG },
    ]);
    expect(notObservable.join()).not.toContain("a tail that was cut off");
    // Without the second store it is as if it had never been.
    expect(codes(await verify(log))).toEqual(["log.missing"]);
    const denied = Object.assign(new MemoryStore({ url: "memory:second" }), {
      // oxlint-disable-next-line require-yield -- it throws first
      async *versions(): AsyncGenerator<never> {
        await Promise.resolve();
        throw new SteleError("store.denied", "no permission");
      },
    });
    expect(codes(await verify(await AnchoredLog.of(1), { copies: [denied] }))).toEqual([
      "anchor.unreadable",
      "anchor.unreadable",
    ]);
  });
});

describe("a time-stamp", () => {
  const stamped = async (): Promise<AnchoredLog> => {
    const log = await AnchoredLog.of(3, Date.now());
    const trusted = parseCertificates(authority.root, "root.pem");
    const config = { authorities: [{ url: authority.url, trusted }] };
    expect(await log.anchor(config)).toMatchObject({ complete: true, outcomes: [{ kind: "timestamp", outcome: "anchored" }] });
    const before = authority.requests;
    expect(await log.anchor(config)).toMatchObject({ outcomes: [{ outcome: "already" }] });
    expect(authority.requests).toBe(before);
    return log;
  };

  test("is stored with what it stamps: openssl takes both, and years later the CA is all that is needed", async () => {
    const log = await stamped();
    const [key = "", ...others] = await log.anchors();
    expect(others).toEqual([]);
    expect(key).toMatch(/^app\/anchors\/timestamp\/9007199254740988\.[0-9a-f]{16}\.json$/);
    const bytes = await body(log.store, key);
    expect(createHash("sha256").update(bytes).digest("hex").slice(0, 16)).toBe(key.split(".")[1]);
    const { checkpoint, token } = parseStamped(bytes);
    expect(await authority.accepts(token, Buffer.from(checkpoint))).toBe(true);
    expect(await authority.accepts(token, Buffer.from(`${checkpoint} `))).toBe(false);

    const authorities = parseCertificates(authority.root, "root.pem");
    log.pass(5 * 365 * 86_400_000);
    expect(await log.check({ authorities })).toMatchObject({
      codes: [],
      seen: { newest: [{ kind: "timestamp", size: 3, pinned: true, by: ["O=Test, CN=Test TSA"] }], notObservable: [] },
    });
    expect(await log.check()).toMatchObject({
      codes: [],
      seen: { newest: [{ pinned: false }], notObservable: [expect.stringContaining("no CA certificate was given")] },
    });
    await using other = await TestAuthority.start();
    expect((await log.check({ authorities: parseCertificates(other.root, "root.pem") })).codes).toEqual(["anchor.bad"]);
  });

  test("of another checkpoint, or in another spelling, is none", async () => {
    const log = await stamped();
    const [key = ""] = await log.anchors();
    const line = Buffer.from(await body(log.store, key)).toString();
    log.store.vanish(key, (await log.store.head(key))?.versionId ?? "");
    await log.grow(1);
    const { checkpoint } = await log.anchor({});
    const put = (size: number, text: string): void => {
      log.store.overwrite(`${LOG}/${anchorKey("timestamp", size, anchorId(Buffer.from(text)))}`, Buffer.from(text));
    };
    const other = JSON.stringify(Buffer.from(encodeCheckpoint(checkpoint)).toString());
    put(
      4,
      line.replace(/"checkpoint":"(?:[^"\\]|\\.)*"/, () => `"checkpoint":${other}`),
    );
    put(3, line.replace('","token', '", "token'));
    const { findings } = await log.check({}, { scope: "all" });
    expect(findings).toMatchObject([
      { code: "anchor.bad", message: expect.stringContaining("it stamps something else") },
      { code: "object.stray" },
    ]);
  });
});

test("what fails is one anchor's, and the others are made", async () => {
  const log = await AnchoredLog.of(3);
  clock = log.now();
  const other = new MemoryStore({ url: "memory:second" });
  const result = await log.anchor({
    ...(await forgetful()),
    authorities: [{ url: "http://127.0.0.1:1/tsr", trusted: [] }],
    copies: [{ store: other, retention: null }],
  });
  expect(result).toMatchObject({
    complete: false,
    outcomes: [{ outcome: "anchored" }, { outcome: "failed", error: { code: "anchor.failed" } }, { outcome: "anchored" }],
  });
});

describe("an anchor that was put and reported as failed", () => {
  test("is found the next time, locked, and not made again", async () => {
    const log = await AnchoredLog.of(3);
    clock = log.now();
    const config = { ...NOBODY, ...(await forgetful()) };
    const faulty = withFaults(
      log.store,
      faultAt("putIfAbsent", 0, { kind: "persisted" }, (key) => key.includes("/anchors/")),
    );
    const archive = { ...log.archive, store: faulty };
    expect(await anchorLog(archive, LOG, config, { now: log.now })).toMatchObject({
      complete: false,
      outcomes: [{ outcome: "failed", error: { code: "store.unreachable" } }],
    });
    const [key = ""] = await log.anchors();
    log.store.dropLock(key, (await log.store.head(key))?.versionId ?? "");
    expect(await anchorLog(archive, LOG, config, { now: log.now })).toMatchObject({
      complete: true,
      outcomes: [{ outcome: "already" }],
    });
    expect(await log.anchors()).toEqual([key]);
    expect((await log.check(byWitness(), { scope: "all", locks: true })).codes).toEqual([]);
  });

  test("and was not put is made the next time", async () => {
    const log = await AnchoredLog.of(3);
    clock = log.now();
    const config = { ...NOBODY, ...(await forgetful()) };
    const faulty = withFaults(
      log.store,
      faultAt("putIfAbsent", 0, { kind: "unpersisted" }, (key) => key.includes("/anchors/")),
    );
    const archive = { ...log.archive, store: faulty };
    expect(await anchorLog(archive, LOG, config, { now: log.now })).toMatchObject({ complete: false });
    expect(await anchorLog(archive, LOG, config, { now: log.now })).toMatchObject({
      complete: true,
      outcomes: [{ outcome: "anchored" }],
    });
    expect(await log.anchors()).toHaveLength(1);
  });

  test("where the store can't be listed is not made twice", async () => {
    const log = await cosignedLog(3);
    const faulty = withFaults(log.store, ({ call, key }) =>
      call === "versions" && key.includes("/anchors/") ? { kind: "unpersisted" } : null,
    );
    const config = { ...NOBODY, witnesses: [{ url: witness.url, key: parseCosignerKey(witness.vkey) }], quorum: 1 };
    const before = witness.requests.length;
    expect(await anchorLog({ ...log.archive, store: faulty }, LOG, config, { now: log.now })).toMatchObject({
      complete: false,
      outcomes: [{ outcome: "failed", error: { code: "store.unreachable" } }],
    });
    expect(witness.requests).toHaveLength(before);
  });
});
