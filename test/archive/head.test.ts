import { createHash } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { findHead } from "../../src/archive/head.ts";
import { History } from "../../src/archive/history.ts";
import { verifyArchive } from "../../src/archive/verify/verify.ts";
import { SteleError } from "../../src/core/error.ts";
import { faultAt, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { MTH, PATH, PROOF } from "../core/reference-tree.ts";
import { commitLines, LOG, LOG_ORIGIN, newArchive, NOW, openWriter, OWNER } from "./fixture.ts";
import { beatKey, type Heartbeat, heartbeatAt, heartbeats } from "./heartbeats.ts";

const now = (): number => NOW;
const log = { name: LOG, origin: LOG_ORIGIN };
const keys = [OWNER.rename(LOG_ORIGIN).key];
const JUNK = Buffer.from("junk\n");

const LONGEST = 70;
let beats: readonly Heartbeat[];
beforeAll(async () => {
  beats = await heartbeats(LONGEST);
});

describe("the newest manifest", () => {
  interface Placed {
    readonly index: number;
    readonly attempt: number;
    readonly what:
      | "manifest"
      | "manifest under a delete marker"
      | "manifest under junk"
      | "junk"
      | "junk under a manifest"
      | "manifest of elsewhere";
  }
  const placed: fc.Arbitrary<Placed[]> = fc.uniqueArray(
    fc.record({
      index: fc.nat(LONGEST - 2),
      attempt: fc.constantFrom(0, 0, 0, 1, 2),
      what: fc.constantFrom<Placed["what"]>(
        "manifest",
        "manifest",
        "manifest",
        "manifest under a delete marker",
        "manifest under junk",
        "junk",
        "junk under a manifest",
        "manifest of elsewhere",
      ),
    }),
    { selector: ({ index, attempt }) => `${index}.${attempt}`, maxLength: 80 },
  );

  function build(all: readonly Placed[]): MemoryStore {
    const store = new MemoryStore({ now });
    for (const { index, attempt, what } of all) {
      const key = beatKey(index, attempt);
      const genuine = beats[index]?.bytes ?? JUNK;
      if (what === "junk" || what === "junk under a manifest") store.overwrite(key, JUNK);
      if (what === "manifest of elsewhere") store.overwrite(key, beats[index + 1]?.bytes ?? JUNK);
      if (what.startsWith("manifest") && what !== "manifest of elsewhere") store.overwrite(key, genuine);
      if (what === "junk under a manifest") store.overwrite(key, genuine);
      if (what === "manifest under junk") store.overwrite(key, JUNK);
      if (what === "manifest under a delete marker") store.deleteObject(key);
    }
    return store;
  }

  const isGenuine = ({ what }: Placed): boolean => what !== "junk" && what !== "manifest of elsewhere";

  test("is the last that is there, whatever is missing before it and whatever else lies around", async () => {
    await fc.assert(
      fc.asyncProperty(placed, fc.nat(), async (all, pick) => {
        const store = build(all);
        const genuine = all.filter(isGenuine).map(({ index }) => index);
        const expected = genuine.length === 0 ? null : Math.max(...genuine);
        const { newest } = await findHead(store, log, keys);
        expect(newest?.commit.manifest.index ?? null).toBe(expected);
        if (genuine.length === 0) return;
        const known = genuine[pick % genuine.length] ?? 0;
        expect((await findHead(store, log, keys, { known })).newest?.commit.manifest.index).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("what was passed over behind it is told", async () => {
    const store = build([
      { index: 3, attempt: 0, what: "manifest" },
      { index: 9, attempt: 0, what: "junk" },
      { index: 20, attempt: 1, what: "junk" },
    ]);
    const { newest, passedOver } = await findHead(store, log, keys);
    expect(newest?.version.key).toBe(beatKey(3));
    expect(passedOver.map(({ version }) => version.key).sort()).toEqual([beatKey(9), beatKey(20, 1)]);
  });

  test("is not guessed when a listing or the manifest itself can't be read", async () => {
    const store = build([{ index: 3, attempt: 0, what: "manifest" }]);
    const error = new SteleError("store.denied", "refused");
    for (const call of ["versions", "get"] as const) {
      const blind = withFaults(store, faultAt(call, 0, { kind: "unpersisted", error }));
      await expect(findHead(blind, log, keys)).rejects.toMatchObject({ code: "store.denied" });
    }
  });

  const SIZES = [1, 2, 3, 4, 7, 8, 9, 100, 255, 256, 257, 1000, 1023, 1024, 1025, 4095, 4096, 4097, 4999, 5000];
  test.each(SIZES)("of %i is found with O(log n) requests, and with three when it is known", async (size) => {
    const store = new MemoryStore({ now });
    for (let i = 0; i < size - 1; i++) store.overwrite(beatKey(i), JUNK);
    store.overwrite(beatKey(size - 1), (await heartbeatAt(size - 1)).bytes);
    const requests = async (known?: number): Promise<number> => {
      store.resetCalls();
      const { newest } = await findHead(store, log, keys, known === undefined ? {} : { known });
      expect(newest?.commit.manifest.index).toBe(size - 1);
      return store.calls("versions") + store.calls("get") + store.calls("head");
    };
    expect(await requests()).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(size)) + 5);
    expect(await requests(size - 1)).toBeLessThanOrEqual(3);
  });
});

describe("proofs over a log's manifests", () => {
  const hex = (hashes: readonly Uint8Array[]): string[] => hashes.map((hash) => Buffer.from(hash).toString("hex"));

  test("are those of RFC 6962, from any manifest to any head", async () => {
    const store = new MemoryStore({ now });
    for (const [i, { bytes }] of beats.entries()) store.overwrite(beatKey(i), bytes);
    const lines = beats.map(({ commit }) => commit.line);
    for (const size of [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31, 32, 33, 64, 65, LONGEST]) {
      const head = beats[size - 1]?.commit;
      if (head === undefined) throw new Error(`no manifest ${size - 1}`);
      const history = new History(store, log, head, keys);
      const D = lines.slice(0, size);
      expect(hex([head.after.root()])).toEqual(hex([MTH(D)]));
      for (let i = 0; i < size; i++) {
        expect(hex(await history.inclusionProof(i)), `path of ${i} in ${size}`).toEqual(hex(PATH(i, D)));
        expect(hex(await history.consistencyProof(i + 1)), `proof from ${i + 1} to ${size}`).toEqual(hex(PROOF(i + 1, D)));
      }
    }
  });

  test("cost O(log n) manifests", async () => {
    const store = new MemoryStore({ now });
    for (const [i, { bytes }] of beats.entries()) store.overwrite(beatKey(i), bytes);
    const head = beats.at(-1)?.commit;
    if (head === undefined) throw new Error("no head");
    for (let i = 0; i < LONGEST; i++) {
      store.resetCalls();
      await new History(store, log, head, keys).inclusionProof(i);
      expect(store.calls("get"), `path of ${i}`).toBeLessThanOrEqual(Math.ceil(Math.log2(LONGEST)));
    }
  });
});

describe("hash tiles", () => {
  /** What C2SP tlog-tiles has in a level-0 tile, from the manifests' lines as they lie in the store. */
  async function expectedTile(store: MemoryStore, n: number): Promise<Buffer> {
    const leaves: Buffer[] = [];
    for (let i = n * 256; i < (n + 1) * 256; i++) {
      const { body } = await store.get(beatKey(i), { maxBytes: 1 << 20 });
      leaves.push(
        createHash("sha256")
          .update(Uint8Array.of(0))
          .update(body.subarray(0, body.indexOf(0x0a)))
          .digest(),
      );
    }
    return Buffer.concat(leaves);
  }

  async function tile(store: MemoryStore, path: string): Promise<Buffer | null> {
    const key = `${LOG}/tiles/${path}`;
    return (await store.head(key)) === null ? null : Buffer.from((await store.get(key, { maxBytes: 1 << 20 })).body);
  }

  const verdictOf = async (store: MemoryStore) => {
    const { verdict, findings } = await verifyArchive(store, { pinned: [OWNER.key], level: "content", now: NOW, threads: 1 });
    return { verdict, findings: findings.map(({ code, severity, index }) => `${severity} ${code} ${index}`) };
  };

  test("are there after 256 and 512 commits, also across writers, and not before", async () => {
    const store = new MemoryStore({ now });
    const archive = await newArchive(store);
    let writer = await openWriter(archive);
    for (let i = 0; i < 512; i++) {
      if (i === 100 || i === 300) writer = await openWriter(archive);
      if (i === 255) expect(await tile(store, "0/000")).toBeNull();
      if (i === 511) expect(await tile(store, "0/001")).toBeNull();
      await commitLines(writer, [`event ${i}`]);
    }
    expect(await tile(store, "0/000")).toEqual(await expectedTile(store, 0));
    expect(await tile(store, "0/001")).toEqual(await expectedTile(store, 1));
    expect(await tile(store, "1/000")).toBeNull();
    expect(await store.lockState(`${LOG}/tiles/0/001`)).toEqual({
      retention: { mode: "COMPLIANCE", until: "2027-01-02T00:00:00.000Z" },
      legalHold: false,
    });
    expect(await verdictOf(store)).toEqual({ verdict: "sound", findings: [] });
  });

  test.each(["unpersisted", "persisted"] as const)(
    "a crash between the manifest and its tile is repaired (put %s)",
    async (kind) => {
      const store = new MemoryStore({ now });
      const archive = await newArchive(store);
      const isTile = (key: string): boolean => key.includes("/tiles/");
      const crashing = await openWriter({ ...archive, store: withFaults(store, faultAt("putIfAbsent", 0, { kind }, isTile)) });
      for (let i = 0; i < 255; i++) await commitLines(crashing, [`event ${i}`]);
      await expect(commitLines(crashing, ["event 255"])).rejects.toMatchObject({ code: "store.unreachable" });
      const missing = ["info tile.missing 255"];
      expect(await verdictOf(store)).toEqual({ verdict: "sound", findings: kind === "unpersisted" ? missing : [] });

      const writer = await openWriter(archive);
      expect(writer.nextEntry).toBe(256);
      expect(await tile(store, "0/000")).toEqual(await expectedTile(store, 0));
      await commitLines(writer, ["event 256"]);
      expect(await verdictOf(store)).toEqual({ verdict: "sound", findings: [] });
    },
  );
});
