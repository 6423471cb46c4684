import { zstdCompressSync } from "node:zlib";
import { chainStart } from "../../../src/core/chain.ts";
import { CompactRange } from "../../../src/core/compact-range.ts";
import type { Manifest } from "../../../src/core/manifest.ts";
import { timestamp } from "../../../src/core/time.ts";
import { at, type ExpectedFinding, type TamperCase } from "./case.ts";
import { forgeNext, type Untruth } from "./forge.ts";
import { COMMITS, type Scene } from "./scene.ts";
import { ORIGIN, rawOf } from "../fixture.ts";

const HASH = Buffer.alloc(32, 7).toString("base64");
const NEXT = COMMITS;

/** A next commit that the log's own key signed, and that says something untrue. */
function untrue(
  name: string,
  code: "chain.broken" | "segment.altered",
  untruth: Untruth | ((scene: Scene) => Untruth),
  reads: TamperCase["reads"],
): TamperCase {
  return {
    name: `validly signed: ${name}`,
    tamper: async (scene) => void (await forgeNext(scene, scene.head, typeof untruth === "function" ? untruth(scene) : untruth)),
    expected: (scene): ExpectedFinding[] => [
      at(code, NEXT, code === "chain.broken" ? scene.manifest(NEXT) : scene.nextSegment()),
    ],
    verdict: "unsound",
    reads,
  };
}

function entries(change: (honest: Manifest["entries"]) => Partial<Manifest["entries"]>): Pick<Untruth, "manifest"> {
  return { manifest: (honest) => ({ ...honest, entries: { ...honest.entries, ...change(honest.entries) } }) };
}

/** Skips entries, or counts some of them twice. */
function elsewhere(name: string, by: number): TamperCase {
  const tamper = async (scene: Scene): Promise<void> => {
    const { manifest } = scene.head;
    const lying = { ...manifest, entries: { ...manifest.entries, first: manifest.entries.first + by } };
    await forgeNext(scene, { ...scene.head, manifest: lying });
  };
  const expected = (scene: Scene) => [at("chain.broken", NEXT, scene.manifest(NEXT))];
  return { name: `validly signed: ${name}`, tamper, expected, verdict: "unsound", reads: { before: 0 } };
}

