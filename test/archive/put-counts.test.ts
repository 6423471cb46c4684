import { beforeAll, describe, expect, test } from "vitest";
import type { Archive } from "../../src/archive/archive.ts";
import { History } from "../../src/archive/history.ts";
import type { Commit } from "../../src/core/commit.ts";
import { verifyConsistency } from "../../src/core/consistency.ts";
import { verifyInclusion } from "../../src/core/inclusion.ts";
import { faultAt, type StoreCall, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { MTH, packedLeaves, PATH, PROOF } from "../core/reference-tree.ts";
import { commitLines, listAll, LOG, LOG_ORIGIN, newArchive, NOW, openWriter, OWNER } from "./fixture.ts";
import { archivePortions, portions } from "./pipelines.ts";

const now = (): number => NOW;
const log = { name: LOG, origin: LOG_ORIGIN };
const keys = [OWNER.rename(LOG_ORIGIN).key];
const digits = (index: number): string => String(index).padStart(16, "0");
const TILE = `${LOG}/tiles/0/000`;

/** The manifests' lines as they lie in the store: the entries of the manifest tree. */
async function linesIn(store: Store, count: number): Promise<Uint8Array[]> {
  const lines: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const { body } = await store.get(`${LOG}/manifests/${digits(i)}.ndjson`, { maxBytes: 1 << 20 });
    lines.push(body.slice(0, body.indexOf(0x0a)));
  }
  return lines;
}

async function commitMany(archive: Archive, from: number, to: number): Promise<Commit[]> {
  const writer = await openWriter(archive);
  const commits: Commit[] = [];
  for (let i = from; i < to; i++) commits.push(await commitLines(writer, [`event ${i}`]));
  return commits;
}

const hex = (hashes: readonly Uint8Array[]): string[] => hashes.map((hash) => Buffer.from(hash).toString("hex"));

const bodyOf = async (store: Store, key: string): Promise<Uint8Array> => (await store.get(key, { maxBytes: 1 << 20 })).body;

describe.each([true, false])("without faults (second puts refused: %s)", (conditionalPut) => {
  let store: MemoryStore;
  const puts: string[] = [];
  beforeAll(async () => {
    store = new MemoryStore({ now, conditionalPut });
    const archive = await newArchive(store);
    const watched = withFaults(store, () => null);
    await commitMany({ ...archive, store: watched }, 0, 300);
    // Another writer has not seen what the tile is made of.
    await commitMany({ ...archive, store: watched }, 300, 513);
    puts.push(...watched.log.filter(({ call }) => call === "putIfAbsent").map(({ key }) => key));
  });

  test("a segment costs two puts, a full tile one, and a log one for its description", async () => {
    const expected = Array.from({ length: 513 }, (_, i) => [
      `${LOG}/segments/dt=2026-01-02/${digits(i)}.ndjson.zst`,
      `${LOG}/manifests/${digits(i)}.ndjson`,
    ]);
    // In the order in which they must come: the manifest after its segment, the tile after the manifest that fills it.
    expected[0]?.splice(1, 0, `${LOG}/log.json`);
    expected[255]?.push(TILE);
    expected[511]?.push(`${LOG}/tiles/0/001`);
    expect(puts).toEqual(expected.flat());
    expect((await listAll(store)).map(({ key }) => key).sort()).toEqual(["archive.json", ...expected.flat()].sort());
  });

  test("full tiles hold the leaf hashes of the manifests' lines", async () => {
    const lines = await linesIn(store, 512);
    expect(await bodyOf(store, TILE)).toEqual(packedLeaves(lines.slice(0, 256)));
    expect(await bodyOf(store, `${LOG}/tiles/0/001`)).toEqual(packedLeaves(lines.slice(256)));
  });
});

describe.each([true, false])("three uploads under way at a time (second puts refused: %s)", (conditionalPut) => {
  test("cost no more: two puts a segment, one a full tile, and one listing of what may have been left behind", async () => {
    const store = new MemoryStore({ now, conditionalPut });
    const archive = await newArchive(store);
    const HEAD = 3;
    await commitMany(archive, 0, HEAD);
    const watched = withFaults(store, () => null);
    const writer = await openWriter({ ...archive, store: watched });
    const opening = watched.log.length;
    const COUNT = 300;
    const all = portions(COUNT, { first: HEAD });
    await archivePortions(writer, all, 3);
    const made = watched.log.slice(opening);
    const keysOf = (call: StoreCall, part: string): string[] =>
      made.filter((one) => one.call === call && one.key.includes(part)).map(({ key }) => key);
    const segments = all.map(({ first }) => `${LOG}/segments/dt=2026-01-02/${digits(first)}.ndjson.zst`);
    const manifests = all.map((_, i) => `${LOG}/manifests/${digits(i + HEAD)}.ndjson`);
    expect(keysOf("putIfAbsent", "/segments/").sort()).toEqual(segments);
    expect(keysOf("putIfAbsent", "/manifests/")).toEqual(manifests);
    expect(keysOf("putIfAbsent", "/tiles/")).toEqual([TILE]);
    expect(watched.count("putIfAbsent")).toBe(2 * COUNT + 1);
    expect(keysOf("versions", "/segments/")).toEqual([`${LOG}/segments/`]);
    // After its put, and where a second put would not be refused also before it.
    // The tile takes the manifests that this writer did not write.
    expect(keysOf("versions", "/manifests/")).toHaveLength(COUNT * (conditionalPut ? 1 : 2) + HEAD);
    expect(keysOf("versions", "")).toHaveLength(1 + COUNT * (conditionalPut ? 1 : 2) + HEAD);
    expect(keysOf("get", "/manifests/")).toHaveLength(COUNT + HEAD);
    // Every lock is read back once.
    expect(keysOf("lockState", "/segments/").sort()).toEqual(segments);
    expect(keysOf("lockState", "")).toHaveLength(2 * COUNT + 1);
    expect(keysOf("get", "/segments/")).toEqual([]);
    expect(made.filter(({ call }) => call === "extendRetention" || call === "head")).toEqual([]);
  });
});

