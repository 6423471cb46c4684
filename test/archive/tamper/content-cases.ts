import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { appended, at, edited, flipped, type TamperCase } from "./case.ts";
import type { Scene } from "./scene.ts";

/** The segment of a manifest that is none any more belongs to nobody. */
const ORPHAN = ["object.stray"] as const;

async function swap({ place }: Scene, a: string, b: string): Promise<void> {
  const [first, second] = [await place.read(a), await place.read(b)];
  await place.rewrite(a, () => second);
  await place.rewrite(b, () => first);
}

/** Another hash, as well spelled. */
function changedRange(body: Uint8Array): Uint8Array {
  const offset = Buffer.from(body).indexOf('"range":["') + '"range":["'.length;
  return body.with(offset, body[offset] === 0x41 ? 0x42 : 0x41);
}

function segmentCase(name: string, alter: (body: Uint8Array) => Uint8Array): TamperCase {
  return {
    name,
    needs: ["rewrite"],
    tamper: (scene) => scene.place.rewrite(scene.segment(3), alter),
    expected: (scene) => [at("segment.altered", 3, scene.segment(3))],
    verdict: "unsound",
    reads: { before: 3 },
  };
}

function manifestCase(
  name: string,
  alter: (body: Uint8Array) => Uint8Array,
  code: "manifest.altered" | "checkpoint.bad-signature",
) {
  return {
    name,
    needs: ["replace"],
    tamper: (scene) => scene.place.rewrite(scene.manifest(3), alter),
    expected: (scene) => [at(code, 3, scene.manifest(3))],
    allowed: ORPHAN,
    verdict: "unsound",
    reads: { before: 0 },
  } satisfies TamperCase;
}

/** Objects with other bytes than they were given. */
export const CONTENT_CASES: readonly TamperCase[] = [
  segmentCase("a byte in the middle of a segment changed", flipped(20)),
  segmentCase("the last byte of a segment changed", flipped(-1)),
  segmentCase("a segment truncated", (body) => body.slice(0, -7)),
  segmentCase("a segment emptied", () => new Uint8Array(0)),
  segmentCase("a byte appended to a segment", appended(0)),
  segmentCase("a second zstd frame appended to a segment", (body) =>
    Buffer.concat([body, zstdCompressSync(Buffer.from("one more event\n"))]),
  ),
  segmentCase("a segment compressed anew, its entries the same", (body) => zstdCompressSync(zstdDecompressSync(body))),
  segmentCase("a segment replaced by another of the same form", () => zstdCompressSync(Buffer.from("invented\n"))),
  {
    name: "two segments swapped",
    needs: ["rewrite"],
    tamper: (scene) => swap(scene, scene.segment(2), scene.segment(4)),
    expected: (scene) => [at("segment.altered", 2, scene.segment(2)), at("segment.altered", 4, scene.segment(4))],
    verdict: "unsound",
    reads: { before: 2 },
  },
  manifestCase("a byte of a manifest's line changed", edited('"id":"test"', '"id":"tesu"'), "manifest.altered"),
  manifestCase("the number of entries in a manifest changed", edited('"count":2', '"count":3'), "manifest.altered"),
  manifestCase("a byte of a manifest's compact range changed", changedRange, "manifest.altered"),
  manifestCase("a hash taken out of a manifest's compact range", edited('","', "  "), "manifest.altered"),
  manifestCase("a checkpoint's size changed", edited("\\n4\\n", "\\n5\\n"), "checkpoint.bad-signature"),
  manifestCase(
    "a byte of a checkpoint's signature changed",
    (body) => {
      // Past the key id, whose change would make it the signature of a key that nobody knows.
      const note =
        Buffer.from(body).indexOf("\u2014 audit.example/prod/app ") + Buffer.byteLength("\u2014 audit.example/prod/app ");
      const at20 = note + 20;
      return Buffer.from(body).fill(body[at20] === 0x41 ? "B" : "A", at20, at20 + 1);
    },
    "checkpoint.bad-signature",
  ),
  manifestCase("a manifest truncated", (body) => body.slice(0, -40), "manifest.altered"),
  manifestCase("a line appended to a manifest", appended(0x7b, 0x7d, 0x0a), "manifest.altered"),
  manifestCase(
    "a megabyte appended to a manifest",
    (body) => Buffer.concat([body, Buffer.alloc(1 << 20, "x")]),
    "manifest.altered",
  ),
  {
    name: "two manifests swapped",
    needs: ["replace"],
    tamper: (scene) => swap(scene, scene.manifest(2), scene.manifest(4)),
    expected: (scene) => [at("manifest.altered", 2, scene.manifest(2)), at("manifest.altered", 4, scene.manifest(4))],
    allowed: ORPHAN,
    verdict: "unsound",
    reads: { before: 0 },
  },
  {
    name: "a byte of log.json changed",
    needs: ["replace"],
    tamper: ({ place }) => place.rewrite("app/log.json", edited('"period":"1y"', '"period":"2y"')),
    expected: () => [at("description.altered", null, "app/log.json")],
    verdict: "unsound",
    reads: "all",
  },
  {
    name: "a byte of archive.json changed",
    needs: ["replace"],
    tamper: ({ place }) => place.rewrite("archive.json", edited('"period":"1y"', '"period":"2y"')),
    expected: () => [at("description.altered", null, "archive.json")],
    verdict: "unsound",
    reads: "all",
  },
];