/** Manifests that the log's key signed, and that are wrong all the same: a signature is not the truth. */
export const SIGNED_CASES: readonly TamperCase[] = [
  {
    name: "validly signed by hand, and true",
    tamper: async (scene) => {
      await forgeNext(scene, scene.head, { lines: ["made", "by hand"] });
      scene.expectAlso(rawOf(["made", "by hand"]));
    },
    expected: () => [],
    verdict: "sound",
    reads: "all",
  },
  untrue(
    "a wrong chain value",
    "chain.broken",
    entries(() => ({ chain: HASH })),
    { before: NEXT },
  ),
  untrue(
    "the chain of a log with another origin",
    "chain.broken",
    entries(() => ({ chain: Buffer.from(chainStart(`${ORIGIN}/other`)).toString("base64") })),
    { before: NEXT },
  ),
  untrue("a wrong previous", "chain.broken", { manifest: (honest) => ({ ...honest, previous: HASH }) }, { before: 0 }),
  elsewhere("entries left out", 1),
  elsewhere("entries numbered twice", -1),
  untrue(
    "sealed before the one before",
    "chain.broken",
    (scene) => ({
      heartbeat: true,
      manifest: (honest) => ({ ...honest, sealed: timestamp(scene.place.now() - 86_400_000) }),
    }),
    { before: 0 },
  ),
  untrue(
    "an arrival after the sealing",
    "chain.broken",
    (scene) => {
      const time = timestamp(scene.place.now() + 86_400_000);
      return { manifest: (honest) => ({ ...honest, appends: honest.appends.map((append) => ({ ...append, time })) }) };
    },
    { before: 0 },
  ),
  untrue(
    "nothing came, and another chain value",
    "chain.broken",
    { heartbeat: true, ...entries(() => ({ chain: HASH })) },
    { before: 0 },
  ),
  untrue(
    "nothing came, and a root of something",
    "chain.broken",
    { heartbeat: true, ...entries(() => ({ root: HASH })) },
    { before: 0 },
  ),
  untrue(
    "a wrong root over the entries",
    "segment.altered",
    entries(() => ({ root: HASH })),
    { before: NEXT },
  ),
  untrue(
    "more entries than the segment holds",
    "segment.altered",
    {
      manifest: (honest) => ({
        ...honest,
        entries: { ...honest.entries, count: 2 },
        appends: honest.appends.map((append) => ({ ...append, count: 2 })),
      }),
    },
    { before: NEXT },
  ),
  untrue(
    "a segment of two zstd frames",
    "segment.altered",
    { lines: ["one", "two"], stored: () => Buffer.concat(["one\n", "two\n"].map((line) => zstdCompressSync(Buffer.from(line)))) },
    { before: NEXT },
  ),
  untrue("a segment that is not compressed", "segment.altered", { stored: (raw) => raw }, { before: NEXT }),
  {
    name: "validly signed: a manifest after the log was closed",
    tamper: async (scene) => {
      const closed = { manifest: (honest: Manifest): Manifest => ({ ...honest, closed: true }) };
      const { commit } = await forgeNext(scene, scene.head, { heartbeat: true, ...closed });
      await forgeNext(scene, commit, { heartbeat: true });
    },
    expected: ({ manifest }) => [at("chain.broken", NEXT + 1, manifest(NEXT + 1))],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "validly signed: a tree with another beginning",
    tamper: async (scene) => {
      const { size, nodes } = scene.head.after;
      const before = CompactRange.of(
        size,
        nodes.map((node, i) => (i === 0 ? new Uint8Array(32).fill(9) : node)),
      );
      await forgeNext(scene, scene.head, { heartbeat: true, before });
    },
    expected: ({ manifest }) => [at("checkpoint.inconsistent", NEXT, manifest(NEXT))],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "validly signed: two different manifests at one index, under two keys",
    tamper: async (scene) => void (await forgeNext(scene, scene.commit(COMMITS - 2), { attempt: 1, segmentAttempt: 1 })),
    expected: () => [at("checkpoint.inconsistent", COMMITS - 1, "app/manifests/0000000000000008.1.ndjson")],
    allowed: ["object.stray"],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "validly signed: a different manifest put over one",
    needs: ["overwrite"],
    tamper: async (scene) => void (await forgeNext(scene, scene.commit(3), { segmentAttempt: 1 })),
    expected: ({ manifest }) => [at("checkpoint.inconsistent", 4, manifest(4))],
    allowed: ["object.stray"],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "validly signed: the early half replaced by another chain of the same key",
    needs: ["rewrite"],
    tamper: async (scene) => {
      const other = await scene.double();
      try {
        for (const index of [0, 1, 2, 3]) {
          for (const key of [scene.manifest(index), scene.segment(index)]) {
            const bytes = await other.place.read(key);
            await scene.place.rewrite(key, () => bytes);
          }
        }
      } finally {
        await other.place.close();
      }
    },
    expected: ({ manifest }) => [at("checkpoint.inconsistent", 4, manifest(4))],
    allowed: ["chain.broken"],
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "an event's segment moved here from another log",
    needs: ["rewrite"],
    tamper: async (scene) => {
      const other = await scene.double();
      const foreign = await other.place.read(other.segment(3));
      await other.place.close();
      await scene.place.rewrite(scene.segment(3), () => foreign);
    },
    expected: (scene) => [at("segment.altered", 3, scene.segment(3))],
    verdict: "unsound",
    reads: { before: 3 },
  },
  {
    name: "validly signed: a manifest of another log of the archive",
    tamper: async (scene) => {
      const origin = `${ORIGIN}/other`;
      await forgeNext(scene, scene.head, { heartbeat: true, manifest: (honest) => ({ ...honest, origin }) });
    },
    expected: ({ manifest }) => [at("manifest.altered", NEXT, manifest(NEXT))],
    verdict: "unsound",
    reads: "all",
  },
];
