import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findHead } from "../../src/archive/head.ts";
import { utf8 } from "../../src/core/bytes.ts";
import { signCheckpoint } from "../../src/core/checkpoint.ts";
import { encodeCommit } from "../../src/core/commit.ts";
import { CompactRange } from "../../src/core/compact-range.ts";
import { encodeManifest, type Manifest, manifestLeaf } from "../../src/core/manifest.ts";
import { timestamp } from "../../src/core/time.ts";
import { faultAt, withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import type { ObjectVersion, Store } from "../../src/store/port.ts";
import { LOG, LOG_ORIGIN, NOW, OWNER, STRANGER } from "./fixture.ts";

const log = { name: LOG, origin: LOG_ORIGIN };
const keys = [OWNER.rename(LOG_ORIGIN).key];
const HASH = Buffer.alloc(32, 7).toString("base64");

function manifestKey(index: number, attempt = 0): string {
  return `${LOG}/manifests/${String(index).padStart(16, "0")}${attempt === 0 ? "" : `.${attempt}`}.ndjson`;
}

/** What may lie at a manifest's key; only `signed` makes a manifest. */
type Put = "signed" | "stranger" | "junk" | "elsewhere" | "delete-marker";

const made = new Map<string, Uint8Array>();
/** A manifest object that is valid by itself: what stands before it in the log is made up. */
async function bodyOf(what: Put, place: number): Promise<Uint8Array> {
  if (what === "junk") return utf8(`junk ${place}\n`);
  const index = what === "elsewhere" ? place - 1 : place;
  const known = made.get(`${what} ${index}`);
  if (known !== undefined) return known;
  const manifest: Manifest = {
    format: "stele/1",
    origin: LOG_ORIGIN,
    index,
    previous: index === 0 ? null : HASH,
    sealed: timestamp(NOW),
    segment: null,
    entries: { first: index, count: 0, root: HASH, chain: HASH },
    appends: [],
    retention: { mode: "COMPLIANCE", until: timestamp(NOW + 86_400_000) },
    writer: { id: "test", version: "0.0.0" },
  };
  const ones = index.toString(2).replaceAll("0", "").length;
  const before = CompactRange.of(
    index,
    Array.from({ length: ones }, (_, i) => new Uint8Array(32).fill(i)),
  );
  const { size, root } = { size: index + 1, root: before.append(manifestLeaf(encodeManifest(manifest))).root() };
  const signer = (what === "stranger" ? STRANGER : OWNER).rename(LOG_ORIGIN);
  const body = encodeCommit(manifest, before, await signCheckpoint({ origin: LOG_ORIGIN, size, root }, [signer]));
  made.set(`${what} ${index}`, body);
  return body;
}

describe("the head of a log", () => {
  const put = fc.record({
    what: fc.constantFrom<Put>("signed", "signed", "stranger", "junk", "elsewhere", "delete-marker"),
    attempt: fc.constantFrom(0, 0, 0, 1, 2, 11),
  });
  // Far away ones, too: junk there must not hide what comes before it.
  const index = fc.oneof(fc.nat(20), fc.nat(300), fc.constantFrom(255, 256, 4095, 65_536, 2 ** 40, 2 ** 53 - 3));
  const puts = fc.uniqueArray(fc.tuple(index, fc.array(put, { minLength: 1, maxLength: 4 })), {
    maxLength: 25,
    selector: ([at]) => at,
  });
  const strays = fc.subarray([
    `${LOG}/manifests/0`,
    `${LOG}/manifests/0000000000000003.ndjson.bak`,
    `${LOG}/manifests/0000000000000003.0.ndjson`,
    `${LOG}/manifests/0000000000000004~`,
    `${LOG}/manifests/9007199254740993.ndjson`,
    `${LOG}/manifests/9999999999999999.ndjson`,
    `${LOG}/manifests/zzz`,
    `${LOG}/manifests0/0000000000000099.ndjson`,
    "ap/manifests/0000000000000099.ndjson",
    "app0/manifests/0000000000000099.ndjson",
  ]);

  test("is what a look at every index finds, over gaps, junk, attempts, delete markers and strays", async () => {
    await fc.assert(
      fc.asyncProperty(puts, strays, fc.nat(24), async (placed, straying, pick) => {
        const store = new MemoryStore({ now: () => NOW });
        for (const key of straying) store.overwrite(key, utf8("stray"));
        const objects: { id: string; at: number }[] = [];
        let expected: number | null = null;
        for (const [at, versions] of placed) {
          for (const { what, attempt } of versions) {
            const key = manifestKey(at, attempt);
            if (what === "delete-marker") store.deleteObject(key);
            else
              objects.push({ id: store.overwrite(key, await bodyOf(at === 0 && what === "elsewhere" ? "junk" : what, at)), at });
            if (what === "signed" && (expected === null || at > expected)) expected = at;
          }
        }
        const behind = objects.filter(({ at }) => at > (expected ?? -1)).map(({ id }) => id);
        for (const known of [undefined, placed[pick]?.[0]]) {
          const { newest, passedOver } = await findHead(store, log, keys, known === undefined ? {} : { known });
          expect(newest?.commit.manifest.index ?? null, `with ${known} known`).toBe(expected);
          expect(new Set(passedOver.map(({ version }) => version.versionId))).toEqual(new Set(behind));
          expect(passedOver).toHaveLength(behind.length);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("is not guessed when any of the listings fails", async () => {
    const store = new MemoryStore({ now: () => NOW });
    for (let at = 0; at < 6; at++) store.overwrite(manifestKey(at), await bodyOf("signed", at));
    const sound = withFaults(store, () => null);
    await findHead(sound, log, keys);
    expect(sound.count("versions")).toBeGreaterThan(3);
    for (let nth = 0; nth < sound.count("versions"); nth++) {
      const faulty = withFaults(store, faultAt("versions", nth, { kind: "unpersisted" }));
      await expect(findHead(faulty, log, keys), `listing ${nth}`).rejects.toMatchObject({ code: "store.unreachable" });
    }
  });
});

interface Requests {
  /** Listings from a place on, by page. */
  searches: number;
  /** Listings of what lies in one manifest's place. */
  places: number;
  gets: number;
}

/** A log of `size` manifests, of which only those that are asked for are made, and so many objects behind them that are none. */
function manyManifests(size: number, strays = 0): { store: Store; requests: Requests } {
  const requests: Requests = { searches: 0, places: 0, gets: 0 };
  const impossible = (): never => {
    throw new Error("whoever looks for the head lists and reads");
  };
  const indexIn = (text: string): number => Number(/\d{16}/.exec(text)?.[0]);
  const version = (at: number): ObjectVersion => {
    return { key: manifestKey(at), versionId: `v${at}`, kind: "object", isLatest: true, size: 1, lastModified: timestamp(NOW) };
  };
  const store: Store = {
    url: "array:",
    capabilities: { versions: true, locks: "enforced", conditionalPut: true },
    async *versions(prefix, { after, limit = 1000 } = {}) {
      if (/\d{16}\.$/.test(prefix)) {
        requests.places++;
        if (indexIn(prefix) < size) yield version(indexIn(prefix));
        return;
      }
      requests.searches++;
      const first = after === undefined ? 0 : indexIn(after) + 1;
      for (let at = first; at < size + strays; at++) {
        // A store gives `limit` objects an answer: whoever reads on asks again.
        if (at > first && (at - first) % limit === 0) requests.searches++;
        yield at < size ? version(at) : { ...version(at), key: `${LOG}/manifests/zz-${at}` };
      }
    },
    get: async (key) => {
      requests.gets++;
      return { body: new Uint8Array(await bodyOf("signed", indexIn(key))), versionId: `v${indexIn(key)}` };
    },
    putIfAbsent: impossible,
    head: impossible,
    lockState: impossible,
    extendRetention: impossible,
    setLegalHold: impossible,
  };
  return { store, requests };
}

/** Galloping doubles its step until it is past the end, and halving takes the last step apart again. */
const bound = (manifests: number): number => 2 * Math.ceil(Math.log2(manifests + 1)) + 1;

describe("requests for the head of a log", () => {
  test("grow with the logarithm of its size", async () => {
    for (let size = 1; size <= 5000; size++) {
      const { store, requests } = manyManifests(size);
      const { newest } = await findHead(store, log, keys);
      if (newest?.commit.manifest.index !== size - 1)
        throw new Error(`took ${newest?.commit.manifest.index} for the last of ${size}`);
      expect(requests.searches, `listings for ${size} manifests`).toBeLessThanOrEqual(bound(size));
      expect([requests.places, requests.gets]).toEqual([1, 1]);
    }
  });

  test("do not grow with what lies among the manifests without being one", async () => {
    const { store, requests } = manyManifests(20, 1000);
    const { newest } = await findHead(store, log, keys);
    expect(newest?.commit.manifest.index).toBe(19);
    expect(requests.searches).toBeLessThanOrEqual(2 * bound(20));
  });

  test.each([1, 2, 255, 256, 5000])("are one listing, and two to read it, when the last of %i is known", async (size) => {
    const { store, requests } = manyManifests(size);
    const { newest } = await findHead(store, log, keys, { known: size - 1 });
    expect(newest?.commit.manifest.index).toBe(size - 1);
    expect(requests).toEqual({ searches: 1, places: 1, gets: 1 });
  });

  test("grow with the logarithm of what came after the known head", async () => {
    for (let since = 1; since <= 300; since++) {
      const { store, requests } = manyManifests(4000 + since);
      const { newest } = await findHead(store, log, keys, { known: 3999 });
      expect(newest?.commit.manifest.index).toBe(3999 + since);
      expect(requests.searches, `listings for ${since} after the known`).toBeLessThanOrEqual(bound(since));
    }
  });
});