describe("a tile that was not put with its manifest", () => {
  test("is put by the next writer before its first commit, once", async () => {
    const store = new MemoryStore({ now });
    const archive = await newArchive(store);
    const crash = faultAt("putIfAbsent", 0, { kind: "unpersisted" }, (key) => key.includes("/tiles/"));
    await expect(commitMany({ ...archive, store: withFaults(store, crash) }, 0, 256)).rejects.toMatchObject({
      code: "store.unreachable",
    });
    expect(await listAll(store, `${LOG}/tiles/`)).toEqual([]);
    const watched = withFaults(store, () => null);
    const puts = (): string[] => watched.log.filter(({ call }) => call === "putIfAbsent").map(({ key }) => key);
    await openWriter({ ...archive, store: watched });
    expect(puts()).toEqual([TILE]);
    expect(await bodyOf(store, TILE)).toEqual(packedLeaves(await linesIn(store, 256)));
    await commitMany({ ...archive, store: watched }, 256, 257);
    expect(puts()).toEqual([
      TILE,
      `${LOG}/segments/dt=2026-01-02/${digits(256)}.ndjson.zst`,
      `${LOG}/manifests/${digits(256)}.ndjson`,
    ]);
  });

  test.each([true, false])("is whole when a second writer repairs it first (second puts refused: %s)", async (conditionalPut) => {
    const store = new MemoryStore({ now, conditionalPut });
    const archive = await newArchive(store);
    await commitMany(archive, 0, 255);
    let repaired = false;
    const slow = withPut(store, async (key) => {
      if (key !== TILE || repaired) return;
      repaired = true;
      await openWriter(archive, { writerId: "other" });
    });
    const writer = await openWriter({ ...archive, store: slow });
    await commitLines(writer, ["event 255"]);
    await commitLines(writer, ["event 256"]);
    expect(repaired).toBe(true);
    const versions = await listAll(store, TILE);
    expect(versions).toHaveLength(conditionalPut ? 1 : 2);
    const expected = packedLeaves(await linesIn(store, 256));
    for (const { versionId } of versions)
      expect((await store.get(TILE, { versionId, maxBytes: 1 << 20 })).body).toEqual(expected);
  });
});

/** The store, and something that happens right before each of its puts. */
function withPut(store: Store, before: (key: string) => Promise<void>): Store {
  return {
    url: store.url,
    capabilities: store.capabilities,
    putIfAbsent: async (key, body, options) => {
      await before(key);
      return store.putIfAbsent(key, body, options);
    },
    get: store.get.bind(store),
    head: store.head.bind(store),
    versions: store.versions.bind(store),
    lockState: store.lockState.bind(store),
    extendRetention: store.extendRetention.bind(store),
    setLegalHold: store.setLegalHold.bind(store),
  };
}

describe("proofs from manifest objects", () => {
  const LONGEST = 70;
  let store: MemoryStore;
  let commits: Commit[];
  let lines: Uint8Array[];
  beforeAll(async () => {
    store = new MemoryStore({ now });
    commits = await commitMany(await newArchive(store), 0, LONGEST);
    lines = await linesIn(store, LONGEST);
  });

  test("are the reference's and verify, for every manifest and every older size of every tree", async () => {
    const leaves = packedLeaves(lines);
    const roots = Array.from({ length: LONGEST + 1 }, (_, size) => MTH(lines.slice(0, size)));
    const root = (size: number): Uint8Array => roots[size] ?? new Uint8Array(0);
    for (const [i, head] of commits.entries()) {
      const size = i + 1;
      const D = lines.slice(0, size);
      const history = new History(store, log, head, keys);
      for (let m = 0; m < size; m++) {
        const path = await history.inclusionProof(m);
        expect(hex(path), `path of ${m} in ${size}`).toEqual(hex(PATH(m, D)));
        verifyInclusion(leaves.subarray(m * 32, m * 32 + 32), m, size, path, root(size));
        const proof = await history.consistencyProof(m + 1);
        expect(hex(proof), `proof from ${m + 1} to ${size}`).toEqual(hex(PROOF(m + 1, D)));
        verifyConsistency(m + 1, size, proof, root(m + 1), root(size));
      }
      verifyConsistency(0, size, await history.consistencyProof(0), root(0), root(size));
    }
  });
});
