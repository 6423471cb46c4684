import { expect, test } from "vitest";
import { openLog } from "../../src/archive/log-reader.ts";
import { loadForReader } from "../../src/archive/load-segment.ts";
import { proveEntry, proveIn } from "../../src/archive/prove.ts";
import { SegmentPool } from "../../src/archive/segment/pool.ts";
import { formatSteleProof, verifySteleProof } from "../../src/core/stele-proof.ts";
import { withFaults } from "../../src/store/fault.ts";
import { MemoryStore } from "../../src/store/memory/memory.ts";
import { commitLines, LOG, newArchive, NOW, openWriter } from "./fixture.ts";

test("an entry of a segment at hand is proven without reading the segment again, by the same proof", async () => {
  const store = withFaults(new MemoryStore({ now: () => NOW }), () => null);
  const archive = await newArchive(store);
  const writer = await openWriter(archive);
  for (let i = 0; i < 5; i++) await commitLines(writer, [`a${i}`, `b${i}`, `c${i}`]);
  const opened = await openLog(archive, LOG);
  const commit = await opened.history.commit(2);
  if (commit.manifest.segment === null) throw new Error("it has a segment");
  await using pool = new SegmentPool(1);
  const segment = await loadForReader(store, pool, opened.log, commit, commit.manifest.segment, null);
  const from = store.log.length;
  for (const index of [6, 7, 8]) {
    const proof = await proveIn(opened, commit, segment, index);
    verifySteleProof(proof, opened.located.keys);
    expect(Buffer.from(proof.entry).toString()).toBe(`${"abc".charAt(index - 6)}2`);
    expect(formatSteleProof(proof)).toEqual(formatSteleProof(await proveEntry(archive, LOG, index)));
  }
  const own = store.log.slice(from).filter(({ call, key }) => call === "get" && key.includes("/segments/"));
  expect(own).toHaveLength(3);
  for (const index of [5, 9, -1, 6.5])
    await expect(proveIn(opened, commit, segment, index)).rejects.toMatchObject({ code: "input.invalid" });
});
