import { expect, test } from "vitest";
import { verifyArchive } from "../../../src/archive/verify/verify.ts";
import { OWNER, readAll } from "../fixture.ts";
import { forgeNext, type Untruth } from "./forge.ts";
import { MemoryPlace } from "./memory-place.ts";
import { COMMITS, Scene } from "./scene.ts";

const MIB = 1 << 20;
const BLOCK = 128 * 1024;
const BLOCKS = 32_768;
/** What the frames below come to: 4 GiB. */
const EXPANDED = BLOCK * BLOCKS;

/** A zstd frame (RFC 8878) of 128 KB that comes to 4 GiB of line feeds: blocks of one repeated byte. */
function bomb(header: readonly number[]): Uint8Array {
  const rle = (last: boolean): number[] => {
    const block = (BLOCK << 3) | (1 << 1) | (last ? 1 : 0);
    return [block & 0xff, (block >>> 8) & 0xff, block >>> 16, 0x0a];
  };
  const blocks = Array.from({ length: BLOCKS }, (_, i) => rle(i === BLOCKS - 1)).flat();
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...header, ...blocks]);
}

/** No content size, and a window of 1 MiB. */
const SILENT = bomb([0x00, 0x50]);
/** A content size of 12 bytes (4 bytes long), and a window of 1 MiB. */
const LYING = bomb([0x80, 0x50, 12, 0, 0, 0]);
/** A single segment: the window is the content, of 3 GiB. */
const HUNGRY = bomb([0xa0, 0, 0, 0, 0xc0]);

function declaring(rawBytes: number): Pick<Untruth, "manifest"> {
  return { manifest: (honest) => ({ ...honest, segment: honest.segment && { ...honest.segment, rawBytes } }) };
}

const BOMBS: readonly (readonly [string, Untruth])[] = [
  ["that says nothing of its size", { stored: () => SILENT }],
  ["that says to be small", { stored: () => LYING, lines: ["eleven char"] }],
  ["that asks for a window of 3 GiB", { stored: () => HUNGRY }],
  ["whose manifest tells the truth", { stored: () => SILENT, ...declaring(EXPANDED) }],
];

test.each(BOMBS)(
  "a segment of 4 GiB in 128 KB %s is refused in bounded memory, though the log's key signed it",
  async (_name, untruth) => {
    const scene = await Scene.build(new MemoryPlace({ conditionalPut: true }));
    await forgeNext(scene, scene.head, untruth);
    const before = process.resourceUsage().maxRSS;

    const options = { pinned: [OWNER.key], level: "content", now: scene.place.now(), threads: 1 } as const;
    const { findings, verdict } = await verifyArchive(scene.place.store, options);
    expect(findings.map(({ code, index }) => [code, index])).toEqual([["segment.altered", COMMITS]]);
    expect(verdict).toBe("unsound");
    const { bytes, error } = await readAll(scene.archive);
    expect(bytes.equals(scene.original)).toBe(true);
    expect(error?.code).toMatch(/^(format\.segment|proof\.entry)$/);

    const grown = (process.resourceUsage().maxRSS - before) / 1024;
    expect(grown).toBeLessThan(256);
    expect(EXPANDED / MIB).toBe(4096);
  },
);
